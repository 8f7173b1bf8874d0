package org.fuzz;

import java.io.Serializable;

/** Fields of type float, which hessian-lite 4 reads wrongly: eight bytes go where four belong, {@code pad} being behind them. */
public class Floats implements Serializable {
    private float narrow;
    private int pad;
    private Float boxed;
    private float[] array;
}
