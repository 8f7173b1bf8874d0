// A dubbo-go peer: a provider or a consumer of the service in service.go over dubbo:// with hessian2, without a
// registry. It talks in lines of JSON on its standard output; the consumer takes requests on its standard input,
// and both end when that ends.
package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"sync"
	"syscall"

	"dubbo.apache.org/dubbo-go/v3/remoting/getty"

	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failfast"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	_ "dubbo.apache.org/dubbo-go/v3/filter/echo"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/logger/core/zap"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"

	transport "github.com/apache/dubbo-getty"
	gost "github.com/dubbogo/gost/log/logger"
)

// How often a connection is checked and a heartbeat sent; 60 s and 30 s in production.
const heartbeat = "300ms"

// Bytes of a message; dubbo-go's own limit is 1,024,000.
const payload = 8 << 20

// Lines go to the standard output as it was; what dubbo-go logs there goes to the standard error.
var lines = struct {
	sync.Mutex
	*os.File
}{}

func say(line any) {
	data, err := json.Marshal(line)
	if err != nil {
		data, _ = json.Marshal(map[string]any{"error": map[string]any{"type": "json", "message": err.Error()}})
	}
	lines.Lock()
	defer lines.Unlock()
	lines.Write(append(data, '\n'))
}

func main() {
	fd, err := syscall.Dup(1)
	if err != nil {
		panic(err)
	}
	lines.File = os.NewFile(uintptr(fd), "lines")
	if err := syscall.Dup3(2, 1, 0); err != nil {
		panic(err)
	}
	gost.SetLoggerLevel("warn")
	if err := transport.SetLoggerLevel(transport.LoggerLevelWarn); err != nil {
		panic(err)
	}
	client := getty.GetDefaultClientConfig()
	client.ConnectionNum = 2 // 16 by default
	client.HeartbeatPeriod = heartbeat
	client.GettySessionParam.MaxMsgLen = payload
	getty.SetClientConf(*client)
	server := getty.GetDefaultServerConfig()
	server.HeartbeatPeriod = heartbeat
	server.GettySessionParam.MaxMsgLen = payload
	getty.SetServerConfig(*server)

	switch os.Args[1] {
	case "provider":
		provide()
	case "consumer":
		consume()
	default:
		panic("provider or consumer?")
	}
}

// Requests of the standard input, each handled by itself.
func requests(handle func(request)) {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var asked request
		if err := json.Unmarshal(scanner.Bytes(), &asked); err != nil {
			panic(err)
		}
		go handle(asked)
	}
}

// A port that is free now: dubbo-go takes a number and does not say what it made of 0.
func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
