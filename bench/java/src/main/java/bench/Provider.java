package bench;

import java.util.concurrent.CompletableFuture;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Echo at a port: {@code Provider PORT}. Says {"address": "127.0.0.1:PORT", "pid": N} and serves until it is terminated. */
public final class Provider implements Echo {
    @Override
    public CompletableFuture<String> text(String value) {
        return CompletableFuture.completedFuture(value);
    }

    @Override
    public CompletableFuture<Record> record(Record value) {
        return CompletableFuture.completedFuture(value);
    }

    @Override
    public CompletableFuture<byte[]> blob(byte[] value) {
        return CompletableFuture.completedFuture(value);
    }

    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        ServiceConfig<Echo> service = new ServiceConfig<>();
        service.setId("echo");
        service.setInterface(Echo.class);
        service.setRef(new Provider());
        ProtocolConfig protocol = new ProtocolConfig("dubbo", port);
        protocol.setHost("127.0.0.1");
        protocol.setSerialization("hessian2");
        DubboBootstrap.getInstance()
                .application(application())
                .registry(new RegistryConfig("N/A"))
                .protocol(protocol)
                .service(service)
                .start();
        System.out.printf("{\"address\": \"127.0.0.1:%d\", \"pid\": %d}%n", port, ProcessHandle.current().pid());
        System.out.flush();
        Thread.currentThread().join();
    }

    static ApplicationConfig application() {
        ApplicationConfig application = new ApplicationConfig("bench");
        application.setQosEnable(false);
        return application;
    }
}
