package org.rpcore.rig;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.serializer.SerializerFeature;
import java.util.Map;
import org.apache.dubbo.metadata.definition.model.FullServiceDefinition;
import org.apache.dubbo.rpc.RpcContext;

/** What Dubbo 2.7 calls otherwise than 3.x. */
final class Dubbo {
    private Dubbo() {}

    /** In a service: the attachments of the call being served. */
    static Map<String, Object> received() {
        return RpcContext.getContext().getObjectAttachments();
    }

    /** In a service: an attachment of the answer. */
    static void reply(String key, String value) {
        RpcContext.getServerContext().setAttachment(key, value);
    }

    /** In a consumer: an attachment of the next call. */
    static void attach(String key, String value) {
        RpcContext.getContext().setAttachment(key, value);
    }

    /** In a consumer: the attachments of the last answer. */
    static Map<String, Object> replied() {
        return RpcContext.getServerContext().getObjectAttachments();
    }

    /** Forget what this thread has attached and been answered. */
    static void clear() {
        RpcContext.removeContext();
        RpcContext.removeServerContext();
    }

    static void prepareDefinitions() {}

    /** As the metadata report writes it. */
    static String json(FullServiceDefinition definition) {
        return JSON.toJSONString(definition, SerializerFeature.PrettyFormat);
    }
}
