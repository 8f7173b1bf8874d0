package org.rpcore.rig;

/** An enum with fields whose constants have bodies, so each is a class of its own. */
public enum Operation {
    PLUS("+") {
        @Override
        public int apply(int a, int b) {
            return a + b;
        }
    },
    MINUS("-") {
        @Override
        public int apply(int a, int b) {
            return a - b;
        }
    };

    public final String sign;

    Operation(String sign) {
        this.sign = sign;
    }

    public abstract int apply(int a, int b);
}
