package bench;

import com.alibaba.com.caucho.hessian.io.Hessian2Input;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Calls in flight to an Echo: {@code Consumer ADDRESS FOLDER}, where the folder has the values of the workloads as hessian2,
 * in files W1 to W4. Reads lines "CELL SECONDS", such as "W1@32 1.0", and answers each with one line of JSON: the calls made,
 * the seconds they took, the 50th and 99th percentile of every eighth caller's latencies in µs.
 */
public final class Consumer {
    private static final int SAMPLED = 8;

    private final Supplier<CompletableFuture<?>> call;
    private final long end;
    private final AtomicInteger running;
    private final AtomicLong calls = new AtomicLong();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile Throwable failure;

    private Consumer(Supplier<CompletableFuture<?>> call, int inFlight, double seconds) {
        this.call = call;
        this.end = System.nanoTime() + (long) (seconds * 1e9);
        this.running = new AtomicInteger(inFlight);
    }

    /** One caller: a call follows the other in the thread that completes it. */
    private final class Caller {
        private final long[] latencies;
        private int count;

        Caller(boolean timed) {
            latencies = timed ? new long[1 << 20] : null;
        }

        void next() {
            // In a loop while replies are there at once, so that the stack does not grow.
            while (true) {
                long start = System.nanoTime();
                if (start >= end || failure != null) {
                    if (running.decrementAndGet() == 0) {
                        done.countDown();
                    }
                    return;
                }
                CompletableFuture<?> future = call.get();
                if (!future.isDone()) {
                    future.whenComplete((value, error) -> {
                        finished(start, error);
                        next();
                    });
                    return;
                }
                finished(start, future.isCompletedExceptionally() ? new IllegalStateException("failed") : null);
            }
        }

        private void finished(long start, Throwable error) {
            if (error != null) {
                failure = error;
            } else {
                calls.incrementAndGet();
                if (latencies != null && count < latencies.length) {
                    latencies[count++] = System.nanoTime() - start;
                }
            }
        }
    }

    private String run() throws InterruptedException {
        int inFlight = running.get();
        Caller[] callers = new Caller[inFlight];
        long start = System.nanoTime();
        for (int i = 0; i < inFlight; i++) {
            callers[i] = new Caller(i % SAMPLED == 0);
        }
        for (Caller caller : callers) {
            caller.next();
        }
        done.await();
        double seconds = (System.nanoTime() - start) / 1e9;
        if (failure != null) {
            throw new IllegalStateException(failure);
        }
        long[] latencies = Arrays.stream(callers)
                .filter(caller -> caller.latencies != null)
                .flatMapToLong(caller -> Arrays.stream(caller.latencies, 0, caller.count))
                .sorted()
                .toArray();
        return String.format(
                Locale.ROOT,
                "{\"calls\": %d, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f}",
                calls.get(), seconds, latencies[latencies.length / 2] / 1e3, latencies[latencies.length * 99 / 100] / 1e3);
    }

    public static void main(String[] args) throws Exception {
        ReferenceConfig<Echo> reference = new ReferenceConfig<>();
        reference.setInterface(Echo.class);
        reference.setUrl("dubbo://" + args[0] + "/" + Echo.class.getName());
        reference.setTimeout(10000);
        reference.setRetries(0);
        DubboBootstrap.getInstance()
                .application(Provider.application())
                .registry(new RegistryConfig("N/A"))
                .reference(reference)
                .start();
        Echo echo = reference.get();
        String text = (String) value(args[1], "W1");
        Record record = (Record) value(args[1], "W2");
        byte[] large = (byte[]) value(args[1], "W3");
        byte[] huge = (byte[]) value(args[1], "W4");
        if (!text.equals(echo.text(text).get()) || record.id != echo.record(record).get().id) {
            throw new IllegalStateException("the echo is something else");
        }
        System.out.println("{\"ready\": true}");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("[@ ]");
            Supplier<CompletableFuture<?>> call = switch (words[0]) {
                case "W1" -> () -> echo.text(text);
                case "W2" -> () -> echo.record(record);
                case "W3" -> () -> echo.blob(large);
                default -> () -> echo.blob(huge);
            };
            System.out.println(new Consumer(call, Integer.parseInt(words[1]), Double.parseDouble(words[2])).run());
            System.out.flush();
        }
        System.exit(0);
    }

    private static Object value(String folder, String name) throws Exception {
        return new Hessian2Input(new ByteArrayInputStream(Files.readAllBytes(Path.of(folder, name)))).readObject();
    }
}
