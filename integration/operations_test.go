package integration_test

import (
	"context"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/opensearch-project/opensearch-go/v4"
	api "github.com/opensearch-project/opensearch-go/v4/opensearchapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// operation is an operation of OpenSearch's API specification.
type operation struct {
	method string
	path   *regexp.Regexp
}

// specification returns the operations that the tests of fleethttp classify.
func specification(t *testing.T) (all []operation) {
	t.Helper()
	text, err := os.ReadFile("../fleethttp/testdata/operations.txt")
	require.NoError(t, err)
	parameter := regexp.MustCompile(`\\\{\w+\\\}`)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] != "#" {
			pattern := "^" + parameter.ReplaceAllString(regexp.QuoteMeta(fields[1]), "[^/_][^/]*") + "/?$"
			all = append(all, operation{fields[0], regexp.MustCompile(pattern)})
		}
	}
	return all
}

// callAll calls each method of a client, and of the clients in its fields, with requests
// whose strings are "x". It returns the number of calls.
func callAll(client reflect.Value) (calls int) {
	for i := range client.NumMethod() {
		method := client.Method(i)
		if method.Type().NumIn() != 2 || method.Type().In(0) != reflect.TypeFor[context.Context]() {
			continue
		}
		request := reflect.New(method.Type().In(1)).Elem()
		if request.Kind() == reflect.Pointer {
			request.Set(reflect.New(request.Type().Elem()))
			fill(request.Elem())
		} else {
			fill(request)
		}
		method.Call([]reflect.Value{reflect.ValueOf(context.Background()), request})
		calls++
	}
	if client.Kind() == reflect.Pointer {
		client = client.Elem()
	}
	for i := range client.NumField() {
		if field := client.Type().Field(i); field.IsExported() && field.Type.Kind() == reflect.Struct {
			calls += callAll(client.Field(i))
		}
	}
	return calls
}

// fill sets the strings and bodies of a request.
func fill(request reflect.Value) {
	if request.Kind() != reflect.Struct {
		return
	}
	for i := range request.NumField() {
		switch field := request.Field(i); {
		case !field.CanSet():
		case field.Kind() == reflect.String:
			field.SetString("x")
		case field.Type() == reflect.TypeFor[[]string]():
			field.Set(reflect.ValueOf([]string{"x"}))
		case request.Type().Field(i).Name == "Body" && field.Kind() == reflect.Interface:
			field.Set(reflect.ValueOf(emptyObject()))
		}
	}
}

// TestOpenSearch_ClientOperations sends each request that the client can send. Each must be
// an operation of the specification, so that the tests of fleethttp have its endpoint.
func TestOpenSearch_ClientOperations(t *testing.T) {
	t.Parallel()
	all := specification(t)
	var mu sync.Mutex
	sent := map[string]bool{}
	transport := roundTripper(func(r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_nodes/_local/stats/") {
			return // the client polls these by itself, on a goroutine of its own, every five seconds
		}
		key := r.Method + " " + r.URL.Path
		mu.Lock()
		defer mu.Unlock()
		for _, op := range all {
			if op.method == r.Method && op.path.MatchString(r.URL.Path) {
				sent[key] = true
				return
			}
		}
		t.Errorf("%s is no operation of the specification", key)
	})
	client, err := api.NewClient(api.Config{Client: opensearch.Config{
		Addresses: []string{"http://opensearch.invalid"}, Transport: transport, Context: t.Context(),
	}})
	require.NoError(t, err)
	assert.Greater(t, callAll(reflect.ValueOf(client)), 100)
	mu.Lock()
	defer mu.Unlock()
	assert.Greater(t, len(sent), 100)
	t.Logf("%d different requests", len(sent))
}

// roundTripper is an http.RoundTripper that passes each request to a function, and returns
// an empty JSON object.
type roundTripper func(*http.Request)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return (&classifier{}).RoundTrip(r)
}
