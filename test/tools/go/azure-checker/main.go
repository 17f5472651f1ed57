// Serves on loopback what Microsoft ships to check requests to Azure: the fake servers of its own Go clients. A request is
// good when one of their calls would have sent the same; all others are refused with what Microsoft's code says. It keeps
// nothing: answers are plain values that no request changes, and operations end at once.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
)

// verdict is what became of one request.
type verdict struct {
	Line string `json:"line"`
	// As is the call of Microsoft's clients that sends such a request; "" when none does.
	As string `json:"as"`
	// Refused says for each call that comes near why it is another one.
	Refused []string `json:"refused"`
}

type checker struct {
	mutex    sync.Mutex
	verdicts []verdict
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println(version())
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ready %d\n", listener.Addr().(*net.TCPAddr).Port)
	// Whoever started it closes our input, or has ended.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, &checker{verdicts: []verdict{}}))
}

func (c *checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/verdicts" {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		w.Header().Set("content-type", "application/json")
		_ = json.NewEncoder(w).Encode(c.verdicts)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		log.Printf("%s %s: %v", r.Method, r.URL, err)
		return
	}
	answer, found := judge(r, body)
	found.Line = r.Method + " " + r.URL.RequestURI()
	c.mutex.Lock()
	c.verdicts = append(c.verdicts, found)
	c.mutex.Unlock()
	if answer == nil {
		refuse(w, found)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// judge tries every call that there is, so that no table of ours says what a right path is.
func judge(r *http.Request, body []byte) (*http.Response, verdict) {
	found := verdict{Refused: []string{}}
	for _, service := range services {
		for _, name := range service.calls {
			t := newTrial(r, body, service.spelling)
			answer, err := t.send(service, name)
			if err == nil {
				found.As = name
				return answer, found
			}
			// Of a call whose path it is not there is nothing to say.
			if !strings.Contains(err.Error(), "failed to parse path") && !t.isElsewhere {
				found.Refused = append(found.Refused, name+": "+err.Error())
			}
		}
	}
	return nil, found
}

func refuse(w http.ResponseWriter, found verdict) {
	status, code, message := http.StatusBadRequest, "CheckerRefused", strings.Join(found.Refused, "; ")
	if len(found.Refused) == 0 {
		status, code, message = http.StatusNotFound, "CheckerUnknown", "no call has the path of "+found.Line
	}
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	said := map[string]string{"code": code, "message": message}
	_ = json.NewEncoder(w).Encode(map[string]any{"error": said})
}

// version names the modules that the checks are of, as they were built in.
func version() string {
	var said bytes.Buffer
	said.WriteString("azure-checker:")
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if _, name, isOne := strings.Cut(module.Path, "/resourcemanager/"); isOne {
			fmt.Fprintf(&said, " %s %s", name[strings.Index(name, "/")+1:], module.Version)
		}
	}
	return said.String()
}
