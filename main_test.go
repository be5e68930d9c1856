package fleetdial_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// rdb is the client of the examples. Its server is at $FLEETDIAL_REDIS_URL.
var rdb redis.UniversalClient

// TestMain starts the redis-server of the examples, because an example has no testing.TB.
// Tests start their own servers.
func TestMain(m *testing.M) {
	flag.Parse()
	if isSet("test.list") || isSet("test.fuzz") {
		goleak.VerifyTestMain(m)
		return
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the examples use the default Logger
	t := new(mainTB)
	server := testutil.StartRedis(t)
	opts, err := fleetdial.ParseURL(server.URL())
	if err != nil {
		t.Fatalf("parse the URL of the server: %v", err)
	}
	rdb = redis.NewUniversalClient(opts)
	_ = os.Setenv("FLEETDIAL_REDIS_URL", server.URL())
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		_ = rdb.Close()
		t.end()
		os.Exit(code)
	}))
}

func isSet(name string) bool { return flag.Lookup(name).Value.String() != "" }

// mainTB is the testing.TB of TestMain. It has the methods that StartRedis calls.
type mainTB struct {
	testing.TB
	cleanups []func()
}

func (t *mainTB) Helper()          {}
func (t *mainTB) Failed() bool     { return false }
func (t *mainTB) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *mainTB) TempDir() string {
	dir, err := os.MkdirTemp("", "fleetdial")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (t *mainTB) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	t.end()
	os.Exit(1)
}

// end calls the cleanups, the last one first.
func (t *mainTB) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
