package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	proxyAt = regexp.MustCompile(`proxy-\d at (http://\S+),`)
	redisAt = regexp.MustCompile(`Redis at (redis://\S+)`)

	consoleAt = regexp.MustCompile(`http://\S+/signin\?token=\S+`)

	processID = regexp.MustCompile(`process_id:(\d+)`)
	proxyID   = regexp.MustCompile(`proxy-2 at .*, process (\d+)`)
)

// startFleet starts the fleet, and waits until its processes run. The function stop shuts
// the fleet down and returns the error of run.
func startFleet(t *testing.T) (out *testutil.Buffer, stop func() error) {
	t.Helper()
	out = &testutil.Buffer{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, out, true, 0) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { assert.NoError(t, stop()) })
	testutil.Eventually(t, 3*time.Minute, "the fleet is built and runs", func() bool {
		require.Empty(t, ended, out.String())
		return strings.Contains(out.String(), "try in another terminal")
	})
	assert.Contains(t, out.String(), "curl -H 'X-Tenant: acme' "+proxyAt.FindStringSubmatch(out.String())[1]+"/")
	return out, stop
}

// buildPublish builds the command publish, and returns its path.
func buildPublish(t *testing.T) string {
	t.Helper()
	publish := filepath.Join(t.TempDir(), "publish")
	output, err := exec.Command("go", "build", "-o", publish, "./cmd/publish").CombinedOutput()
	require.NoError(t, err, string(output))
	return publish
}

// TestFleet_ConsoleShowsProxies opens the link that the console prints.
func TestFleet_ConsoleShowsProxies(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	t.Chdir(root)
	out, _ := startFleet(t)
	testutil.Eventually(t, time.Minute, "the console prints its link", func() bool { return consoleAt.MatchString(out.String()) })
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{}, Jar: jar}
	defer client.CloseIdleConnections()
	link := consoleAt.FindString(out.String())
	testutil.Eventually(t, time.Minute, "the console shows the proxies", func() bool {
		resp, err := client.Get(link)
		require.NoError(t, err)
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, string(page))
		link = resp.Request.URL.String()
		return strings.Contains(string(page), "proxy-3")
	})
}

// sendRound sends one request of each tenant to each proxy in the output of the fleet. It
// returns the ids of the requests of acme.
func sendRound(t *testing.T, client *http.Client, out *testutil.Buffer, round string) (ids []string) {
	t.Helper()
	for i, at := range proxyAt.FindAllStringSubmatch(out.String(), -1) {
		for _, tenant := range []string{"acme", "globex"} {
			r, err := http.NewRequest(http.MethodGet, at[1]+"/orders/_search", http.NoBody)
			require.NoError(t, err)
			id := fmt.Sprintf("%s-%s-%d", round, tenant, i)
			r.Header.Set("X-Tenant", tenant)
			r.Header.Set("X-Request-Id", id)
			resp, err := client.Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			if tenant == "acme" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// TestFleet_DirectiveRecordsOneTenant runs the fleet, and publishes a directive with
// timing for one tenant. Each proxy must record the next request of this tenant, and no
// request of another tenant. After the TTL, no proxy records a request.
func TestFleet_DirectiveRecordsOneTenant(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	t.Chdir(root)
	out, stop := startFleet(t)
	redis := redisAt.FindStringSubmatch(out.String())[1]
	publish := buildPublish(t)
	testutil.Eventually(t, 10*time.Second, "the proxies have reported", func() bool {
		status, err := exec.Command(publish, "status", "--redis-url", redis).CombinedOutput()
		return err == nil && strings.Count(string(status), "proxy-") == proxies
	})
	preview, err := exec.Command(publish, "add", "--level", "Shape", "--tenant", "acme", "--on", "zone=us", "--ttl", "1m",
		"--dry-run", "--redis-url", redis).CombinedOutput()
	require.NoError(t, err, string(preview))
	assert.Contains(t, string(preview), "concerns 1 of 3 live instances: proxy-3")
	const ttl = 6 * time.Second
	began := time.Now()
	output, err := exec.Command(publish, "add", "--level", "ShapeTiming", "--tenant", "acme", "--ttl", ttl.String(), "--wait",
		"--min-instances", "3", "--redis-url", redis).CombinedOutput()
	require.NoError(t, err, string(output))
	// The directive has expired at this time, because it was published before now.
	expired := time.Now().Add(ttl + 100*time.Millisecond)
	assert.Contains(t, string(output), "3/3")

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	first := sendRound(t, client, out, "first")
	require.Less(t, time.Since(began), ttl, "the machine is too slow for this test")
	require.Len(t, first, proxies)
	testutil.Eventually(t, 10*time.Second, "each proxy has recorded its request of acme", func() bool {
		return strings.Count(out.String(), `"upstream_us"`) == proxies
	})
	for i, id := range first {
		assert.Regexp(t, fmt.Sprintf(`proxy-%d .*"request_id":"%s".*"timing":\{`, i+1, id), out.String())
	}

	<-time.After(time.Until(expired))
	sendRound(t, client, out, "after")
	require.NoError(t, stop())
	assert.Equal(t, proxies, strings.Count(out.String(), `"request_id"`), "each proxy must record exactly one request of acme")
}

// TestFleet_SurvivesKillOfRedis kills the Redis of the fleet. The fleet must start it again,
// and the proxies must follow what is published then.
func TestFleet_SurvivesKillOfRedis(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	t.Chdir(root)
	out, stop := startFleet(t)
	redis := redisAt.FindStringSubmatch(out.String())[1]
	assert.Contains(t, out.String(), "export FLEETDIAL_REDIS_URL="+redis)
	publish := buildPublish(t)
	opts, err := fleetdial.ParseURL(redis)
	require.NoError(t, err)
	client := goredis.NewUniversalClient(opts)
	defer client.Close()
	for range 2 {
		info, err := client.Info(t.Context(), "server").Result()
		require.NoError(t, err)
		pid, err := strconv.Atoi(processID.FindStringSubmatch(info)[1])
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		testutil.Eventually(t, 30*time.Second, "Redis is started again, and the proxies have reported", func() bool {
			status, err := exec.Command(publish, "status", "--redis-url", redis).CombinedOutput()
			return err == nil && strings.Count(string(status), "proxy-") == proxies
		})
	}
	output, err := exec.Command(publish, "add", "--level", "Shape", "--tenant", "acme", "--ttl", "1m", "--wait",
		"--redis-url", redis).CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Contains(t, string(output), "3/3")
	require.NoError(t, stop())
	assert.Equal(t, 2, strings.Count(out.String(), "is started again"), out.String())
}

func TestPorts_FreePortsDiffer(t *testing.T) {
	ports, given := portsOf(true), make(map[string]bool)
	for range 2000 {
		addr := ports(0)
		require.False(t, given[addr], addr)
		given[addr] = true
	}
}

// TestFleet_SurvivesKillOfProxy kills a proxy. The other processes must go on.
func TestFleet_SurvivesKillOfProxy(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	t.Chdir(root)
	out, stop := startFleet(t)
	publish, redis := buildPublish(t), redisAt.FindStringSubmatch(out.String())[1]
	testutil.Eventually(t, time.Minute, "the process of the proxy is printed", func() bool { return proxyID.MatchString(out.String()) })
	pid, err := strconv.Atoi(proxyID.FindStringSubmatch(out.String())[1])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	testutil.Eventually(t, time.Minute, "the end of the proxy is printed", func() bool {
		return strings.Contains(out.String(), "proxy-2   ended (process exited); the other processes go on")
	})
	testutil.Eventually(t, time.Minute, "the other proxies have reported", func() bool {
		status, err := exec.Command(publish, "status", "--redis-url", redis).CombinedOutput()
		return err == nil && strings.Count(string(status), "proxy-") == proxies-1
	})
	require.NoError(t, stop())
}
