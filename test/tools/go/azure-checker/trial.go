package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// trial asks one question: is this request the one that this call of Microsoft's client sends? Their fake server reads the
// arguments out of it, their client is called with these, and what it would send has to be what came. The fakes alone
// let through what they do not read: another method, a longer path, fields and parameters that nobody knows.
type trial struct {
	came     *http.Request
	body     []byte
	spelling *strings.Replacer

	// sent is what the client would send; nil while it was not called.
	sent     *http.Request
	sentBody []byte
	// lacks is a field that the call has to have: fakes and clients take the body without it.
	lacks string
	// isElsewhere: the client would send it to another path.
	isElsewhere bool
}

// errKept ends a call of the client: nothing leaves this process.
var errKept = errors.New("kept and not sent")

func newTrial(came *http.Request, body []byte, spelling *strings.Replacer) *trial {
	if spelling == nil {
		spelling = strings.NewReplacer()
	}
	return &trial{came: came, body: body, spelling: spelling}
}

func (t *trial) send(to service, name string) (*http.Response, error) {
	ctx := context.WithValue(t.came.Context(), runtime.CtxAPINameKey{}, name)
	request := t.came.Clone(ctx)
	request.Body = io.NopCloser(bytes.NewReader(t.body))
	request.URL.Scheme, request.URL.Host = "http", t.came.Host
	request.URL.Path = t.spelling.Replace(request.URL.Path)
	request.URL.RawPath = t.spelling.Replace(request.URL.RawPath)
	answer, err := to.open(t).Do(request)
	if err != nil {
		return nil, err
	}
	return answer, t.compare(request)
}

// Do implements policy.Transporter for the client.
func (t *trial) Do(request *http.Request) (*http.Response, error) {
	t.sent = request
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		t.sentBody = body
	}
	return nil, errKept
}

func (t *trial) required(field string, values int) {
	if values == 0 {
		t.lacks = field
	}
}

// subscription as it stands in the path that came: the fakes do not pass it on.
func (t *trial) subscription() string {
	parts := strings.Split(t.came.URL.Path, "/")
	if len(parts) < 3 || !strings.EqualFold(parts[1], "subscriptions") {
		return ""
	}
	return parts[2]
}

func (t *trial) options() *arm.ClientOptions {
	options := &arm.ClientOptions{DisableRPRegistration: true}
	options.Transport = t
	options.Retry = policy.RetryOptions{MaxRetries: -1}
	return options
}

// client makes one of Microsoft's clients for the trial.
func client[T any](t *trial, make func(string, credential, *arm.ClientOptions) (*T, error)) *T {
	made, err := make(t.subscription(), &azfake.TokenCredential{}, t.options())
	if err != nil {
		panic(err)
	}
	return made
}

func (t *trial) compare(came *http.Request) error {
	if t.sent == nil {
		return errors.New("Microsoft's client refuses these arguments")
	}
	if !strings.EqualFold(came.URL.EscapedPath(), t.sent.URL.EscapedPath()) {
		t.isElsewhere = true
		return fmt.Errorf("the path is %s", t.sent.URL.EscapedPath())
	}
	if came.Method != t.sent.Method {
		return fmt.Errorf("the method is %s", t.sent.Method)
	}
	query, wanted := came.URL.Query(), t.sent.URL.Query()
	// Each program chooses its version, and has to name one.
	if query.Get("api-version") == "" {
		return errors.New("api-version is missing")
	}
	query.Del("api-version")
	wanted.Del("api-version")
	if !reflect.DeepEqual(query, wanted) {
		return fmt.Errorf("the query is %q and not %q", wanted.Encode(), query.Encode())
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if has, wants := came.Header.Get(name), t.sent.Header.Get(name); has != wants {
			return fmt.Errorf("%s is %q and not %q", name, wants, has)
		}
	}
	if t.lacks != "" {
		return fmt.Errorf("the body has no %s, which is required", t.lacks)
	}
	return compareBodies(came.Header, t.body, t.sent.Header, t.sentBody)
}

func compareBodies(came http.Header, body []byte, sent http.Header, wanted []byte) error {
	if len(body) == 0 && len(wanted) == 0 {
		return nil
	}
	has, wants := mediaType(came), mediaType(sent)
	if has != wants {
		return fmt.Errorf("the body is %q and not %q", wants, has)
	}
	var left, right any
	if err := json.Unmarshal(body, &left); err != nil {
		return err
	}
	if err := json.Unmarshal(wanted, &right); err != nil {
		return err
	}
	if !reflect.DeepEqual(left, right) {
		return fmt.Errorf("the body is %s and not %s", wanted, body)
	}
	return nil
}

func mediaType(header http.Header) string {
	said, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return said
}

var _ policy.Transporter = (*trial)(nil)
