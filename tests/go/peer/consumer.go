package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/common/extension"
	"dubbo.apache.org/dubbo-go/v3/filter"
	"dubbo.apache.org/dubbo-go/v3/protocol/base"
	"dubbo.apache.org/dubbo-go/v3/protocol/result"

	hessian "github.com/apache/dubbo-go-hessian2"
	"github.com/apache/dubbo-go-hessian2/java_exception"
	perrors "github.com/pkg/errors"
)

// Stub is filled by dubbo-go. Arguments are given as one list, which every one of its signatures takes.
type Stub struct {
	Bool     func(ctx context.Context, args []any) (bool, error)        `dubbo:"echoBool"`
	Byte     func(ctx context.Context, args []any) (int8, error)        `dubbo:"echoByte"`
	Short    func(ctx context.Context, args []any) (int16, error)       `dubbo:"echoShort"`
	Int      func(ctx context.Context, args []any) (int32, error)       `dubbo:"echoInt"`
	Long     func(ctx context.Context, args []any) (int64, error)       `dubbo:"echoLong"`
	Plain    func(ctx context.Context, args []any) (int, error)         `dubbo:"echoPlain"`
	Float    func(ctx context.Context, args []any) (float32, error)     `dubbo:"echoFloat"`
	Double   func(ctx context.Context, args []any) (float64, error)     `dubbo:"echoDouble"`
	String   func(ctx context.Context, args []any) (string, error)      `dubbo:"echoString"`
	Bytes    func(ctx context.Context, args []any) ([]byte, error)      `dubbo:"echoBytes"`
	Time     func(ctx context.Context, args []any) (time.Time, error)   `dubbo:"echoTime"`
	Strings  func(ctx context.Context, args []any) ([]string, error)    `dubbo:"echoStrings"`
	Ints     func(ctx context.Context, args []any) ([]int32, error)     `dubbo:"echoInts"`
	Longs    func(ctx context.Context, args []any) ([]int64, error)     `dubbo:"echoLongs"`
	Doubles  func(ctx context.Context, args []any) ([]float64, error)   `dubbo:"echoDoubles"`
	Bools    func(ctx context.Context, args []any) ([]bool, error)      `dubbo:"echoBools"`
	List     func(ctx context.Context, args []any) ([]any, error)       `dubbo:"echoList"`
	Map      func(ctx context.Context, args []any) (map[any]any, error) `dubbo:"echoMap"`
	Counts   func(ctx context.Context, args []any) (map[any]any, error) `dubbo:"echoCounts"`
	User     func(ctx context.Context, args []any) (*User, error)       `dubbo:"echoUser"`
	Users    func(ctx context.Context, args []any) ([]*User, error)     `dubbo:"echoUsers"`
	Color    func(ctx context.Context, args []any) (*Color, error)      `dubbo:"echoColor"`
	Any      func(ctx context.Context, args []any) (any, error)         `dubbo:"echoAny"`
	Both     func(ctx context.Context, args []any) (string, error)      `dubbo:"both"`
	Blob     func(ctx context.Context, args []any) ([]byte, error)      `dubbo:"blob"`
	NilUser  func(ctx context.Context, args []any) (*User, error)       `dubbo:"nilUser"`
	Describe func(ctx context.Context, args []any) (string, error)      `dubbo:"describe"`
	Attached func(ctx context.Context, args []any) (string, error)      `dubbo:"attached"`
	Wait     func(ctx context.Context, args []any) (int32, error)       `dubbo:"wait"`
	Fail     func(ctx context.Context, args []any) (string, error)      `dubbo:"fail"`
	Absent   func(ctx context.Context, args []any) (string, error)      `dubbo:"absent"`
	Maybe    func(ctx context.Context, args []any) (any, error)         `dubbo:"maybe"`
	Nothing  func(ctx context.Context, args []any) (any, error)         `dubbo:"nothing"`
	Open     func(ctx context.Context, args []any) (any, error)         `dubbo:"open"`
	Echo     func(ctx context.Context, args []any) (any, error)         // which dubbo-go calls $echo

	Invoke func(ctx context.Context, method string, types []string, args []hessian.Object) (any, error) `dubbo:"$invoke"`
}

type request struct {
	ID          int               `json:"id"`
	Op          string            `json:"op"`
	Address     string            `json:"address"`
	Version     string            `json:"version"`
	Group       string            `json:"group"`
	Generic     bool              `json:"generic"`
	Method      string            `json:"method"`
	Sample      string            `json:"sample"`
	Text        string            `json:"text"`
	Types       []string          `json:"types"`
	Count       int               `json:"count"`
	Attachments map[string]string `json:"attachments"`
}

// What came with the answer; dubbo-go gives it to filters only.
type replied struct{ attachments map[string]any }

type capture struct{}

func (capture) Invoke(ctx context.Context, invoker base.Invoker, inv base.Invocation) result.Result {
	res := invoker.Invoke(ctx, inv)
	if to, ok := ctx.Value(replied{}.key()).(*replied); ok {
		to.attachments = res.Attachments()
	}
	return res
}

func (capture) OnResponse(_ context.Context, res result.Result, _ base.Invoker, _ base.Invocation) result.Result {
	return res
}

type contextKey string

func (replied) key() contextKey { return "replied" }

func init() { extension.SetFilter("capture", func() filter.Filter { return capture{} }) }

var stubs = struct {
	sync.Mutex
	known map[string]*Stub
	*client.Client
}{known: map[string]*Stub{}}

func dial(asked request) *Stub {
	stubs.Lock()
	defer stubs.Unlock()
	key := fmt.Sprint(asked.Address, asked.Version, asked.Group, asked.Generic)
	if stub, ok := stubs.known[key]; ok {
		return stub
	}
	if asked.Version == "" {
		asked.Version = version
	}
	options := []client.ReferenceOption{
		client.WithURL("dubbo://" + asked.Address), client.WithProtocolDubbo(), client.WithVersion(asked.Version),
		client.WithSerialization(constant.Hessian2Serialization),
		client.WithGroup(asked.Group), client.WithClusterFailFast(), client.WithFilter("capture"),
	}
	if asked.Generic {
		options = append(options, client.WithGeneric(), client.WithFilter("generic,capture"))
	}
	stub := &Stub{}
	if _, err := stubs.DialWithService(service, stub, options...); err != nil {
		panic(err)
	}
	stubs.known[key] = stub
	return stub
}

func consume() {
	cli, err := client.NewClient(client.WithClientRequestTimeout(10 * time.Second))
	if err != nil {
		panic(err)
	}
	stubs.Client = cli
	say(map[string]any{"ready": true})
	requests(func(asked request) {
		line := map[string]any{"id": asked.ID}
		to := &replied{}
		value, err := attempt(asked, to)
		if err != nil {
			line["error"] = told(err)
		} else {
			line["value"] = value
		}
		line["attachments"] = texts(to.attachments)
		say(line)
	})
}

func attempt(asked request, to *replied) (value any, err error) {
	defer func() {
		if why := recover(); why != nil {
			debug.PrintStack()
			err = fmt.Errorf("panic: %v", why)
		}
	}()
	ctx := context.WithValue(context.Background(), to.key(), to)
	ctx = context.WithValue(ctx, constant.AttachmentKey, asked.Attachments)
	return perform(ctx, dial(asked), asked)
}

func perform(ctx context.Context, stub *Stub, asked request) (any, error) {
	switch asked.Op {
	case "echo": // a sample there and back
		sent := samples[asked.Sample]
		got, err := call(ctx, stub, strings.TrimRight(asked.Sample, "0123456789"), sent)
		if err == nil && !same(sent, got) {
			err = fmt.Errorf("sent %#v, got %#v", sent, got)
		}
		return "same", err
	case "nil": // a nil argument without a type
		got, err := call(ctx, stub, asked.Method, nil)
		return fmt.Sprintf("%v", got), err
	case "nils":
		return call(ctx, stub, "Both", "a", nil, nil)
	case "box": // a pointer is Java's Integer, nil or not
		number := int32(asked.Count)
		got, err := call(ctx, stub, "Maybe", &number)
		if err != nil || got != number {
			return got, err
		}
		return call(ctx, stub, "Maybe", (*int32)(nil))
	case "text": // a method of one string
		return call(ctx, stub, asked.Method, asked.Text)
	case "number":
		return call(ctx, stub, asked.Method, int32(asked.Count))
	case "none":
		return call(ctx, stub, asked.Method)
	case "describe":
		return call(ctx, stub, "Describe", user())
	case "unset": // a nil pointer as the answer
		got, err := stub.NilUser(ctx, nil)
		return got == nil || reflect.DeepEqual(got, &User{}), err
	case "blob": // of that size, both ways
		sent := []byte(strings.Repeat("x", asked.Count))
		if got, err := stub.Bytes(ctx, []any{sent}); err != nil || !same(sent, got) {
			return len(got), err
		}
		got, err := stub.Blob(ctx, []any{int32(asked.Count)})
		return len(got), err
	case "many": // calls side by side
		var all sync.WaitGroup
		failed := make([]error, asked.Count)
		for i := range asked.Count {
			all.Add(1)
			go func() {
				defer all.Done()
				got, err := stub.Wait(ctx, []any{int32(i)})
				if err == nil && got != int32(i) {
					err = fmt.Errorf("%d is the answer of %d", got, i)
				}
				failed[i] = err
			}()
		}
		all.Wait()
		return asked.Count, errors.Join(failed...)
	case "invoke": // one argument that is a string, a map or nil
		var arg any = asked.Text
		if asked.Sample == "map" {
			arg = map[string]any{"id": int64(5), "name": "Ann", "age": int32(41), "class": "org.rpcore.rig.GoUser"}
		}
		got, err := stub.Invoke(ctx, asked.Method, asked.Types, []hessian.Object{arg})
		return plain(got), err
	}
	return nil, errors.New("unknown op " + asked.Op)
}

func call(ctx context.Context, stub *Stub, method string, args ...any) (any, error) {
	out := reflect.ValueOf(stub).Elem().FieldByName(method).Call(
		[]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(args)},
	)
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

func same(sent, got any) bool {
	if moment, ok := sent.(time.Time); ok {
		return moment.Equal(got.(time.Time))
	}
	return reflect.DeepEqual(local(sent), local(got))
}

// What sent and got differ in, though equal: DeepEqual compares the zones of times, and dubbo-go changes some types.
func local(v any) any {
	switch v := v.(type) {
	case Color:
		return &v
	case map[string]int32: // what any map is when it comes back
		all := map[any]any{}
		for k, each := range v {
			all[k] = each
		}
		return all
	case *User:
		if v == nil {
			return v
		}
		c := *v
		c.Born = c.Born.UTC()
		c.Friend = local(c.Friend).(*User)
		return &c
	case []*User:
		all := make([]any, len(v))
		for i := range v {
			all[i] = local(v[i])
		}
		return all
	}
	return v
}

// JSON has no maps with other keys than strings.
func plain(v any) any {
	if m, ok := v.(map[any]any); ok {
		texts := map[string]any{}
		for k, each := range m {
			texts[fmt.Sprint(k)] = plain(each)
		}
		return texts
	}
	return v
}

func texts(from map[string]any) map[string]string {
	all := map[string]string{}
	for k, v := range from {
		if text, ok := v.(string); ok {
			all[k] = text
		}
	}
	return all
}

func told(err error) map[string]any {
	cause := perrors.Cause(err)
	line := map[string]any{"type": fmt.Sprintf("%T", cause), "message": cause.Error()}
	if thrown, ok := cause.(java_exception.Throwabler); ok {
		line["class"] = thrown.JavaClassName()
	}
	var generic *java_exception.DubboGenericException
	if errors.As(cause, &generic) {
		line["wrapped"] = generic.ExceptionClass
	}
	var found *NotFound
	if errors.As(cause, &found) {
		line["wanted"] = found.Wanted
	}
	return line
}
