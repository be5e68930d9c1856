package redisstore

import (
	"io"
	"testing"

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
		reply("MASTERDOWN Link with MASTER is down"), reply("CLUSTERDOWN The cluster is down"),
		reply("NOPERM No permissions"), reply("ERR max number of clients reached"),
	} {
		assert.ErrorIs(t, Classify("read", err), store.ErrUnavailable, "%v", err)
	}
	for _, err := range []error{reply("OOM command not allowed"), reply("READONLY You can't write"), reply("ERR syntax error")} {
		assert.NotErrorIs(t, Classify("read", err), store.ErrUnavailable, "%v", err)
		assert.ErrorIs(t, Classify("read", err), err)
	}
	assert.NoError(t, Classify("read", nil))
}
