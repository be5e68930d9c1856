package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	proxyAt = regexp.MustCompile(`proxy-\d at (http://\S+),`)
	redisAt = regexp.MustCompile(`Redis at (redis://\S+)`)
)

// TestTheStory is what the fleet is for: one command, and the very next requests of one tenant show their timing on each
// proxy, others do not, and it ends by itself.
func TestTheStory(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	t.Chdir(root)
	var out testutil.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, &out, true) }()
	defer func() {
		cancel()
		assert.NoError(t, <-ended)
	}()
	testutil.Eventually(t, 3*time.Minute, "the fleet is built and runs", func() bool {
		require.Empty(t, ended, out.String())
		return strings.Contains(out.String(), "try:")
	})
	redis := redisAt.FindStringSubmatch(out.String())[1]
	publish := filepath.Join(t.TempDir(), "publish")
	build, err := exec.Command("go", "build", "-o", publish, "./cmd/publish").CombinedOutput()
	require.NoError(t, err, string(build))
	testutil.Eventually(t, 10*time.Second, "the proxies have reported", func() bool {
		status, err := exec.Command(publish, "status", "--redis-url", redis).CombinedOutput()
		return err == nil && strings.Count(string(status), "proxy-") == proxies
	})
	const ttl = 6 * time.Second
	began := time.Now()
	said, err := exec.Command(publish, "add", "--level", "ShapeTiming", "--tenant", "acme", "--ttl", ttl.String(), "--wait",
		"--min-instances", "3", "--redis-url", redis).CombinedOutput()
	require.NoError(t, err, string(said))
	over := time.Now().Add(ttl + 100*time.Millisecond) // by then, since it was published before
	assert.Contains(t, string(said), "3/3 applied")

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	// send asks each proxy once for each tenant, and returns the ids of the acme requests.
	send := func(round string) (ids []string) {
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
	first := send("first")
	require.Less(t, time.Since(began), ttl, "this machine is too slow for the test")
	require.Len(t, first, proxies)
	testutil.Eventually(t, 10*time.Second, "each proxy has recorded its acme request", func() bool {
		return strings.Count(out.String(), `"upstream_us"`) == proxies
	})
	for i, id := range first {
		assert.Regexp(t, fmt.Sprintf(`proxy-%d .*"request_id":"%s".*"timing":\{`, i+1, id), out.String())
	}

	<-time.After(time.Until(over))
	send("after")
	cancel()
	require.NoError(t, <-ended)
	ended <- nil // for the deferred look
	assert.Equal(t, proxies, strings.Count(out.String(), `"request_id"`), "one request of acme on each proxy, and no other")
}
