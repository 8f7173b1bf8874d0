package org.rpcore.rig;

public enum Color {
    RED,
    GREEN,
    BLUE
}
