package bench;

import java.io.Serializable;
import java.util.List;

/** The record of W2; see bench/workloads.py. */
public class Record implements Serializable {
    public long id;
    public String title;
    public String summary;
    public List<String> tags;
    public Author author;
    public List<Double> scores;
    public long revision;
    public boolean published;
}
