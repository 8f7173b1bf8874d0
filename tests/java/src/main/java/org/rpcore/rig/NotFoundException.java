package org.rpcore.rig;

import java.util.ArrayList;
import java.util.List;

/** A business exception: checked, declared, with fields of its own. */
public class NotFoundException extends Exception {
    private static final long serialVersionUID = 1L;

    private long id;
    private List<String> tried = new ArrayList<>();

    public NotFoundException() {}

    public NotFoundException(String message, long id, List<String> tried, Throwable cause) {
        super(message, cause);
        this.id = id;
        this.tried = tried;
    }

    public long getId() {
        return id;
    }

    public List<String> getTried() {
        return tried;
    }
}
