package org.fuzz;

import java.io.Serializable;

/** A key of maps and element of sets. */
public class Point implements Serializable {
    private int x;
    private String label;

    @Override
    public boolean equals(Object other) {
        return other instanceof Point && x == ((Point) other).x && String.valueOf(label).equals(String.valueOf(((Point) other).label));
    }

    @Override
    public int hashCode() {
        return 31 * x + String.valueOf(label).hashCode();
    }
}
