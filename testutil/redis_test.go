package testutil

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRedis_KillAndRestart(t *testing.T) {
	t.Parallel()
	r := StartRedis(t, "--appendonly", "yes")
	r.Do(t, "SET", "k", "v")
	r.Kill()
	r.Kill()
	_, err := net.Dial("tcp", r.Addr())
	require.Error(t, err)
	r.Restart()
	assert.Equal(t, "v", r.Do(t, "GET", "k"), "Restart must keep the saved data")
	r.Kill()
	r.RestartEmpty()
	assert.Nil(t, r.Do(t, "GET", "k"))
}

func TestRedis_StopAndContinue(t *testing.T) {
	t.Parallel()
	r := StartRedis(t)
	client := r.Client(t)
	require.NoError(t, client.Ping(t.Context()).Err())
	r.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.Error(t, client.Ping(ctx).Err())
	r.Continue()
	require.NoError(t, client.Ping(t.Context()).Err())
	r.Stop() // the end of the test must kill a stopped server too
}

func TestLink_SwallowAndHeal(t *testing.T) {
	t.Parallel()
	r := StartRedis(t)
	for _, d := range []Direction{ToServer, ToClient} {
		l := StartLink(t, r.Addr())
		answers := func(within time.Duration) bool {
			conn, err := net.Dial("tcp", l.Addr())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
			_, err = conn.Write([]byte("PING\r\n"))
			require.NoError(t, err)
			_, err = conn.Read(make([]byte, 16))
			return err == nil
		}
		assert.True(t, answers(10*time.Second))
		l.Swallow(d)
		assert.False(t, answers(200*time.Millisecond))
		l.Heal()
		assert.True(t, answers(10*time.Second))
	}
}

// TestRedis_PortOfAnother starts a server on the port of another one, which answers.
func TestRedis_PortOfAnother(t *testing.T) {
	t.Parallel()
	other := StartRedis(t)
	r := &Redis{t: t, dir: t.TempDir(), port: other.port}
	t.Cleanup(r.end)
	assert.False(t, r.start())
	assert.NotContains(t, r.log(), "Server initialized")
	assert.Equal(t, "PONG", other.Do(t, "PING"))
}
