package org.fuzz;

/** Shadows a field of its superclass. */
public class Leaf extends Node {
    private String value;
    private Color color;
}
