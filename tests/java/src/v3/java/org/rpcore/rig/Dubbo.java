package org.rpcore.rig;

import java.util.Map;
import org.apache.dubbo.common.utils.JsonUtils;
import org.apache.dubbo.metadata.definition.TypeDefinitionBuilder;
import org.apache.dubbo.metadata.definition.model.FullServiceDefinition;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.model.FrameworkModel;

/** What Dubbo 3.x calls otherwise than 2.7. */
final class Dubbo {
    private Dubbo() {}

    /** In a service: the attachments of the call being served. */
    static Map<String, Object> received() {
        return RpcContext.getServerAttachment().getObjectAttachments();
    }

    /** In a service: an attachment of the answer. */
    static void reply(String key, String value) {
        RpcContext.getServerResponseContext().setAttachment(key, value);
    }

    /** In a consumer: an attachment of the next call. */
    static void attach(String key, String value) {
        RpcContext.getClientAttachment().setAttachment(key, value);
    }

    /** In a consumer: the attachments of the last answer. */
    static Map<String, Object> replied() {
        return RpcContext.getClientResponseContext().getObjectAttachments();
    }

    /** Forget what this thread has attached and been answered. */
    static void clear() {
        RpcContext.removeClientAttachment();
        RpcContext.removeClientResponseContext();
    }

    static void prepareDefinitions() {
        TypeDefinitionBuilder.initBuilders(FrameworkModel.defaultModel());
    }

    /** As the metadata report writes it. */
    static String json(FullServiceDefinition definition) {
        return JsonUtils.toJson(definition);
    }
}
