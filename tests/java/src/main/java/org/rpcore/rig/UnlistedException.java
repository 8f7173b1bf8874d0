package org.rpcore.rig;

/** Unchecked, and on no signature: Dubbo 3.2 and 3.3 trust no such class. */
public class UnlistedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public int number;

    public UnlistedException() {}

    public UnlistedException(String message, int number) {
        super(message);
        this.number = number;
    }
}
