package bench;

import java.io.Serializable;

/** The record inside the record of W2; see bench/workloads.py. */
public class Author implements Serializable {
    public String name;
    public String mail;
    public String city;
    public String team;
}
