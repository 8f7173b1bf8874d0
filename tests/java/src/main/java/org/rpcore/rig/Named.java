package org.rpcore.rig;

/** What {@link AllTypes} inherits. */
public interface Named {
    /** Group and version the provider exported it with, such as {@code g1/1.0.0}; {@code /} without. */
    String who();
}
