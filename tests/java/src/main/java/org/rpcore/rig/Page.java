package org.rpcore.rig;

import java.io.Serializable;
import java.util.List;

/** A generic class, with a class and an enum inside. */
public class Page<T> implements Serializable {
    private static final long serialVersionUID = 1L;

    public List<T> items;
    public long total;
    public Order order;

    public static class Order implements Serializable {
        private static final long serialVersionUID = 1L;

        public String by;
        public Direction direction;
    }

    public enum Direction {
        UP,
        DOWN
    }
}
