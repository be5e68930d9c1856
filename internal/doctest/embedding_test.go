package doctest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// build builds the program of a Go file or package, and returns its path.
func build(t *testing.T, source string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// guideProgram builds the program at the end of docs/embedding.md. It replaces the
// addresses by environment variables, so that each test can have its own.
func guideProgram(t *testing.T) string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/embedding.md")
	require.NoError(t, err)
	programs := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindAllSubmatch(guide, -1)
	require.Len(t, programs, 1)
	source := string(programs[0][1])
	for address, variable := range map[string]string{
		"redis://127.0.0.1:6379": "REDIS", "http://127.0.0.1:9200": "UPSTREAM", "127.0.0.1:8080": "LISTEN", "127.0.0.1:8081": "ADMIN",
	} {
		require.Equal(t, 1, strings.Count(source, `"`+address+`"`), address)
		source = strings.ReplaceAll(source, `"`+address+`"`, fmt.Sprintf("os.Getenv(%q)", variable))
	}
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	return build(t, file)
}

// running is a program that serves on addr.
type running struct {
	cmd  *exec.Cmd
	addr string
	done chan struct{}
	out  testutil.Buffer
}

// start runs a program with these environment variables, LISTEN and ADMIN, until it
// serves. It tries other ports if another process has taken these.
func start(t *testing.T, program string, env ...string) *running {
	t.Helper()
	for range 10 {
		r := &running{addr: freeAddr(t), done: make(chan struct{})}
		r.cmd = exec.Command(program)
		r.cmd.Env = append(append(os.Environ(), env...), "LISTEN="+r.addr, "ADMIN="+freeAddr(t))
		r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
		require.NoError(t, r.cmd.Start())
		go func() {
			defer close(r.done)
			_ = r.cmd.Wait()
		}()
		t.Cleanup(func() {
			_ = r.cmd.Process.Kill()
			<-r.done
		})
		testutil.Eventually(t, 20*time.Second, "the program serves or has ended", func() bool { return r.ended() || r.accepts() })
		if !r.ended() {
			return r
		}
		require.Contains(t, r.out.String(), "address already in use")
	}
	t.Fatal("start the program: no free port")
	return nil
}

// freeAddr returns an address with a port below 32768, because Linux takes the ports of
// outgoing connections from 32768 on.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_768))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("find a free port: all are taken")
	return ""
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *running) accepts() bool {
	conn, err := net.Dial("tcp", r.addr)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// instances returns the number of instances in the roster of the fleet.
func instances(t *testing.T, server *testutil.Redis) int64 {
	t.Helper()
	n, ok := server.Do(t, "ZCARD", "fleetdial:{default}:fleet").(int64)
	require.True(t, ok)
	return n
}

// slowUpstream answers requests when finish is called, and sends to arrived before.
func slowUpstream(t *testing.T) (url string, arrived <-chan struct{}, finish func()) {
	t.Helper()
	requests, finished := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests <- struct{}{}
		<-finished
		_, _ = io.WriteString(w, "done")
	}))
	finish = sync.OnceFunc(func() { close(finished) })
	t.Cleanup(server.Close)
	t.Cleanup(finish)
	return server.URL, requests, finish
}

// request sends a request, and returns a channel with the body of the response.
func request(addr string) <-chan string {
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + addr + "/orders/_search")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	return answer
}

// TestEmbeddingGuide_ProgramEndsOnSignal runs the program of the guide, and ends it while a
// request is active. The program must answer the request, and must close the subscriber,
// which removes the instance from the roster.
func TestEmbeddingGuide_ProgramEndsOnSignal(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	upstream, arrived, finish := slowUpstream(t)
	p := start(t, guideProgram(t), "REDIS="+server.URL(), "UPSTREAM="+upstream)
	testutil.Eventually(t, 10*time.Second, "the instance has reported", func() bool { return instances(t, server) == 1 })
	answer := request(p.addr)
	<-arrived
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	testutil.Eventually(t, 10*time.Second, "the listener is closed", func() bool { return !p.accepts() })
	assert.False(t, p.ended(), p.out.String())
	finish()
	assert.Equal(t, "done", <-answer)
	<-p.done
	assert.Zero(t, p.cmd.ProcessState.ExitCode(), p.out.String())
	assert.Zero(t, instances(t, server))
}

// TestEmbeddingGuide_SecondSignalEndsProgram sends signals while a request is active,
// until the program ends. It must not wait for the request.
func TestEmbeddingGuide_SecondSignalEndsProgram(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	upstream, arrived, _ := slowUpstream(t)
	p := start(t, guideProgram(t), "REDIS="+server.URL(), "UPSTREAM="+upstream)
	request(p.addr)
	<-arrived
	testutil.Eventually(t, 8*time.Second, "the program has ended, before its grace period of 10 seconds", func() bool {
		_ = p.cmd.Process.Signal(syscall.SIGINT)
		return p.ended()
	})
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.Equal(t, syscall.SIGINT, status.Signal(), p.out.String())
}

// publishForZone publishes a directive for the instances of a zone, and waits until web-1 has
// applied the revision.
func publishForZone(t *testing.T, server *testutil.Redis, zone string) {
	t.Helper()
	pub, err := fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{})
	require.NoError(t, err)
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "canary", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
		Instances: &fleetdial.Instances{Names: []string{"web-1"}, Labels: map[string]string{"zone": zone}},
	}})
	require.NoError(t, err)
	roster, err := pub.Roster(t.Context())
	require.NoError(t, err)
	rev, err := pub.Publish(t.Context(), set, fleetdial.PublishOptions{})
	require.NoError(t, err)
	_, err = pub.Wait(t.Context(), rev, roster, fleetdial.WaitOptions{})
	require.NoError(t, err)
}

// TestEmbed_EndsOnSignal runs the example, publishes a directive for its zone, and ends it.
func TestEmbed_EndsOnSignal(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := start(t, build(t, "../../examples/embed"), "FLEETDIAL_REDIS_URL="+server.URL(), "INSTANCE=web-1", "ZONE=eu")
	testutil.Eventually(t, 10*time.Second, "the instance has reported", func() bool { return instances(t, server) == 1 })
	publishForZone(t, server, "eu")
	resp, err := http.Get("http://" + p.addr + "/orders/_search")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	testutil.Eventually(t, 10*time.Second, "the request is logged", func() bool {
		return strings.Contains(p.out.String(), "request recorded directive=canary")
	})
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	<-p.done
	assert.Zero(t, p.cmd.ProcessState.ExitCode(), p.out.String())
	assert.Zero(t, instances(t, server))
}
