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

/**
 * One method for every type that travels, and one for every way in which a call can go.
 *
 * <p>Every {@code echo…} returns its argument. Where the caller names a sample in the attachment
 * {@code sample}, the provider compares what arrived with its own idea of that sample first.
 */
public interface AllTypes extends Named {
    boolean echoBoolean(boolean value);

    byte echoByte(byte value);

    short echoShort(short value);

    int echoInt(int value);

    long echoLong(long value);

    float echoFloat(float value);

    double echoDouble(double value);

    char echoChar(char value);

    Boolean echoBooleanBox(Boolean value);

    Byte echoByteBox(Byte value);

    Short echoShortBox(Short value);

    Integer echoIntBox(Integer value);

    Long echoLongBox(Long value);

    Float echoFloatBox(Float value);

    Double echoDoubleBox(Double value);

    Character echoCharBox(Character value);

    String echoString(String value);

    byte[] echoBytes(byte[] value);

    boolean[] echoBooleans(boolean[] value);

    short[] echoShorts(short[] value);

    int[] echoInts(int[] value);

    long[] echoLongs(long[] value);

    float[] echoFloats(float[] value);

    double[] echoDoubles(double[] value);

    char[] echoChars(char[] value);

    String[] echoStrings(String[] value);

    Object[] echoObjects(Object[] value);

    Integer[] echoIntBoxes(Integer[] value);

    BigDecimal[] echoDecimals(BigDecimal[] value);

    Date[] echoDates(Date[] value);

    Point[] echoPoints(Point[] value);

    Color[] echoColors(Color[] value);

    int[][] echoIntGrid(int[][] value);

    String[][] echoStringGrid(String[][] value);

    byte[][] echoBytesGrid(byte[][] value);

    BigDecimal echoBigDecimal(BigDecimal value);

    BigInteger echoBigInteger(BigInteger value);

    Date echoDate(Date value);

    LocalDate echoLocalDate(LocalDate value);

    LocalTime echoLocalTime(LocalTime value);

    LocalDateTime echoLocalDateTime(LocalDateTime value);

    Instant echoInstant(Instant value);

    Duration echoDuration(Duration value);

    OffsetDateTime echoOffsetDateTime(OffsetDateTime value);

    ZonedDateTime echoZonedDateTime(ZonedDateTime value);

    UUID echoUuid(UUID value);

    Locale echoLocale(Locale value);

    Currency echoCurrency(Currency value);

    Class<?> echoClass(Class<?> value);

    Color echoColor(Color value);

    Operation echoOperation(Operation value);

    List<String> echoStringList(List<String> value);

    List<Integer> echoIntList(List<Integer> value);

    List<Long> echoLongList(List<Long> value);

    List<Point> echoPointList(List<Point> value);

    Set<String> echoStringSet(Set<String> value);

    Set<Integer> echoIntSet(Set<Integer> value);

    Collection<String> echoCollection(Collection<String> value);

    LinkedList<String> echoLinkedList(LinkedList<String> value);

    Map<String, String> echoStringMap(Map<String, String> value);

    Map<String, Integer> echoCountMap(Map<String, Integer> value);

    Map<String, Point> echoPointMap(Map<String, Point> value);

    Map<Integer, String> echoIntKeyMap(Map<Integer, String> value);

    Map<Color, Long> echoColorMap(Map<Color, Long> value);

    TreeMap<String, Integer> echoTreeMap(TreeMap<String, Integer> value);

    Map<String, List<Map<String, Integer>>> echoNested(Map<String, List<Map<String, Integer>>> value);

    Point echoPoint(Point value);

    Fields echoFields(Fields value);

    Node echoNode(Node value);

    Tree echoTree(Tree value);

    Animal echoAnimal(Animal value);

    Dog echoDog(Dog value);

    Page<Point> echoPage(Page<Point> value);

    Page.Order echoOrder(Page.Order value);

    Object echoObject(Object value);

    /** Five methods of one name; each says which it is. */
    String over(int value);

    String over(long value);

    String over(String value);

    String over(List<String> value);

    String over(int value, String text);

    /** The arguments as {@link String#valueOf} shows them, with commas between. */
    String join(int a, Long b, double c, String d, boolean e);

    void nothing();

    String nullText();

    double pi();

    /** Returns {@code millis} that much later. */
    int sleep(int millis);

    /** Called one-way: what was noted, {@link #notes} tells. */
    void note(String text);

    /** What was noted since the last call of this. */
    List<String> notes();

    CompletableFuture<String> later(String text, int millis);

    CompletableFuture<Void> laterNothing();

    CompletableFuture<String> laterFail(String kind);

    /** Fails as {@link Failures} says under this name. */
    String fail(String kind) throws NotFoundException;

    /** The attachments of this call, all as text; {@code reply} becomes those of the answer. */
    Map<String, String> attachments(Map<String, String> reply);

    /** What {@link #attachments} of the provider at that address says, called from within this call. */
    Map<String, String> relay(String url);

    /** That many bytes: 0, 1, 2, … 255, 0, … */
    byte[] blob(int size);

    /** How many bytes arrived. */
    int size(byte[] data);
}
