package org.rpcore.rig;

import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Currency;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/** Values by name, each with the method that echoes it. tests/java_samples.py has the same names in Python. */
final class Samples {
    /** One value. */
    static final class Sample {
        final Method method;
        final Object value;

        Sample(Method method, Object value) {
            this.method = method;
            this.value = value;
        }
    }

    private static final Map<String, Method> METHODS = new HashMap<>();
    private static final Map<String, Sample> ALL = new LinkedHashMap<>();

    private Samples() {}

    static Map<String, Sample> all() {
        return ALL;
    }

    static Sample get(String name) {
        Sample sample = ALL.get(name);
        if (sample == null) {
            throw new IllegalArgumentException("no sample " + name);
        }
        return sample;
    }

    private static void add(String method, String name, Object value) {
        ALL.put(method + "." + name, new Sample(METHODS.get("echo" + method), value));
    }

    private static <K, V> Map<K, V> map(Map<K, V> map, K key, V value) {
        map.put(key, value);
        return map;
    }

    private static String times(String text, int count) {
        StringBuilder made = new StringBuilder();
        for (int i = 0; i < count; i++) {
            made.append(text);
        }
        return made.toString();
    }

    private static byte[] bytes(int size) {
        byte[] data = new byte[size];
        for (int i = 0; i < size; i++) {
            data[i] = (byte) i;
        }
        return data;
    }

    private static <T> T[] array(T... items) {
        return items;
    }

    static {
        for (Method method : AllTypes.class.getMethods()) {
            METHODS.put(method.getName(), method);
        }
        scalars();
        text();
        arrays();
        objects();
        collections();
        records();
        anything();
    }

    private static void scalars() {
        add("Boolean", "true", true);
        add("Boolean", "false", false);
        add("Byte", "min", (byte) -128);
        add("Byte", "max", (byte) 127);
        add("Byte", "zero", (byte) 0);
        add("Short", "min", Short.MIN_VALUE);
        add("Short", "max", Short.MAX_VALUE);
        for (int value : new int[] {
            0, 1, -1, -16, 47, 48, -17, -2048, 2047, 2048, -2049, -262144, 262143, 262144, -262145
        }) {
            add("Int", String.valueOf(value), value);
        }
        add("Int", "min", Integer.MIN_VALUE);
        add("Int", "max", Integer.MAX_VALUE);
        for (long value : new long[] {
            0, 1, -1, -8, 15, 16, -9, -2048, 2047, 2048, -2049, -262144, 262143, 262144, -262145, 2147483647L,
            2147483648L, -2147483648L, -2147483649L
        }) {
            add("Long", String.valueOf(value), value);
        }
        add("Long", "min", Long.MIN_VALUE);
        add("Long", "max", Long.MAX_VALUE);
        add("Float", "zero", 0f);
        add("Float", "1.5", 1.5f);
        add("Float", "0.1", 0.1f);
        add("Float", "max", Float.MAX_VALUE);
        add("Float", "min", Float.MIN_VALUE);
        add("Float", "nan", Float.NaN);
        for (double value : new double[] {
            0, 1, -1, 2, 127, 128, -128, -129, 32767, 32768, -32768, -32769, 0.1, 0.001, -12.345, 65.536, 2147483.647,
            3.141592653589793, 1e300
        }) {
            add("Double", String.valueOf(value), value);
        }
        add("Double", "min", Double.MIN_VALUE);
        add("Double", "max", Double.MAX_VALUE);
        add("Double", "infinity", Double.NEGATIVE_INFINITY);
        add("Double", "nan", Double.NaN);
        add("Double", "minus-zero", -0.0);
        add("Char", "a", 'a');
        add("Char", "zh", '\u4e2d');
        add("Char", "nul", '\0');
        add("BooleanBox", "true", true);
        add("BooleanBox", "null", null);
        add("ByteBox", "min", (byte) -128);
        add("ByteBox", "null", null);
        add("ShortBox", "max", Short.MAX_VALUE);
        add("ShortBox", "null", null);
        add("IntBox", "min", Integer.MIN_VALUE);
        add("IntBox", "0", 0);
        add("IntBox", "null", null);
        add("LongBox", "max", Long.MAX_VALUE);
        add("LongBox", "0", 0L);
        add("LongBox", "null", null);
        add("FloatBox", "0.1", 0.1f);
        add("FloatBox", "null", null);
        add("DoubleBox", "0.1", 0.1);
        add("DoubleBox", "null", null);
        add("CharBox", "a", 'a');
        add("CharBox", "null", null);
    }

    private static void text() {
        add("String", "empty", "");
        add("String", "null", null);
        add("String", "hello", "hello");
        add("String", "nul", "a\0b");
        add("String", "zh", "\u4e2d\u6587");
        add("String", "emoji", "a\ud83d\ude00b");
        add("String", "lone-surrogate", "a\ud83db");
        for (int size : new int[] {31, 32, 1023, 1024, 32767, 32768, 32769, 65535, 65536, 65537}) {
            add("String", String.valueOf(size), times("a", size));
        }
        add("String", "zh-64k", times("\u4e2d", 65537));
        add("String", "emoji-at-chunk", times("a", 32767) + "\ud83d\ude00b");
        add("String", "emoji-64k", times("\ud83d\ude00", 40000));
        for (int size : new int[] {0, 15, 16, 1023, 1024, 4093, 8189, 8190, 65535, 65536, 1048576}) {
            add("Bytes", String.valueOf(size), bytes(size));
        }
        add("Bytes", "null", null);
    }

    private static void arrays() {
        add("Booleans", "some", new boolean[] {true, false});
        add("Shorts", "some", new short[] {-1, 0, Short.MAX_VALUE});
        add("Ints", "none", new int[0]);
        add("Ints", "some", new int[] {1, -2, Integer.MAX_VALUE});
        add("Ints", "300", new int[300]);
        add("Ints", "null", null);
        add("Longs", "some", new long[] {1, 2, Long.MIN_VALUE});
        add("Floats", "some", new float[] {0f, 0.1f, -1.5f});
        add("Doubles", "some", new double[] {0, 0.1, -1e300});
        add("Chars", "some", new char[] {'a', '\u4e2d'});
        add("Strings", "some", new String[] {"a", "", null, "\u4e2d"});
        add("Strings", "none", new String[0]);
        add("Objects", "some", new Object[] {1, 2L, "a", null, 0.5, true, new Point(1, 2)});
        add("IntBoxes", "some", new Integer[] {1, null, -3});
        add("Decimals", "some", new BigDecimal[] {new BigDecimal("1.50"), BigDecimal.ZERO});
        add("Dates", "some", new Date[] {new Date(0), new Date(1700000000123L)});
        Point shared = new Point(3, 4);
        add("Points", "some", new Point[] {new Point(1, 2), null, shared, shared});
        add("Colors", "some", new Color[] {Color.RED, Color.BLUE, Color.RED});
        add("IntGrid", "some", new int[][] {{1, 2}, {}, {3}});
        add("StringGrid", "some", new String[][] {{"a"}, {"b", null}});
        add("BytesGrid", "some", new byte[][] {{1, 2}, {}, {-1}});
    }

    private static void objects() {
        for (String text : new String[] {"0", "100.256", "-1.50", "1E+10", "1e-30", "12345678901234567890.123456789"}) {
            add("BigDecimal", text, new BigDecimal(text));
        }
        add("BigDecimal", "null", null);
        for (String text : new String[] {
            "0", "5", "-1", "2147483648", "-18446744073709551617", "123456789012345678901234567890"
        }) {
            add("BigInteger", text, new BigInteger(text));
        }
        add("Date", "epoch", new Date(0));
        add("Date", "minute", new Date(894621060000L));
        add("Date", "millisecond", new Date(1700000000123L));
        add("Date", "1969", new Date(-1));
        add("Date", "year-9999", new Date(253402300799999L));
        add("Date", "null", null);
        add("LocalDate", "leap", LocalDate.of(2024, 2, 29));
        add("LocalDate", "year-1", LocalDate.of(1, 1, 1));
        add("LocalTime", "some", LocalTime.of(13, 14, 15, 123456000));
        add("LocalTime", "midnight", LocalTime.MIDNIGHT);
        add("LocalTime", "nanos", LocalTime.of(13, 14, 15, 123456789));
        add("LocalDateTime", "some", LocalDateTime.of(2024, 2, 29, 13, 14, 15, 123456000));
        add("Instant", "some", Instant.ofEpochSecond(1700000000L, 123456000));
        add("Instant", "1969", Instant.ofEpochSecond(-1, 500000000));
        add("Duration", "some", Duration.ofSeconds(61, 7000));
        add("Duration", "negative", Duration.ofMillis(-1500));
        LocalDateTime noon = LocalDateTime.of(2024, 7, 1, 12, 0);
        add("OffsetDateTime", "some", OffsetDateTime.of(noon, ZoneOffset.ofHoursMinutes(-3, -30)));
        add("ZonedDateTime", "region", ZonedDateTime.of(noon, ZoneId.of("Asia/Shanghai")));
        add("ZonedDateTime", "offset", ZonedDateTime.of(noon, ZoneOffset.ofHours(2)));
        add(
                "ZonedDateTime",
                "second-2-o'clock",
                ZonedDateTime.ofLocal(
                        LocalDateTime.of(2024, 10, 27, 2, 30), ZoneId.of("Europe/Berlin"), ZoneOffset.ofHours(1)));
        add("Uuid", "some", UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"));
        add("Uuid", "null", null);
        add("Locale", "zh_CN", Locale.CHINA);
        add("Currency", "EUR", Currency.getInstance("EUR"));
        add("Class", "String", String.class);
        add("Class", "int", int.class);
        add("Color", "GREEN", Color.GREEN);
        add("Color", "null", null);
        add("Operation", "MINUS", Operation.MINUS);
    }

    private static void collections() {
        add("StringList", "none", new ArrayList<String>());
        add("StringList", "some", Arrays.asList("a", null, "\u4e2d"));
        add("StringList", "300", new ArrayList<>(Collections.nCopies(300, "x")));
        add("StringList", "null", null);
        add("StringList", "unmodifiable", Collections.unmodifiableList(new ArrayList<>(Arrays.asList("a", "b"))));
        add("IntList", "some", new ArrayList<>(Arrays.asList(1, null, Integer.MIN_VALUE)));
        add("LongList", "some", new ArrayList<>(Arrays.asList(1L, null, Long.MAX_VALUE)));
        Point shared = new Point(3, 4);
        add("PointList", "shared", new ArrayList<>(Arrays.asList(shared, new Point(3, 4), shared)));
        add("StringSet", "some", new HashSet<>(Arrays.asList("a", "b", "c")));
        add("StringSet", "none", new HashSet<String>());
        add("StringSet", "linked", new LinkedHashSet<>(Arrays.asList("c", "a")));
        add("IntSet", "tree", new TreeSet<>(Arrays.asList(3, 1, 2)));
        add("Collection", "list", new ArrayList<>(Arrays.asList("a", "b")));
        add("LinkedList", "some", new LinkedList<>(Arrays.asList("a", "b")));
        Map<String, String> texts = map(new HashMap<>(), "a", "1");
        add("StringMap", "some", map(texts, "b", null));
        add("StringMap", "none", new HashMap<String, String>());
        add("StringMap", "null", null);
        add("StringMap", "linked", map(map(new LinkedHashMap<>(), "z", "1"), "a", "2"));
        add("CountMap", "some", map(map(new HashMap<>(), "a", 1), "b", -70000));
        add("PointMap", "some", map(map(new HashMap<>(), "here", shared), "there", shared));
        add("IntKeyMap", "some", map(map(new HashMap<>(), 1, "one"), -2, "minus two"));
        add("ColorMap", "some", map(map(new HashMap<>(), Color.RED, 1L), Color.BLUE, null));
        add("TreeMap", "some", map(map(new TreeMap<>(), "b", 2), "a", 1));
        List<Map<String, Integer>> maps = new ArrayList<>();
        maps.add(map(new HashMap<>(), "x", 1));
        maps.add(new HashMap<>());
        add("Nested", "some", map(new HashMap<>(), "list", maps));
    }

    private static void records() {
        add("Point", "some", new Point(1, -2));
        add("Point", "null", null);
        add("Fields", "full", fields());
        add("Fields", "empty", new Fields());
        Node last = new Node(3, null);
        add("Node", "chain", new Node(1, new Node(2, last)));
        Node ring = new Node(1, null);
        ring.next = new Node(2, ring);
        add("Node", "ring", ring);
        Node self = new Node(7, null);
        self.next = self;
        add("Node", "self", self);
        Node deep = null;
        for (int i = 0; i < 60; i++) {
            deep = new Node(i, deep);
        }
        add("Node", "60-deep", deep);
        Tree root = new Tree("root", null);
        root.children.add(new Tree("first", root));
        root.children.add(new Tree("second", root));
        root.left = new Point(1, 2);
        root.right = root.left;
        root.children.get(0).left = root.left;
        root.children.get(0).right = new Point(1, 2);
        add("Tree", "parents", root);
        Animal animal = new Animal();
        animal.name = "bird";
        animal.legs = 2;
        add("Animal", "itself", animal);
        add("Animal", "dog", dog());
        add("Dog", "some", dog());
        Page<Point> page = new Page<>();
        page.items = new ArrayList<>(Arrays.asList(new Point(1, 2), new Point(3, 4)));
        page.total = 70000000000L;
        page.order = order();
        add("Page", "some", page);
        add("Order", "some", order());
    }

    private static Dog dog() {
        Dog dog = new Dog();
        dog.name = "Rex";
        dog.legs = 4;
        dog.good = true;
        return dog;
    }

    private static Page.Order order() {
        Page.Order order = new Page.Order();
        order.by = "x";
        order.direction = Page.Direction.DOWN;
        return order;
    }

    private static Fields fields() {
        Fields made = new Fields();
        made.flag = true;
        made.tiny = -128;
        made.small = -32768;
        made.number = -70000;
        made.large = 1L << 40;
        made.ratio = 0.1;
        made.letter = 'x';
        made.flagBox = false;
        made.tinyBox = 127;
        made.smallBox = 32767;
        made.numberBox = 262144;
        made.largeBox = 5L;
        made.ratioBox = -2.5;
        made.letterBox = '\u4e2d';
        made.text = "text";
        made.data = new byte[] {0, -1};
        made.ints = new int[] {1, 2, 3};
        made.words = new String[] {"a", "b"};
        made.price = new BigDecimal("19.90");
        made.huge = new BigInteger("-123456789012345678901234567890");
        made.at = new Date(1700000000123L);
        made.day = LocalDate.of(2024, 2, 29);
        made.time = LocalTime.of(1, 2, 3);
        made.moment = LocalDateTime.of(2024, 2, 29, 1, 2, 3);
        made.instant = Instant.ofEpochSecond(1700000000L);
        made.took = Duration.ofMillis(1500);
        made.id = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
        made.color = Color.BLUE;
        made.point = new Point(1, 2);
        made.points = new ArrayList<>(Arrays.asList(made.point, new Point(3, 4)));
        made.tags = new HashSet<>(Arrays.asList("x", "y"));
        made.places = map(new HashMap<>(), "home", made.point);
        made.anything = new ArrayList<>(Arrays.asList(1, "two", 3L));
        return made;
    }

    /** What a parameter of type Object is given. */
    private static void anything() {
        add("Object", "null", null);
        add("Object", "true", true);
        add("Object", "int", 5);
        add("Object", "small-long", 5L);
        add("Object", "long", 1L << 40);
        add("Object", "double", 0.5);
        add("Object", "string", "text");
        add("Object", "bytes", new byte[] {1, 2, 3});
        add("Object", "date", new Date(1700000000123L));
        add("Object", "big-decimal", new BigDecimal("19.90"));
        add("Object", "big-integer", new BigInteger("123456789012345678901234567890"));
        add("Object", "small-big-integer", BigInteger.TEN);
        add("Object", "uuid", UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"));
        add("Object", "locale", Locale.GERMANY);
        add("Object", "class", String.class);
        add("Object", "local-date", LocalDate.of(2024, 2, 29));
        add("Object", "local-time", LocalTime.of(1, 2, 3, 4000));
        add("Object", "local-date-time", LocalDateTime.of(2024, 2, 29, 1, 2, 3, 4000));
        add("Object", "instant", Instant.ofEpochSecond(1700000000L, 5000));
        add("Object", "duration", Duration.ofMillis(1500));
        add("Object", "period", Period.of(1, 2, 3));
        add("Object", "year", Year.of(2024));
        add("Object", "year-month", YearMonth.of(2024, 2));
        add("Object", "zone-offset", ZoneOffset.ofHours(8));
        add("Object", "offset-time", OffsetTime.of(1, 2, 3, 0, ZoneOffset.ofHours(8)));
        add("Object", "offset-date-time", OffsetDateTime.of(2024, 7, 1, 12, 0, 0, 0, ZoneOffset.ofHours(8)));
        add("Object", "zoned-date-time", ZonedDateTime.of(2024, 7, 1, 12, 0, 0, 0, ZoneId.of("Asia/Shanghai")));
        add("Object", "enum", Color.GREEN);
        add("Object", "enum-with-body", Operation.PLUS);
        add("Object", "point", new Point(1, 2));
        add("Object", "fields", fields());
        add("Object", "dog", dog());
        add("Object", "list", new ArrayList<>(Arrays.asList(1, 2L, "three", null, new Point(4, 4))));
        add("Object", "linked-list", new LinkedList<>(Arrays.asList(1, 2)));
        add("Object", "array-as-list", Arrays.asList("a", "b"));
        add("Object", "empty-list", Collections.emptyList());
        add("Object", "hash-set", new HashSet<>(Arrays.asList(1, 2)));
        add("Object", "tree-set", new TreeSet<>(Arrays.asList("a", "b")));
        add("Object", "map", map(map(new HashMap<>(), "a", (Object) 1), "b", "two"));
        add("Object", "tree-map", map(map(new TreeMap<>(), "a", 1), "b", 2));
        add("Object", "linked-map", map(map(new LinkedHashMap<>(), "z", 1), "a", 2));
        add("Object", "map-with-list-key", map(new HashMap<>(), new ArrayList<>(Arrays.asList(1, 2)), "x"));
        add("Object", "map-with-point-key", map(new HashMap<>(), new Point(1, 2), "x"));
        add("Object", "int-array", new int[] {1, 2, 3});
        add("Object", "long-array", new long[] {1, 2, 3});
        add("Object", "double-array", new double[] {0.5, 1});
        add("Object", "string-array", new String[] {"a", "b"});
        add("Object", "object-array", new Object[] {1, "a", null});
        add("Object", "point-array", new Point[] {new Point(1, 2)});
        add("Object", "int-grid", new int[][] {{1}, {2, 3}});
        List<Object> inner = new ArrayList<>(Arrays.asList(1));
        add("Object", "shared", new ArrayList<Object>(Arrays.asList(inner, inner, new ArrayList<>(inner))));
        List<Object> self = new ArrayList<>();
        self.add(self);
        add("Object", "list-in-itself", self);
        Node ring = new Node(1, null);
        ring.next = new Node(2, ring);
        add("Object", "ring", ring);
        Map<String, Object> deep = map(new HashMap<>(), "point", new Point(1, 2));
        deep.put("list", new ArrayList<>(Arrays.asList(deep.get("point"), Color.RED, Color.RED, new Date(0))));
        add("Object", "map-of-all", deep);
        Set<Object> points = new HashSet<>(Arrays.asList(new Point(1, 2), new Point(3, 4)));
        add("Object", "set-of-points", points);
    }
}
