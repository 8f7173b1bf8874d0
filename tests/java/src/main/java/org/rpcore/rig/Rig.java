package org.rpcore.rig;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.PrintStream;
import org.apache.dubbo.common.Version;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** What both programs share: they talk in lines of JSON on standard input and output; all else goes to standard error. */
final class Rig {
    static final Gson GSON = new GsonBuilder()
            .disableHtmlEscaping()
            .serializeNulls()
            .serializeSpecialFloatingPointValues()
            .create();
    private static final PrintStream OUT = System.out;

    private Rig() {}

    /** The bootstrap of this process, with everything that tests do not want switched off. */
    static DubboBootstrap bootstrap(String name) {
        System.setOut(System.err);
        ApplicationConfig application = new ApplicationConfig(name);
        application.setQosEnable(false);
        return DubboBootstrap.getInstance().application(application).registry(new RegistryConfig("N/A"));
    }

    static synchronized void say(JsonObject message) {
        OUT.println(GSON.toJson(message));
        OUT.flush();
    }

    static JsonObject ready() {
        JsonObject message = new JsonObject();
        message.addProperty("ready", true);
        message.addProperty("dubbo", Version.getVersion());
        return message;
    }

    /** A consumer's side of {@code type} at an address, or several with semicolons between; a second to answer, no retry. */
    static <T> ReferenceConfig<T> reference(Class<T> type, String addresses) {
        ReferenceConfig<T> reference = new ReferenceConfig<>();
        reference.setInterface(type);
        StringBuilder url = new StringBuilder();
        for (String address : addresses.split(";")) {
            url.append(url.length() == 0 ? "" : ";").append("dubbo://").append(address).append('/');
            url.append(AllTypes.class.getName());
        }
        reference.setUrl(url.toString());
        reference.setTimeout(10000);
        reference.setRetries(0);
        reference.setCheck(false);
        reference.setCluster("failover"); // of several addresses 2.7 would make a zone-aware one, which then fails
        return reference;
    }

    static Thread daemon(Runnable task) {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    }
}
