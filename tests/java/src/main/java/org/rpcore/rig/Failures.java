package org.rpcore.rig;

import java.io.IOException;
import java.util.Arrays;

/** Throwables by name. */
final class Failures {
    private Failures() {}

    /** Throw what the name says, checked or not. */
    static RuntimeException raise(String kind) {
        throw Failures.<RuntimeException>unchecked(make(kind));
    }

    static Throwable make(String kind) {
        switch (kind) {
            case "declared":
                return new NotFoundException("no such thing", 1L << 40, Arrays.asList("here", "there"), null);
            case "declared-with-cause":
                return new NotFoundException("wrapped", 7, null, new IllegalStateException("the cause"));
            case "runtime":
                return new RuntimeException("plain");
            case "illegal-argument":
                return new IllegalArgumentException("not that");
            case "no-message":
                return new IllegalStateException();
            case "number-format":
                return new NumberFormatException("For input string: \"x\"");
            case "null-pointer":
                return new NullPointerException("nothing there");
            case "causes":
                return new RuntimeException(
                        "outer", new IllegalStateException("middle", new IllegalArgumentException("inner")));
            case "suppressed":
                RuntimeException error = new RuntimeException("with suppressed");
                error.addSuppressed(new IllegalStateException("first"));
                error.addSuppressed(new IllegalArgumentException("second"));
                return error;
            case "long-message":
                char[] message = new char[100000];
                Arrays.fill(message, '\u4e2d');
                return new RuntimeException(new String(message));
            case "unlisted":
                return new UnlistedException("on no list", 42);
            case "io":
                return new IOException("disk");
            case "unsupported":
                return new UnsupportedOperationException("not here");
            case "error":
                return new AssertionError("an Error");
            default:
                return new IllegalArgumentException("no failure " + kind);
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> RuntimeException unchecked(Throwable error) throws E {
        throw (E) error;
    }
}
