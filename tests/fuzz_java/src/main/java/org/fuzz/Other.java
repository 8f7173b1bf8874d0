package org.fuzz;

/** A class of which the Python side only knows the name. */
public class Other extends Point {
    private int a;

    @Override
    public boolean equals(Object other) {
        return super.equals(other) && other instanceof Other && a == ((Other) other).a;
    }

    @Override
    public int hashCode() {
        return super.hashCode() + 7 * a;
    }
}
