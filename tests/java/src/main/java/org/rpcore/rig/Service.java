package org.rpcore.rig;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Currency;
import java.util.Date;
import java.util.LinkedList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.config.ReferenceConfig;

/** The service. */
final class Service implements AllTypes {
    private static final ScheduledExecutorService TIMER = Executors.newScheduledThreadPool(1, Rig::daemon);
    private static final ExecutorService WORKERS = Executors.newCachedThreadPool(Rig::daemon);

    private final String who;
    private final List<String> notes = new ArrayList<>();

    Service(String who) {
        this.who = who;
    }

    /** The argument again; where the call names a sample, only if it is that. */
    private static <T> T same(T value) {
        Object name = Dubbo.received().get("sample");
        if (name != null) {
            String why = Same.why(Samples.get(name.toString()).value, value);
            if (why != null) {
                throw new IllegalStateException("the provider got another " + name + ": " + why);
            }
        }
        return value;
    }

    @Override
    public String who() {
        return who;
    }

    @Override
    public boolean echoBoolean(boolean value) {
        return same(value);
    }

    @Override
    public byte echoByte(byte value) {
        return same(value);
    }

    @Override
    public short echoShort(short value) {
        return same(value);
    }

    @Override
    public int echoInt(int value) {
        return same(value);
    }

    @Override
    public long echoLong(long value) {
        return same(value);
    }

    @Override
    public float echoFloat(float value) {
        return same(value);
    }

    @Override
    public double echoDouble(double value) {
        return same(value);
    }

    @Override
    public char echoChar(char value) {
        return same(value);
    }

    @Override
    public Boolean echoBooleanBox(Boolean value) {
        return same(value);
    }

    @Override
    public Byte echoByteBox(Byte value) {
        return same(value);
    }

    @Override
    public Short echoShortBox(Short value) {
        return same(value);
    }

    @Override
    public Integer echoIntBox(Integer value) {
        return same(value);
    }

    @Override
    public Long echoLongBox(Long value) {
        return same(value);
    }

    @Override
    public Float echoFloatBox(Float value) {
        return same(value);
    }

    @Override
    public Double echoDoubleBox(Double value) {
        return same(value);
    }

    @Override
    public Character echoCharBox(Character value) {
        return same(value);
    }

    @Override
    public String echoString(String value) {
        return same(value);
    }

    @Override
    public byte[] echoBytes(byte[] value) {
        return same(value);
    }

    @Override
    public boolean[] echoBooleans(boolean[] value) {
        return same(value);
    }

    @Override
    public short[] echoShorts(short[] value) {
        return same(value);
    }

    @Override
    public int[] echoInts(int[] value) {
        return same(value);
    }

    @Override
    public long[] echoLongs(long[] value) {
        return same(value);
    }

    @Override
    public float[] echoFloats(float[] value) {
        return same(value);
    }

    @Override
    public double[] echoDoubles(double[] value) {
        return same(value);
    }

    @Override
    public char[] echoChars(char[] value) {
        return same(value);
    }

    @Override
    public String[] echoStrings(String[] value) {
        return same(value);
    }

    @Override
    public Object[] echoObjects(Object[] value) {
        return same(value);
    }

    @Override
    public Integer[] echoIntBoxes(Integer[] value) {
        return same(value);
    }

    @Override
    public BigDecimal[] echoDecimals(BigDecimal[] value) {
        return same(value);
    }

    @Override
    public Date[] echoDates(Date[] value) {
        return same(value);
    }

    @Override
    public Point[] echoPoints(Point[] value) {
        return same(value);
    }

    @Override
    public Color[] echoColors(Color[] value) {
        return same(value);
    }

    @Override
    public int[][] echoIntGrid(int[][] value) {
        return same(value);
    }

    @Override
    public String[][] echoStringGrid(String[][] value) {
        return same(value);
    }

    @Override
    public byte[][] echoBytesGrid(byte[][] value) {
        return same(value);
    }

    @Override
    public BigDecimal echoBigDecimal(BigDecimal value) {
        return same(value);
    }

    @Override
    public BigInteger echoBigInteger(BigInteger value) {
        return same(value);
    }

    @Override
    public Date echoDate(Date value) {
        return same(value);
    }

    @Override
    public LocalDate echoLocalDate(LocalDate value) {
        return same(value);
    }

    @Override
    public LocalTime echoLocalTime(LocalTime value) {
        return same(value);
    }

    @Override
    public LocalDateTime echoLocalDateTime(LocalDateTime value) {
        return same(value);
    }

    @Override
    public Instant echoInstant(Instant value) {
        return same(value);
    }

    @Override
    public Duration echoDuration(Duration value) {
        return same(value);
    }

    @Override
    public OffsetDateTime echoOffsetDateTime(OffsetDateTime value) {
        return same(value);
    }

    @Override
    public ZonedDateTime echoZonedDateTime(ZonedDateTime value) {
        return same(value);
    }

    @Override
    public UUID echoUuid(UUID value) {
        return same(value);
    }

    @Override
    public Locale echoLocale(Locale value) {
        return same(value);
    }

    @Override
    public Currency echoCurrency(Currency value) {
        return same(value);
    }

    @Override
    public Class<?> echoClass(Class<?> value) {
        return same(value);
    }

    @Override
    public Color echoColor(Color value) {
        return same(value);
    }

    @Override
    public Operation echoOperation(Operation value) {
        return same(value);
    }

    @Override
    public List<String> echoStringList(List<String> value) {
        return same(value);
    }

    @Override
    public List<Integer> echoIntList(List<Integer> value) {
        return same(value);
    }

    @Override
    public List<Long> echoLongList(List<Long> value) {
        return same(value);
    }

    @Override
    public List<Point> echoPointList(List<Point> value) {
        return same(value);
    }

    @Override
    public Set<String> echoStringSet(Set<String> value) {
        return same(value);
    }

    @Override
    public Set<Integer> echoIntSet(Set<Integer> value) {
        return same(value);
    }

    @Override
    public Collection<String> echoCollection(Collection<String> value) {
        return same(value);
    }

    @Override
    public LinkedList<String> echoLinkedList(LinkedList<String> value) {
        return same(value);
    }

    @Override
    public Map<String, String> echoStringMap(Map<String, String> value) {
        return same(value);
    }

    @Override
    public Map<String, Integer> echoCountMap(Map<String, Integer> value) {
        return same(value);
    }

    @Override
    public Map<String, Point> echoPointMap(Map<String, Point> value) {
        return same(value);
    }

    @Override
    public Map<Integer, String> echoIntKeyMap(Map<Integer, String> value) {
        return same(value);
    }

    @Override
    public Map<Color, Long> echoColorMap(Map<Color, Long> value) {
        return same(value);
    }

    @Override
    public TreeMap<String, Integer> echoTreeMap(TreeMap<String, Integer> value) {
        return same(value);
    }

    @Override
    public Map<String, List<Map<String, Integer>>> echoNested(Map<String, List<Map<String, Integer>>> value) {
        return same(value);
    }

    @Override
    public Point echoPoint(Point value) {
        return same(value);
    }

    @Override
    public Fields echoFields(Fields value) {
        return same(value);
    }

    @Override
    public Node echoNode(Node value) {
        return same(value);
    }

    @Override
    public Tree echoTree(Tree value) {
        return same(value);
    }

    @Override
    public Animal echoAnimal(Animal value) {
        return same(value);
    }

    @Override
    public Dog echoDog(Dog value) {
        return same(value);
    }

    @Override
    public Page<Point> echoPage(Page<Point> value) {
        return same(value);
    }

    @Override
    public Page.Order echoOrder(Page.Order value) {
        return same(value);
    }

    @Override
    public Object echoObject(Object value) {
        return same(value);
    }

    @Override
    public String over(int value) {
        return "int " + value;
    }

    @Override
    public String over(long value) {
        return "long " + value;
    }

    @Override
    public String over(String value) {
        return "String " + value;
    }

    @Override
    public String over(List<String> value) {
        return "List " + value;
    }

    @Override
    public String over(int value, String text) {
        return "int " + value + ", String " + text;
    }

    @Override
    public String join(int a, Long b, double c, String d, boolean e) {
        return a + "," + b + "," + c + "," + d + "," + e;
    }

    @Override
    public void nothing() {}

    @Override
    public String nullText() {
        return null;
    }

    @Override
    public double pi() {
        return Math.PI;
    }

    @Override
    public int sleep(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted");
        }
        return millis;
    }

    @Override
    public void note(String text) {
        synchronized (notes) {
            notes.add(text);
        }
    }

    @Override
    public List<String> notes() {
        synchronized (notes) {
            List<String> copy = new ArrayList<>(notes);
            notes.clear();
            return copy;
        }
    }

    @Override
    public CompletableFuture<String> later(String text, int millis) {
        CompletableFuture<String> future = new CompletableFuture<>();
        TIMER.schedule(() -> WORKERS.execute(() -> future.complete(text)), millis, TimeUnit.MILLISECONDS);
        return future;
    }

    @Override
    public CompletableFuture<Void> laterNothing() {
        return CompletableFuture.runAsync(() -> {}, WORKERS);
    }

    @Override
    public CompletableFuture<String> laterFail(String kind) {
        CompletableFuture<String> future = new CompletableFuture<>();
        WORKERS.execute(() -> future.completeExceptionally(Failures.make(kind)));
        return future;
    }

    @Override
    public String fail(String kind) throws NotFoundException {
        throw Failures.raise(kind);
    }

    @Override
    public Map<String, String> attachments(Map<String, String> reply) {
        Map<String, String> seen = new TreeMap<>();
        Dubbo.received().forEach((key, value) -> seen.put(key, String.valueOf(value)));
        reply.forEach(Dubbo::reply);
        return seen;
    }

    @Override
    public Map<String, String> relay(String url) {
        ReferenceConfig<AllTypes> reference = Rig.reference(AllTypes.class, url);
        try {
            return reference.get().attachments(new TreeMap<>());
        } finally {
            reference.destroy();
        }
    }

    @Override
    public byte[] blob(int size) {
        byte[] data = new byte[size];
        for (int i = 0; i < size; i++) {
            data[i] = (byte) i;
        }
        return data;
    }

    @Override
    public int size(byte[] data) {
        return data.length;
    }
}
