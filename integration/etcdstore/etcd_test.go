package etcdstore

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is how long a test waits for what takes milliseconds.
const within = 20 * time.Second

// server is an etcd process of a test. It ends with the test.
type server struct {
	t      testing.TB
	dir    string
	client string // the address for clients
	peer   string
	alive  io.Closer // the process ends when it is closed
	done   chan struct{}
}

// startEtcd starts an etcd server with its own directory, and waits until it is ready.
func startEtcd(t testing.TB) *server {
	t.Helper()
	_, err := exec.LookPath("etcd")
	require.NoError(t, err, "etcd is not installed (run `make test-integration`, which installs it, or `apt-get install -y etcd-server`)")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	// The start is repeated, because another process may take a port before the server uses it.
	for range 5 {
		s := &server{t: t, dir: t.TempDir(), client: freeAddress(t), peer: freeAddress(t)}
		t.Cleanup(s.kill)
		if s.start() {
			return s
		}
		require.Contains(t, s.log(), "address already in use")
	}
	t.Fatal("start etcd: no free port")
	return nil
}

// freeAddress returns an address with a port that the kernel chose.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// untilInputEnds runs its arguments as a command, and kills the command when the input ends.
// So etcd also ends if the test binary is killed.
const untilInputEnds = `exec 3<&0; "$@" 3<&- </dev/null & pid=$!; (cat <&3 >/dev/null; kill -KILL $pid) & wait $pid; kill $! 2>/dev/null`

// start starts the process on the data in the directory. It returns false if the process ends
// before it is ready.
func (s *server) start() bool {
	s.t.Helper()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.t, err)
	defer log.Close()
	client, peer := "http://"+s.client, "http://"+s.peer
	cmd := exec.Command("sh", "-c", untilInputEnds, "sh", "etcd", "--logger", "zap", "--log-level", "warn",
		"--data-dir", filepath.Join(s.dir, "data"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	cmd.Stdout, cmd.Stderr = log, log
	s.alive, err = cmd.StdinPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	done := make(chan struct{})
	s.done = done
	go func() { _ = cmd.Wait(); close(done) }()
	ready := false
	testutil.Eventually(s.t, within, "etcd is ready or has ended", func() bool {
		select {
		case <-done:
			return true
		default:
		}
		resp, err := http.Get(client + "/health")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		ready = strings.Contains(string(body), `"true"`)
		return ready
	})
	return ready
}

// kill ends the process with SIGKILL. It is safe to call twice.
func (s *server) kill() {
	if s.alive != nil {
		_ = s.alive.Close()
		<-s.done
	}
}

// restart starts a killed server again on its data.
func (s *server) restart() {
	s.t.Helper()
	require.True(s.t, s.start(), "restart etcd: %s", s.log())
}

func (s *server) logFile() string { return filepath.Join(s.dir, "etcd.log") }

func (s *server) log() string {
	log, err := os.ReadFile(s.logFile())
	require.NoError(s.t, err)
	return string(log)
}

// connect returns a client of the server, which ends with the test.
func (s *server) connect(t testing.TB) *clientv3.Client {
	t.Helper()
	return connectTo(t, s.client)
}

func connectTo(t testing.TB, address string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{address}, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
