package org.rpcore.rig;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * A field of every kind. None is a float: Dubbo 3.3's hessian-lite (4.0.4) writes the eight bytes of a double into such
 * a field when it reads one.
 */
public class Fields implements Serializable {
    private static final long serialVersionUID = 1L;

    public boolean flag;
    public byte tiny;
    public short small;
    public int number;
    public long large;
    public double ratio;
    public char letter;
    public Boolean flagBox;
    public Byte tinyBox;
    public Short smallBox;
    public Integer numberBox;
    public Long largeBox;
    public Double ratioBox;
    public Character letterBox;
    public String text;
    public byte[] data;
    public int[] ints;
    public String[] words;
    public BigDecimal price;
    public BigInteger huge;
    public Date at;
    public LocalDate day;
    public LocalTime time;
    public LocalDateTime moment;
    public Instant instant;
    public Duration took;
    public UUID id;
    public Color color;
    public Point point;
    public List<Point> points;
    public Set<String> tags;
    public Map<String, Point> places;
    public Object anything;
}
