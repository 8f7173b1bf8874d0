package org.fuzz;

import com.alibaba.com.caucho.hessian.io.Hessian2Input;
import com.alibaba.com.caucho.hessian.io.Hessian2Output;
import com.alibaba.com.caucho.hessian.io.SerializerFactory;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.LogManager;

/**
 * Decodes hessian2 streams from stdin and writes what it read as new streams to stdout.
 *
 * <p>Batches, all numbers big-endian: int32 count, then for each stream int32 length and a body; answered by as many
 * replies in order. A body is: uint8 length and the name of the expected class ("" = none, as for an Object parameter),
 * uint8 number of values, the stream. A reply is int32 length, uint8 1 and the new stream; or uint8 0 and a stack trace.
 */
public final class Echo {
    private static final Map<String, Class<?>> PRIMITIVES = Map.of(
            "boolean", boolean.class, "byte", byte.class, "short", short.class, "int", int.class, "long", long.class,
            "float", float.class, "double", double.class, "char", char.class);

    // One for all streams, as Dubbo has one for each application.
    private static final SerializerFactory FACTORY = new SerializerFactory();

    public static void main(String[] args) throws Exception {
        LogManager.getLogManager().reset(); // which classes it does not know
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        while (true) {
            int count;
            try {
                count = in.readInt();
            } catch (EOFException end) {
                return;
            }
            // The whole batch first: neither side waits for the other with a full pipe.
            List<byte[]> bodies = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                bodies.add(in.readNBytes(in.readInt()));
            }
            for (byte[] body : bodies) {
                byte[] reply;
                int ok = 1;
                try {
                    reply = echo(body);
                } catch (Throwable error) {
                    StringWriter text = new StringWriter();
                    error.printStackTrace(new PrintWriter(text));
                    reply = text.toString().getBytes(StandardCharsets.UTF_8);
                    ok = 0;
                }
                out.writeInt(reply.length + 1);
                out.writeByte(ok);
                out.write(reply);
            }
            out.flush();
        }
    }

    private static byte[] echo(byte[] body) throws Exception {
        int start = 2 + body[0];
        String name = new String(body, 1, body[0], StandardCharsets.US_ASCII);
        Class<?> type = name.isEmpty() ? null : PRIMITIVES.get(name);
        if (type == null && !name.isEmpty()) {
            type = Class.forName(name);
        }
        Hessian2Input in = new Hessian2Input(new ByteArrayInputStream(body, start, body.length - start));
        in.setSerializerFactory(FACTORY);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Hessian2Output out = new Hessian2Output(bytes);
        out.setSerializerFactory(FACTORY);
        Object[] values = new Object[body[start - 1]];
        for (int i = 0; i < values.length; i++) {
            values[i] = type == null ? in.readObject() : in.readObject(type);
        }
        for (Object value : values) {
            out.writeObject(value);
        }
        out.flush();
        return bytes.toByteArray();
    }
}
