package org.rpcore.rig;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.dubbo.metadata.definition.ServiceDefinitionBuilder;
import org.apache.dubbo.metadata.definition.model.FullServiceDefinition;

/**
 * Prints what a provider of {@link AllTypes} publishes about it: its ServiceDefinition as JSON. The place of the classes
 * is made up, so that every machine prints the same.
 */
public final class Metadata {
    private Metadata() {}

    public static void main(String[] args) {
        Map<String, String> parameters = new LinkedHashMap<>();
        parameters.put("side", "provider");
        parameters.put("interface", AllTypes.class.getName());
        parameters.put("application", "rig");
        parameters.put("dubbo", "2.0.2");
        Dubbo.prepareDefinitions();
        FullServiceDefinition definition = ServiceDefinitionBuilder.buildFullDefinition(AllTypes.class, parameters);
        definition.setCodeSource("file:/app/rig.jar");
        System.out.println(Dubbo.json(definition));
    }
}
