package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// packageLog is the output of package log. silenceLibraries must keep it empty.
var packageLog testutil.Buffer

// asCommand is the environment variable that makes the test binary run as the command.
const asCommand = "FLEETDIAL_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	log.SetOutput(&packageLog)
	silenceLibraries()
	goleak.VerifyTestMain(m)
}

// runningProxy is a proxy that runs as the command does, with its own upstream and Redis.
type runningProxy struct {
	t              *testing.T
	server         *testutil.Redis
	pub            *fleetdial.Publisher
	traffic, admin string
	stdout, stderr testutil.Buffer
	captureDir     string
	traces         string
	client         *http.Client
	// stop shuts the proxy down, and returns its exit code.
	stop func() int
}

var listenerStarted = regexp.MustCompile(`"listener":"(\w+)","addr":"([^"]+)"`)

// startProxy starts a proxy for the upstream, with an empty set, and waits for its
// listeners.
func startProxy(t *testing.T, upstream http.Handler, args ...string) *runningProxy {
	t.Helper()
	backend := httptest.NewServer(upstream)
	t.Cleanup(backend.Close)
	dir := t.TempDir()
	p := &runningProxy{
		t: t, server: testutil.StartRedis(t), captureDir: filepath.Join(dir, "captures"), traces: filepath.Join(dir, "traces"),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}},
	}
	t.Cleanup(p.client.CloseIdleConnections)
	var err error
	p.pub, err = fleetdial.NewPublisher(p.server.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	p.publish()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	if !slices.Contains(args, "--redis-url") {
		args = append(args, "--redis-url", p.server.URL())
	}
	args = append([]string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--upstream", backend.URL,
		"--capture-dir", p.captureDir, "--traces", p.traces,
	}, args...)
	go func() { ended <- run(ctx, args, &p.stdout, &p.stderr, func(string) string { return "" }) }()
	p.stop = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { p.stop() })
	traffic, admin := waitForListeners(t, &p.stderr)
	p.traffic, p.admin = "http://"+traffic, "http://"+admin
	return p
}

// waitForListeners waits until the log of a proxy has the addresses of both listeners.
func waitForListeners(t *testing.T, log *testutil.Buffer) (traffic, admin string) {
	t.Helper()
	testutil.Eventually(t, 20*time.Second, "both listeners are started", func() bool {
		for _, m := range listenerStarted.FindAllStringSubmatch(log.String(), -1) {
			if m[1] == "traffic" {
				traffic = m[2]
			} else {
				admin = m[2]
			}
		}
		return traffic != "" && admin != ""
	})
	return traffic, admin
}

// publish publishes these directives, which expire after one hour and have no sampling.
func (p *runningProxy) publish(directives ...fleetdial.Directive) fleetdial.Revision {
	p.t.Helper()
	for i := range directives {
		directives[i].SamplePerMille, directives[i].ExpiresAt = 1000, time.Now().Add(time.Hour)
	}
	set, err := fleetdial.NewSet(directives)
	require.NoError(p.t, err)
	rev, err := p.pub.Publish(p.t.Context(), set, fleetdial.PublishOptions{})
	require.NoError(p.t, err)
	return rev
}

// apply publishes these directives, and waits until the proxy has applied the revision.
func (p *runningProxy) apply(directives ...fleetdial.Directive) {
	p.t.Helper()
	rev := p.publish(directives...)
	testutil.Eventually(p.t, 10*time.Second, "the proxy has applied the revision", func() bool {
		var health struct {
			Version int64 `json:"version"`
		}
		require.NoError(p.t, json.Unmarshal([]byte(p.get("/healthz")), &health))
		return health.Version == rev.Version
	})
}

// get sends a GET request to the admin listener, and returns the body of the response.
func (p *runningProxy) get(path string) string {
	p.t.Helper()
	resp, err := p.client.Get(p.admin + path)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return string(body)
}

// send sends a request to the traffic listener, and returns the response and its body.
func (p *runningProxy) send(method, path, body string, header http.Header) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequest(method, p.traffic+path, strings.NewReader(body))
	require.NoError(p.t, err)
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := p.client.Do(r)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return resp, string(answer)
}

// lines waits until stdout has n records, and returns them.
func (p *runningProxy) lines(n int) (out []map[string]any) {
	p.t.Helper()
	testutil.Eventually(p.t, 10*time.Second, "the records are written", func() bool {
		return strings.Count(p.stdout.String(), "\n") >= n
	})
	for line := range strings.Lines(p.stdout.String()) {
		var record map[string]any
		require.NoError(p.t, json.Unmarshal([]byte(line), &record), line)
		out = append(out, record)
	}
	require.Len(p.t, out, n)
	return out
}

// captures returns the content of all capture files.
func (p *runningProxy) captures() (text string) {
	files, err := filepath.Glob(filepath.Join(p.captureDir, "*"+captureSuffix))
	require.NoError(p.t, err)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(p.t, err)
		assert.Equal(p.t, os.FileMode(0o600), info.Mode())
		content, err := os.ReadFile(file)
		require.NoError(p.t, err)
		text += string(content)
	}
	return text
}

func hello(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "hello")
}
