package org.fuzz;

public enum Color {
    RED,
    GREEN,
    BLUE {
        @Override
        public String toString() {
            return "a constant with a body";
        }
    }
}
