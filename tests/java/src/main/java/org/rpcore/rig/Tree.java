package org.rpcore.rig;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** Children that know their parent, and two fields that may be one object. */
public class Tree implements Serializable {
    private static final long serialVersionUID = 1L;

    public String name;
    public Tree parent;
    public List<Tree> children = new ArrayList<>();
    public Point left;
    public Point right;

    public Tree() {}

    public Tree(String name, Tree parent) {
        this.name = name;
        this.parent = parent;
    }
}
