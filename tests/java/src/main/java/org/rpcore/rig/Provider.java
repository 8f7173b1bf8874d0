package org.rpcore.rig;

import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Serves {@link AllTypes} until told to stop: plainly, as group g1 version 1.0.0, as version 2.0.0, and as group secret,
 * whose callers need a token; on a port of its own as group tiny, with one thread and no queue.
 *
 * <p>The line {@code stop} stops gracefully and ends; {@code halt}, and the end of the input, end at once.
 */
public final class Provider {
    private Provider() {}

    public static void main(String[] args) throws Exception {
        DubboBootstrap bootstrap = Rig.bootstrap("rig-provider");
        ProtocolConfig main = protocol("main", 200, 2000);
        ProtocolConfig tiny = protocol("tiny", 1, 0);
        bootstrap.protocol(main).protocol(tiny);
        bootstrap.service(service("plain", main, "", "", null));
        bootstrap.service(service("versioned", main, "", "2.0.0", null));
        bootstrap.service(service("grouped", main, "g1", "1.0.0", null));
        bootstrap.service(service("secret", main, "secret", "", "the-token"));
        bootstrap.service(service("tiny", tiny, "tiny", "", null));
        bootstrap.start();

        JsonObject ready = Rig.ready();
        ready.addProperty("port", main.getPort());
        ready.addProperty("tiny", tiny.getPort());
        Rig.say(ready);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null && !line.equals("halt"); line = in.readLine()) {
            if (line.equals("stop")) {
                bootstrap.stop();
                break;
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static ProtocolConfig protocol(String id, int threads, int queue) throws Exception {
        ProtocolConfig protocol = new ProtocolConfig("dubbo");
        protocol.setId(id);
        try (ServerSocket free = new ServerSocket(0)) {
            protocol.setPort(free.getLocalPort());
        }
        protocol.setThreadpool("fixed");
        protocol.setThreads(threads);
        protocol.setQueues(queue);
        return protocol;
    }

    private static ServiceConfig<AllTypes> service(
            String id, ProtocolConfig protocol, String group, String version, String token) {
        ServiceConfig<AllTypes> service = new ServiceConfig<>();
        service.setId(id);
        service.setInterface(AllTypes.class);
        service.setRef(new Service(group + "/" + version));
        service.setProtocol(protocol);
        if (!group.isEmpty()) {
            service.setGroup(group);
        }
        if (!version.isEmpty()) {
            service.setVersion(version);
        }
        if (token != null) {
            service.setToken(token);
        }
        return service;
    }
}
