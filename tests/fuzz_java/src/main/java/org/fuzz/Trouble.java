package org.fuzz;

import java.util.List;

/** An exception with fields of its own. */
public class Trouble extends Exception {
    private int code;
    private List<Object> details;

    public Trouble(String message) {
        super(message);
    }
}
