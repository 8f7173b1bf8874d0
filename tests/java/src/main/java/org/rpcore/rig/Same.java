package org.rpcore.rig;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Compares two object graphs: Java's equality for values, element by element for arrays, lists and maps, field by field
 * for the classes of this package. What is one object in the one graph must be one object in the other.
 */
final class Same {
    private final IdentityHashMap<Object, Object> there = new IdentityHashMap<>();
    private final IdentityHashMap<Object, Object> back = new IdentityHashMap<>();

    private Same() {}

    /** Null when they are the same, else where and how they first differ. */
    static String why(Object expected, Object actual) {
        return new Same().compare("$", expected, actual);
    }

    private String compare(String path, Object expected, Object actual) {
        if (expected == null || actual == null) {
            return expected == actual ? null : differ(path, expected, actual);
        }
        Class<?> type = expected.getClass();
        boolean own = type.getName().startsWith("org.rpcore.rig.") && !(expected instanceof Enum);
        boolean binary = expected instanceof byte[] || expected instanceof char[];
        boolean container = expected instanceof Collection || expected instanceof Map || type.isArray();
        if (!own && !container) {
            return expected.equals(actual) ? null : differ(path, expected, actual);
        }
        if (!binary && (there.containsKey(expected) || back.containsKey(actual))) {
            boolean paired = there.get(expected) == actual && back.get(actual) == expected;
            return paired ? null : path + ": what is one object and what are two has changed";
        }
        there.put(expected, actual);
        back.put(actual, expected);
        if (type.isArray()) {
            return actual.getClass() == type ? array(path, expected, actual) : differ(path, expected, actual);
        }
        if (expected instanceof List) {
            return actual instanceof List
                    ? list(path, (List<?>) expected, (List<?>) actual)
                    : differ(path, expected, actual);
        }
        if (expected instanceof Map) {
            return actual instanceof Map
                    ? map(path, (Map<?, ?>) expected, (Map<?, ?>) actual)
                    : differ(path, expected, actual);
        }
        if (expected instanceof Set) {
            return expected.equals(actual) ? null : differ(path, expected, actual);
        }
        return actual.getClass() == type ? fields(path, type, expected, actual) : differ(path, expected, actual);
    }

    private String array(String path, Object expected, Object actual) {
        int length = Array.getLength(expected);
        if (length != Array.getLength(actual)) {
            return path + ": length " + length + " became " + Array.getLength(actual);
        }
        for (int i = 0; i < length; i++) {
            String why = compare(path + "[" + i + "]", Array.get(expected, i), Array.get(actual, i));
            if (why != null) {
                return why;
            }
        }
        return null;
    }

    private String list(String path, List<?> expected, List<?> actual) {
        if (expected.size() != actual.size()) {
            return path + ": size " + expected.size() + " became " + actual.size();
        }
        Iterator<?> theirs = actual.iterator();
        int i = 0;
        for (Object item : expected) {
            String why = compare(path + "[" + i++ + "]", item, theirs.next());
            if (why != null) {
                return why;
            }
        }
        return null;
    }

    private String map(String path, Map<?, ?> expected, Map<?, ?> actual) {
        if (!expected.keySet().equals(actual.keySet())) {
            return differ(path, expected.keySet(), actual.keySet());
        }
        for (Map.Entry<?, ?> entry : expected.entrySet()) {
            String why = compare(path + "[" + entry.getKey() + "]", entry.getValue(), actual.get(entry.getKey()));
            if (why != null) {
                return why;
            }
        }
        return null;
    }

    private String fields(String path, Class<?> type, Object expected, Object actual) {
        for (Class<?> each = type; each != Object.class; each = each.getSuperclass()) {
            for (Field field : each.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers()) || Modifier.isTransient(field.getModifiers())) {
                    continue;
                }
                field.setAccessible(true);
                try {
                    String why = compare(path + "." + field.getName(), field.get(expected), field.get(actual));
                    if (why != null) {
                        return why;
                    }
                } catch (IllegalAccessException e) {
                    throw new IllegalStateException(e);
                }
            }
        }
        return null;
    }

    private static String differ(String path, Object expected, Object actual) {
        return path + ": " + shown(expected) + " became " + shown(actual);
    }

    private static String shown(Object value) {
        if (value == null) {
            return "null";
        }
        String text;
        try {
            text = value.toString();
        } catch (StackOverflowError e) {
            text = "(cyclic)";
        }
        return value.getClass().getName() + " " + (text.length() > 100 ? text.substring(0, 100) + "…" : text);
    }
}
