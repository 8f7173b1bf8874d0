package org.rpcore.rig;

import java.io.Serializable;

public class Animal implements Serializable {
    private static final long serialVersionUID = 1L;

    public String name;
    public int legs;
}
