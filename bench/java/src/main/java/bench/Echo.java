package bench;

import java.util.concurrent.CompletableFuture;

/** The interface of bench/peers/rpcore_peer.py. Results are futures on both sides: the fastest that Dubbo has. */
public interface Echo {
    CompletableFuture<String> text(String value);

    CompletableFuture<Record> record(Record value);

    CompletableFuture<byte[]> blob(byte[] value);
}
