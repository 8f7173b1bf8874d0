package bench;

import com.alibaba.com.caucho.hessian.io.Hessian2Input;
import com.alibaba.com.caucho.hessian.io.Hessian2Output;
import com.alibaba.com.caucho.hessian.io.SerializerFactory;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * hessian-lite on one record: {@code Codec FILE}, which holds it as hessian2. Reads lines "encode SECONDS" or "decode SECONDS"
 * and answers each with the nanoseconds of its thread's CPU time that one took; the JIT's and the collector's threads count for
 * nothing, which favours Java.
 *
 * <p>As Dubbo uses it: one SerializerFactory, a new Hessian2Output or Hessian2Input for each message.
 */
public final class Codec {
    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();
    private static final SerializerFactory FACTORY = new SerializerFactory();
    private static Object kept;

    public static void main(String[] args) throws Exception {
        byte[] body = Files.readAllBytes(Path.of(args[0]));
        Record record = (Record) decode(body);
        byte[] again = encode(record, new ByteArrayOutputStream());
        System.out.printf("{\"bytes\": %d}%n", again.length);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        ByteArrayOutputStream out = new ByteArrayOutputStream(4096);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            boolean encoding = words[0].equals("encode");
            long nanoseconds = (long) (Double.parseDouble(words[1]) * 1e9);
            long start = CLOCK.getCurrentThreadCpuTime();
            long count = 0;
            long took = 0;
            while (took < nanoseconds) {
                for (int i = 0; i < 1000; i++) {
                    kept = encoding ? encode(record, out) : decode(again);
                }
                count += 1000;
                took = CLOCK.getCurrentThreadCpuTime() - start;
            }
            System.out.printf("{\"ns\": %d}%n", took / count);
        }
    }

    private static byte[] encode(Record record, ByteArrayOutputStream bytes) throws Exception {
        bytes.reset();
        Hessian2Output out = new Hessian2Output(bytes);
        out.setSerializerFactory(FACTORY);
        out.writeObject(record);
        out.flush();
        return bytes.toByteArray();
    }

    private static Object decode(byte[] body) throws Exception {
        Hessian2Input in = new Hessian2Input(new ByteArrayInputStream(body));
        in.setSerializerFactory(FACTORY);
        return in.readObject(Record.class);
    }
}
