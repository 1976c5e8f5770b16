// Command spdy is a client of the streaming server for tests: the family of SPDY code that kubelets use, and none of the
// server's own. Its standard streams are those of the session.
//
//	spdy console -url URL -protocol P[,P] [-stdin] [-stdout] [-stderr] [-tty] [-resize 80x24] [-status FILE]
//	spdy ports -url URL -port N [-connections K] [-bytes B]
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/spdystream"
)

func main() {
	if len(os.Args) < 2 {
		fail("give a mode: console or ports")
	}
	switch os.Args[1] {
	case "console":
		console(os.Args[2:])
	case "ports":
		ports(os.Args[2:])
	default:
		fail("unknown mode %s", os.Args[1])
	}
}

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "spdy: "+format+"\n", args...)
	os.Exit(125)
}

// upgraded reads what the HTTP reader had taken already.
type upgraded struct {
	net.Conn
	reader *bufio.Reader
}

func (u *upgraded) Read(b []byte) (int, error) { return u.reader.Read(b) }

func connect(address string, protocols []string) (*spdystream.Connection, string) {
	target, err := url.Parse(address)
	if err != nil {
		fail("url: %v", err)
	}
	conn, err := net.Dial("tcp", target.Host)
	if err != nil {
		fail("dial: %v", err)
	}
	request, err := http.NewRequest("POST", address, nil)
	if err != nil {
		fail("request: %v", err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "SPDY/3.1")
	for _, protocol := range protocols {
		request.Header.Add("X-Stream-Protocol-Version", protocol)
	}
	if err := request.Write(conn); err != nil {
		fail("request: %v", err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		fail("response: %v", err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		fail("status %d: %s", response.StatusCode, strings.TrimSpace(string(body)))
	}
	spdy, err := spdystream.NewConnection(&upgraded{conn, reader}, false)
	if err != nil {
		fail("spdy: %v", err)
	}
	go spdy.Serve(spdystream.NoOpStreamHandler)
	return spdy, response.Header.Get("X-Stream-Protocol-Version")
}

func open(spdy *spdystream.Connection, headers map[string]string) *spdystream.Stream {
	h := http.Header{}
	for name, value := range headers {
		h.Set(name, value)
	}
	stream, err := spdy.CreateStream(h, nil, false)
	if err != nil {
		fail("stream %v: %v", headers, err)
	}
	if err := stream.WaitTimeout(30 * time.Second); err != nil {
		fail("stream %v: %v", headers, err)
	}
	return stream
}

func console(args []string) {
	flags := flag.NewFlagSet("console", flag.ExitOnError)
	address := flags.String("url", "", "")
	protocol := flags.String("protocol", "v4.channel.k8s.io", "")
	stdin := flags.Bool("stdin", false, "")
	stdout := flags.Bool("stdout", false, "")
	stderr := flags.Bool("stderr", false, "")
	tty := flags.Bool("tty", false, "")
	resize := flags.String("resize", "", "")
	status := flags.String("status", "", "")
	flags.Parse(args)

	spdy, chosen := connect(*address, strings.Split(*protocol, ","))
	failure := open(spdy, map[string]string{"streamType": "error"})
	var in, sizes *spdystream.Stream
	var outputs sync.WaitGroup
	if *stdin {
		in = open(spdy, map[string]string{"streamType": "stdin"})
	}
	for name, wanted := range map[string]bool{"stdout": *stdout, "stderr": *stderr} {
		if !wanted {
			continue
		}
		stream := open(spdy, map[string]string{"streamType": name})
		target := os.Stdout
		if name == "stderr" {
			target = os.Stderr
		}
		outputs.Add(1)
		go func() {
			defer outputs.Done()
			io.Copy(target, stream)
		}()
	}
	if *tty {
		sizes = open(spdy, map[string]string{"streamType": "resize"})
	}
	if *resize != "" {
		var width, height int
		fmt.Sscanf(*resize, "%dx%d", &width, &height)
		fmt.Fprintf(sizes, "{\"Width\":%d,\"Height\":%d}\n", width, height)
	}
	if in != nil {
		go func() {
			if _, err := io.Copy(in, os.Stdin); err != nil {
				fmt.Fprintf(os.Stderr, "spdy: stdin: %v\n", err)
			}
			in.Close()
		}()
	}

	message, err := io.ReadAll(failure)
	outputs.Wait()
	if err != nil {
		fail("error stream: %v", err)
	}
	if *status != "" {
		if err := os.WriteFile(*status, []byte(chosen+"\n"+string(message)), 0o600); err != nil {
			fail("status: %v", err)
		}
	}
	spdy.Close()
}

func ports(args []string) {
	flags := flag.NewFlagSet("ports", flag.ExitOnError)
	address := flags.String("url", "", "")
	port := flags.Int("port", 0, "")
	connections := flags.Int("connections", 1, "")
	bytes := flags.Int64("bytes", 0, "")
	flags.Parse(args)

	spdy, _ := connect(*address, []string{"portforward.k8s.io"})
	var all sync.WaitGroup
	var output sync.Mutex
	for i := 0; i < *connections; i++ {
		all.Add(1)
		// One after another, as clients open them; then all at once.
		headers := map[string]string{"port": fmt.Sprint(*port), "requestID": fmt.Sprint(i), "streamType": "error"}
		failure := open(spdy, headers)
		failure.Close()
		headers["streamType"] = "data"
		data := open(spdy, headers)
		go func(i int) {
			defer all.Done()
			line := forward(data, failure, i, *bytes)
			output.Lock()
			defer output.Unlock()
			fmt.Println(line)
		}(i)
	}
	all.Wait()
	spdy.Close()
}

// forward sends a line and then bytes, ends its side, and reads the answer.
func forward(data, failure *spdystream.Stream, i int, bytes int64) string {
	go func() {
		fmt.Fprintf(data, "hello %d\n", i)
		io.CopyN(data, zeros{}, bytes)
		data.Close()
	}()
	reader := bufio.NewReader(data)
	first, _ := reader.ReadString('\n')
	rest, _ := io.Copy(io.Discard, reader)
	message, _ := io.ReadAll(failure)
	if len(message) > 0 {
		return fmt.Sprintf("%d error: %s", i, message)
	}
	return fmt.Sprintf("%d %s+%d", i, strings.TrimSpace(first), rest)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0
	}
	return len(b), nil
}
