package org.rpcore.rig;

public class Dog extends Animal {
    private static final long serialVersionUID = 1L;

    public boolean good;
}
