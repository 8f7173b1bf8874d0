package org.rpcore.rig;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.common.beanutil.JavaBeanDescriptor;
import org.apache.dubbo.common.beanutil.JavaBeanSerializeUtil;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.service.EchoService;
import org.apache.dubbo.rpc.service.GenericService;

/**
 * Calls what it is told to call. A line is {@code {"id": 1, "op": "call", "address": "127.0.0.1:20880", …}}, served on a
 * thread of its own; the answer is {@code {"id": 1, "value": …}} or {@code {"id": 1, "error": {…}}}.
 *
 * <p>How a reference is made: {@code address} (several with semicolons), {@code group}, {@code version}, {@code timeout}
 * (ms), {@code payload} (bytes), {@code retries}, {@code oneway} (the method called without an answer), {@code generic}.
 */
public final class Consumer {
    private static final Map<String, ReferenceConfig<?>> REFERENCES = new ConcurrentHashMap<>();

    private Consumer() {}

    public static void main(String[] args) throws Exception {
        Rig.bootstrap("rig-consumer").start();
        ExecutorService threads = Executors.newCachedThreadPool(Rig::daemon);
        Rig.say(Rig.ready());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonObject request = Rig.GSON.fromJson(line, JsonObject.class);
            threads.execute(() -> answer(request));
        }
        Runtime.getRuntime().halt(0);
    }

    private static void answer(JsonObject request) {
        JsonObject message = new JsonObject();
        message.add("id", request.get("id"));
        Dubbo.clear();
        try {
            message.add("value", serve(request));
        } catch (Throwable error) {
            message.add("error", describe(error, 0));
        }
        JsonObject attachments = new JsonObject();
        Dubbo.replied().forEach((key, value) -> attachments.addProperty(key, String.valueOf(value)));
        message.add("attachments", attachments);
        Rig.say(message);
    }

    private static JsonElement serve(JsonObject request) throws Throwable {
        switch (request.get("op").getAsString()) {
            case "names":
                return Rig.GSON.toJsonTree(new ArrayList<>(Samples.all().keySet()));
            case "sample":
                return sample(request);
            case "call":
                return call(request);
            case "echo":
                return Rig.GSON.toJsonTree(
                        ((EchoService) reference(AllTypes.class, request).get()).$echo(plain(request.get("value"))));
            case "generic":
                return generic(request);
            case "generic-sample":
                return genericSample(request);
            case "many":
                return many(request);
            case "sized": // so many bytes, which would be long in JSON
                return Rig.GSON.toJsonTree(
                        reference(AllTypes.class, request).get().size(new byte[request.get("bytes").getAsInt()]));
            case "available":
                return available(reference(AllTypes.class, request));
            case "forget":
                REFERENCES.values().forEach(ReferenceConfig::destroy);
                REFERENCES.clear();
                return JsonNull.INSTANCE;
            default:
                throw new IllegalArgumentException("no op like that");
        }
    }

    @SuppressWarnings("unchecked")
    private static <T> ReferenceConfig<T> reference(Class<T> type, JsonObject request) {
        JsonObject key = new JsonObject();
        for (String name :
                Arrays.asList("address", "group", "version", "timeout", "payload", "retries", "oneway", "generic")) {
            key.add(name, request.get(name));
        }
        key.addProperty("type", type.getName());
        return (ReferenceConfig<T>) REFERENCES.computeIfAbsent(key.toString(), unused -> make(type, request));
    }

    private static <T> ReferenceConfig<T> make(Class<T> type, JsonObject request) {
        ReferenceConfig<T> reference = Rig.reference(type, request.get("address").getAsString());
        if (request.has("group")) {
            reference.setGroup(request.get("group").getAsString());
        }
        if (request.has("version")) {
            reference.setVersion(request.get("version").getAsString());
        }
        if (request.has("timeout")) {
            reference.setTimeout(request.get("timeout").getAsInt());
        }
        if (request.has("retries")) {
            reference.setRetries(request.get("retries").getAsInt());
        }
        if (request.has("payload")) {
            reference.setParameters(Collections.singletonMap("payload", request.get("payload").getAsString()));
        }
        if (request.has("oneway")) {
            MethodConfig method = new MethodConfig();
            method.setName(request.get("oneway").getAsString());
            method.setReturn(false);
            reference.setMethods(Collections.singletonList(method));
        }
        if (request.has("generic")) {
            reference.setInterface(AllTypes.class.getName());
            reference.setGeneric(request.get("generic").getAsString());
        }
        return reference;
    }

    /** Call with a sample: nothing if it came back the same, else what differs. */
    private static JsonElement sample(JsonObject request) throws Throwable {
        String name = request.get("name").getAsString();
        Samples.Sample sample = Samples.get(name);
        Dubbo.attach("sample", name);
        Object result = invoke(sample.method, reference(AllTypes.class, request).get(), sample.value);
        return Rig.GSON.toJsonTree(Same.why(sample.value, result));
    }

    /** The same through {@code $invoke}, with or without the types; what comes back is generalised. */
    private static JsonElement genericSample(JsonObject request) throws Throwable {
        Samples.Sample sample = Samples.get(request.get("name").getAsString());
        String[] types = {sample.method.getParameterTypes()[0].getTypeName()};
        GenericService service = reference(GenericService.class, request).get();
        Object result = service.$invoke(
                sample.method.getName(),
                request.has("untyped") ? null : types,
                new Object[] {request.has("argument") ? plain(request.get("argument")) : sample.value});
        return request.has("same") ? Rig.GSON.toJsonTree(Same.why(sample.value, result)) : Rig.GSON.toJsonTree(result);
    }

    /** Call {@code method} with {@code args}; {@code types} choose where several have that name and number. */
    private static JsonElement call(JsonObject request) throws Throwable {
        JsonArray given = request.has("args") ? request.getAsJsonArray("args") : new JsonArray();
        Method method = method(request, given.size());
        Object[] args = new Object[given.size()];
        for (int i = 0; i < args.length; i++) {
            args[i] = method.getParameterTypes()[i] == Map.class
                    ? plain(given.get(i)) // Gson makes maps of a class of its own, which Dubbo 3 refuses to send
                    : Rig.GSON.fromJson(given.get(i), method.getGenericParameterTypes()[i]);
        }
        attach(request);
        Object result = invoke(method, reference(AllTypes.class, request).get(), args);
        if (result instanceof CompletableFuture) {
            try {
                result = ((CompletableFuture<?>) result).get(20, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                throw e.getCause();
            }
        }
        return result instanceof byte[] ? Rig.GSON.toJsonTree(((byte[]) result).length) : Rig.GSON.toJsonTree(result);
    }

    private static JsonElement available(ReferenceConfig<AllTypes> reference) throws ReflectiveOperationException {
        reference.get();
        Field invoker = ReferenceConfig.class.getDeclaredField("invoker"); // its accessor is public in some versions only
        invoker.setAccessible(true);
        return Rig.GSON.toJsonTree(((org.apache.dubbo.common.Node) invoker.get(reference)).isAvailable());
    }

    private static void attach(JsonObject request) {
        if (request.has("attachments")) {
            request.getAsJsonObject("attachments")
                    .entrySet()
                    .forEach(each -> Dubbo.attach(each.getKey(), each.getValue().getAsString()));
        }
    }

    private static Method method(JsonObject request, int arity) {
        String name = request.get("method").getAsString();
        String types = request.has("types") ? request.get("types").toString() : null;
        for (Method method : AllTypes.class.getMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == arity) {
                List<String> theirs = new ArrayList<>();
                for (Class<?> type : method.getParameterTypes()) {
                    theirs.add(type.getTypeName());
                }
                if (types == null || Rig.GSON.toJson(theirs).equals(types)) {
                    return method;
                }
            }
        }
        throw new IllegalArgumentException("no method " + name);
    }

    private static Object invoke(Method method, Object target, Object... args) throws Throwable {
        try {
            return method.invoke(target, args);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** {@code $invoke} of {@code method} with {@code types} (null: none given) and {@code args}; {@code async}. */
    private static JsonElement generic(JsonObject request) throws Throwable {
        String[] types =
                request.has("types") ? Rig.GSON.fromJson(request.get("types"), String[].class) : null;
        Object[] args;
        if (request.has("bean")) { // the name of a sample, sent as generic=bean sends it
            args = new Object[] {
                JavaBeanSerializeUtil.serialize(Samples.get(request.get("bean").getAsString()).value)
            };
        } else if (request.has("json")) {
            args = Rig.GSON.fromJson(request.get("json"), String[].class);
        } else {
            args = ((List<?>) plain(request.get("args"))).toArray();
        }
        attach(request);
        GenericService service = reference(GenericService.class, request).get();
        String method = request.get("method").getAsString();
        Object result = request.has("async")
                ? service.$invokeAsync(method, types, args).get(20, TimeUnit.SECONDS)
                : service.$invoke(method, types, args);
        if (result instanceof JavaBeanDescriptor) {
            result = JavaBeanSerializeUtil.deserialize((JavaBeanDescriptor) result);
        }
        return Rig.GSON.toJsonTree(result);
    }

    /** That many calls of {@code later} in flight at once; how many came back with what they were sent. */
    private static JsonElement many(JsonObject request) throws Throwable {
        AllTypes service = reference(AllTypes.class, request).get();
        int count = request.get("count").getAsInt();
        int millis = request.get("millis").getAsInt();
        List<CompletableFuture<String>> futures = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            futures.add(service.later("call " + i, millis + i % 50));
        }
        int right = 0;
        Throwable failure = null;
        for (int i = 0; i < count; i++) {
            try {
                right += futures.get(i).get(20, TimeUnit.SECONDS).equals("call " + i) ? 1 : 0;
            } catch (ExecutionException e) {
                failure = e.getCause();
            }
        }
        JsonObject result = new JsonObject();
        result.addProperty("right", right);
        result.add("failure", failure == null ? JsonNull.INSTANCE : describe(failure, 0));
        return result;
    }

    /** JSON as Java would write it down: whole numbers are Integer or Long. */
    private static Object plain(JsonElement element) {
        if (element == null || element.isJsonNull()) {
            return null;
        }
        if (element.isJsonArray()) {
            List<Object> list = new ArrayList<>();
            element.getAsJsonArray().forEach(item -> list.add(plain(item)));
            return list;
        }
        if (element.isJsonObject()) {
            Map<String, Object> map = new HashMap<>();
            element.getAsJsonObject().entrySet().forEach(each -> map.put(each.getKey(), plain(each.getValue())));
            return map;
        }
        if (element.getAsJsonPrimitive().isNumber()) {
            String text = element.getAsString();
            if (text.matches("-?\\d+")) {
                long number = Long.parseLong(text);
                return number == (int) number ? (Object) (int) number : (Object) number;
            }
            return Double.parseDouble(text);
        }
        return element.getAsJsonPrimitive().isBoolean() ? (Object) element.getAsBoolean() : element.getAsString();
    }

    /** A Throwable with its cause and what its class adds. */
    private static JsonElement describe(Throwable error, int depth) {
        JsonObject made = new JsonObject();
        made.addProperty("class", error.getClass().getName());
        made.addProperty("message", error.getMessage());
        made.addProperty("frames", error.getStackTrace().length);
        if (error instanceof RpcException) {
            made.addProperty("code", ((RpcException) error).getCode());
        }
        JsonObject fields = new JsonObject();
        Set<Class<?>> own = new LinkedHashSet<>();
        for (Class<?> each = error.getClass(); each.getName().contains("rpcore") || each.getName().contains("Generic");
                each = each.getSuperclass()) {
            own.add(each);
        }
        for (Class<?> each : own) {
            for (Field field : each.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    field.setAccessible(true);
                    try {
                        fields.add(field.getName(), Rig.GSON.toJsonTree(field.get(error)));
                    } catch (IllegalAccessException e) {
                        throw new IllegalStateException(e);
                    }
                }
            }
        }
        made.add("fields", fields);
        JsonArray suppressed = new JsonArray();
        for (Throwable each : error.getSuppressed()) {
            suppressed.add(describe(each, depth + 1));
        }
        made.add("suppressed", suppressed);
        made.add("cause", error.getCause() == null || depth > 9 ? JsonNull.INSTANCE : describe(error.getCause(), depth + 1));
        return made;
    }
}
