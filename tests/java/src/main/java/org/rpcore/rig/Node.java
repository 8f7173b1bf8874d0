package org.rpcore.rig;

import java.io.Serializable;

/** A linked list, possibly a ring. */
public class Node implements Serializable {
    private static final long serialVersionUID = 1L;

    public int value;
    public Node next;

    public Node() {}

    public Node(int value, Node next) {
        this.value = value;
        this.next = next;
    }
}
