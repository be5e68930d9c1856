package redisstore

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/internal/store"
)

// reply is an error with which Redis replied.
type reply string

func (r reply) Error() string { return string(r) }
func (r reply) RedisError()   {}

func TestClassify_Unavailable(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		io.EOF, reply("BUSY Redis is busy running a script."), reply("LOADING Redis is loading the dataset in memory"),
		reply("MASTERDOWN Link with MASTER is down"), reply("CLUSTERDOWN The cluster is down"), reply("TRYAGAIN Multiple keys"),
		reply("MOVED 1 127.0.0.1:1"), reply("NOPERM No permissions"), reply("NOAUTH Authentication required."),
		reply("WRONGPASS invalid username-password pair"), reply("READONLY You can't write"), reply("OOM command not allowed"),
		reply("MISCONF Redis is configured to save"), reply("NOREPLICAS Not enough good replicas to write."),
		reply("DENIED Redis is running in protected mode"), reply("LATER a code word of a later version"), reply("upstream failure"),
		reply("ERR max number of clients reached"), reply("ERR max number of clients + cluster connections reached"),
		reply("ERR invalid password"), reply("ERR AUTH <password> called without any password configured"),
		reply("ERR LOADING a server that writes ERR first"),
		reply("EXECABORT Transaction discarded because of: READONLY You can't write"),
		fmt.Errorf("redis: %s: %w", noSentinel, reply("ERR unknown command 'sentinel'")),
	} {
		assert.ErrorIs(t, Classify("read", err), store.ErrUnavailable, "%v", err)
		assert.ErrorIs(t, Classify("read", err), err)
	}
	for _, err := range []error{
		reply("ERR syntax error"), reply("ERR unknown command 'LINDEX'"), reply("ERR DB index is out of range"),
		reply("WRONGTYPE Operation against a key"), reply("CROSSSLOT Keys in request don't hash to the same slot"),
		reply("EXECABORT Transaction discarded because of previous errors."),
		reply("EXECABORT Transaction discarded because of: WRONGTYPE x"), redis.Nil, redis.TxFailedErr,
	} {
		assert.NotErrorIs(t, Classify("read", err), store.ErrUnavailable, "%v", err)
		assert.ErrorIs(t, Classify("read", err), err)
	}
	assert.NoError(t, Classify("read", nil))
}

func TestIsReadOnly(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		reply("READONLY You can't write"), reply("EXECABORT Transaction discarded because of: READONLY You can't write"),
		Classify("nothing was written", reply("READONLY You can't write")), reply("ERR READONLY You can't write"),
	} {
		assert.True(t, IsReadOnly(err), "%v", err)
	}
	for _, err := range []error{nil, io.EOF, reply("OOM command not allowed"), errors.New("READONLY")} {
		assert.False(t, IsReadOnly(err), "%v", err)
	}
}
