package main

import (
	"time"

	hessian "github.com/apache/dubbo-go-hessian2"
	"github.com/apache/dubbo-go-hessian2/java_exception"
)

const service = "org.rpcore.rig.GoTypes"
const version = "1.0.0"

// User is registered on both sides.
type User struct {
	Id     int64
	Name   string
	Age    int32
	Score  float64
	Active bool
	Born   time.Time
	Tags   []string
	Color  Color
	Friend *User
}

func (User) JavaClassName() string { return "org.rpcore.rig.GoUser" }

// Color is a Java enum.
type Color hessian.JavaEnum

const (
	Red Color = iota
	Green
)

var colors = map[Color]string{Red: "RED", Green: "GREEN"}

func (Color) JavaClassName() string { return "org.rpcore.rig.GoColor" }

func (c Color) String() string { return colors[c] }

func (c Color) EnumValue(name string) hessian.JavaEnum {
	for color, known := range colors {
		if known == name {
			return hessian.JavaEnum(color)
		}
	}
	return hessian.InvalidJavaEnum
}

// NotFound is an exception with a field of its own, known on both sides.
type NotFound struct {
	SerialVersionUID     int64
	DetailMessage        string
	SuppressedExceptions []java_exception.Throwabler
	StackTrace           []java_exception.StackTraceElement
	Cause                java_exception.Throwabler
	Wanted               int64
}

func (e NotFound) Error() string { return e.DetailMessage }

func (NotFound) JavaClassName() string { return "org.rpcore.rig.GoNotFound" }

func (e NotFound) GetStackTrace() []java_exception.StackTraceElement { return e.StackTrace }

func init() {
	hessian.RegisterPOJO(&User{})
	hessian.RegisterJavaEnum(Red)
	hessian.RegisterPOJO(&NotFound{})
}

var born = time.Date(2023, 11, 14, 22, 13, 20, 123000000, time.UTC)

func user() *User {
	return &User{
		Id: 1 << 40, Name: "Ann é中😀", Age: 41, Score: 2.5, Active: true, Born: born,
		Tags: []string{"a", ""}, Color: Green, Friend: &User{Id: 2, Name: "Bob", Born: born, Tags: []string{}},
	}
}

// What the consumer sends to each method of Stub, and must get back; test_go.py has the same values. Those of a
// numbered name go to the method without the number.
var samples = map[string]any{
	"Bool":     true,
	"Byte":     int8(-128),
	"Short":    int16(-32768),
	"Int":      int32(-2147483648),
	"Int2":     int32(7),
	"Long":     int64(-9223372036854775808),
	"Long2":    int64(7),
	"Plain":    int(1 << 40),
	"Float":    float32(1.5),
	"Double":   float64(-0.1),
	"Double2":  float64(3),
	"String":   "é中😀\x00 end",
	"String2":  "",
	"Bytes":    []byte{0, 1, 255},
	"Time":     born,
	"Strings":  []string{"a", "", "中"},
	"Strings2": []string{},
	"Ints":     []int32{1, -2, 300000},
	"Longs":    []int64{1, -2, 1 << 40},
	"Doubles":  []float64{0.5, -2},
	"Bools":    []bool{true, false},
	"List":     []any{int32(1), int64(1 << 40), "a", nil, 0.5, true},
	"Map":      map[any]any{"a": int32(1), "b": "c", int32(3): nil},
	"Counts":   map[string]int32{"a": 1, "b": -2},
	"User":     user(),
	"Users":    []*User{user(), {Id: 3, Name: "Cid", Born: born, Tags: []string{"x"}}},
	"Color":    Green,
}
