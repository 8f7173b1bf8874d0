package main

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	"dubbo.apache.org/dubbo-go/v3/server"

	"github.com/apache/dubbo-go-hessian2/java_exception"
)

// Types serves GoTypes. Its parameters are of the types that the decoder makes, because dubbo-go converts none.
type Types struct {
	sync.Mutex
	gate    chan struct{}
	waiting atomic.Int32
}

func (*Types) EchoBool(v bool) (bool, error)                           { return v, nil }
func (*Types) EchoByte(v int32) (int8, error)                          { return int8(v), nil }
func (*Types) EchoShort(v int32) (int16, error)                        { return int16(v), nil }
func (*Types) EchoInt(v int32) (int32, error)                          { return v, nil }
func (*Types) EchoLong(v int64) (int64, error)                         { return v, nil }
func (*Types) EchoPlain(v int64) (int, error)                          { return int(v), nil }
func (*Types) EchoFloat(v float64) (float32, error)                    { return float32(v), nil }
func (*Types) EchoDouble(v float64) (float64, error)                   { return v, nil }
func (*Types) EchoString(v string) (string, error)                     { return v, nil }
func (*Types) EchoBytes(v []byte) ([]byte, error)                      { return v, nil }
func (*Types) EchoTime(v time.Time) (time.Time, error)                 { return v, nil }
func (*Types) EchoStrings(v []string) ([]string, error)                { return v, nil }
func (*Types) EchoInts(v []int32) ([]int32, error)                     { return v, nil }
func (*Types) EchoLongs(v []int64) ([]int64, error)                    { return v, nil }
func (*Types) EchoDoubles(v []float64) ([]float64, error)              { return v, nil }
func (*Types) EchoBools(v []bool) ([]bool, error)                      { return v, nil }
func (*Types) EchoMap(v map[any]any) (map[any]any, error)              { return v, nil }
func (*Types) EchoCounts(v map[any]any) (map[any]any, error)           { return v, nil }
func (*Types) EchoUser(v *User) (*User, error)                         { return v, nil }
func (*Types) EchoColor(v *Color) (*Color, error)                      { return v, nil }
func (*Types) Maybe(v any) (any, error)                                { return v, nil }
func (*Types) EchoAny(v any) (any, error)                              { return v, nil }
func (*Types) Both(a string, b string, c *User) (string, error)        { return a + "|" + b, nil }
func (*Types) Blob(size int32) ([]byte, error)                         { return bytes.Repeat([]byte{'x'}, int(size)), nil }
func (*Types) Nothing() (any, error)                                   { return nil, nil }
func (*Types) NilUser() (*User, error)                                 { return nil, nil }
func (*Types) Describe(u *User) (string, error)                        { return u.Name + " " + u.Color.String(), nil }
func (*Types) EchoList(ctx context.Context, args []any) ([]any, error) { return args[0].([]any), nil }
func (*Types) EchoUsers(v []*User) ([]*User, error)                    { return v, nil }

// Attached tells the attachment of that name, and answers with one.
func (*Types) Attached(ctx context.Context, name string) (string, error) {
	attachments := ctx.Value(constant.AttachmentKey).(map[string]any)
	value, _ := attachments[name].(string)
	attachments["answered"] = "go é中"
	return value, nil
}

// Wait answers once Open was called.
func (t *Types) Wait(tag int32) (int32, error) {
	t.Lock()
	gate := t.gate
	t.Unlock()
	t.waiting.Add(1)
	<-gate
	return tag, nil
}

// Open tells how many waited.
func (t *Types) Open() (int32, error) {
	t.Lock()
	defer t.Unlock()
	close(t.gate)
	t.gate = make(chan struct{})
	return t.waiting.Swap(0), nil
}

// Waiting tells how many wait.
func (t *Types) Waiting() (int32, error) { return t.waiting.Load(), nil }

func (*Types) Fail(how string) (string, error) {
	switch how {
	case "error":
		return "", errors.New("plain error")
	case "java":
		return "", java_exception.NewIllegalArgumentException("bad é中")
	case "own":
		return "", &NotFound{DetailMessage: "no such user", Wanted: 7}
	case "panic":
		panic("boom")
	}
	return how, nil
}

func provide() {
	port := freePort()
	// At every address of the machine, because Serve opens a metadata service of its own there, first.
	srv, err := server.NewServer(server.WithServerProtocol(protocol.WithDubbo(), protocol.WithPort(port)))
	if err != nil {
		panic(err)
	}
	err = srv.Register(&Types{gate: make(chan struct{})}, nil,
		server.WithInterface(service), server.WithVersion(version), server.WithNotRegister(),
		server.WithSerialization(constant.Hessian2Serialization), server.WithFilter("echo,generic_service"),
	)
	if err != nil {
		panic(err)
	}
	// Serve says nothing and never returns, but asks for internal services once the others are exported. To dial the
	// port until it answers could take it away.
	server.SetProviderServices(&server.InternalService{
		Name: "ready",
		Init: func(*server.ServiceOptions) (*server.ServiceDefinition, bool) {
			say(map[string]any{"ready": true, "port": port})
			return nil, false
		},
	})
	go func() { panic(srv.Serve()) }()
	requests(func(request) {})
}
