package org.fuzz;

import java.io.Serializable;
import java.util.List;
import java.util.Map;

/** What graphs are made of; graphs.py has the same class. */
public class Node implements Serializable {
    private long value;
    private Node next;
    private Object any;
    private List<Object> items;
    private Map<String, Object> named;
    private Node[] array;
}
