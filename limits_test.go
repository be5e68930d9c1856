package fleetdial

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// limitSet returns a set with names that make its value longer by so many bytes.
func limitSet(t testing.TB, directives, more int) *Set {
	t.Helper()
	set := setOf(t)
	all := set.Directives()
	for i := range directives {
		d := setOf(t, fmt.Sprintf("d%05d", i)).Directives()[0]
		d.Match = directive.Match{Tenant: "t", Index: "i", Principal: "p"}
		for _, name := range []*string{&d.Match.Tenant, &d.Match.Index, &d.Match.Principal} {
			n := min(more, directive.MaxNameBytes-1)
			*name, more = strings.Repeat("n", 1+n), more-n
		}
		all = append(all, d)
	}
	set, err := NewSet(all)
	require.NoError(t, err)
	return set
}

func TestSubscriber_LargestValue(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	encode := func(more int) ([]byte, error) {
		return wire.Encode(Revision{Version: 1, ID: wire.NewID(), PublishedAt: time.Now(), Set: limitSet(t, 5000, more)})
	}
	// The least number of bytes with which the value does not fit.
	beyond := sort.Search(5000*3*(directive.MaxNameBytes-1), func(more int) bool { _, err := encode(more); return err != nil })
	largest, err := encode(beyond - 1)
	require.NoError(t, err)
	assert.InDelta(t, wire.MaxValueBytes, len(largest), 2, "the header of a name may grow by a byte when the name does")
	f.set(t, largest)
	require.NoError(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, 5000, f.sub.Load().Len())
	f.set(t, make([]byte, wire.MaxValueBytes+1))
	require.Error(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, RejectTooLarge, f.sub.Status().Rejected.Reason)
}

func TestSubscriber_MaxBytesToTheByte(t *testing.T) {
	t.Parallel()
	b := value(t, 1, setOf(t, "a", "b", "c"))
	f := newFleet(t, func(cfg *SubscriberConfig) { cfg.MaxBytes = len(b) })
	f.set(t, b)
	require.NoError(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, []string{"a", "b", "c"}, idsOf(f.sub))
	f.set(t, value(t, 2, setOf(t, "a", "b", "cd")))
	require.Error(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, RejectTooLarge, f.sub.Status().Rejected.Reason)
}

func TestPublisher_HistoryIsBounded(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{History: 3})
	for i := range 5 {
		publish(t, p, fmt.Sprint(i))
	}
	assert.EqualValues(t, 3, client.LLen(t.Context(), testKey+":history").Val())
	_, err := NewPublisher(client, PublisherConfig{History: MaxHistory})
	require.NoError(t, err)
	for _, n := range []int{-1, MaxHistory + 1} {
		_, err = NewPublisher(client, PublisherConfig{History: n})
		require.ErrorContains(t, err, "1 to 1000")
	}
	// A user who can write the list can make it longer. No more of it is read.
	pipe := client.Pipeline()
	for range MaxHistory + 1 {
		pipe.RPush(t.Context(), testKey+":history", "x")
	}
	_, err = pipe.Exec(t.Context())
	require.NoError(t, err)
	entries, err := p.History(t.Context())
	require.NoError(t, err)
	assert.Len(t, entries, MaxHistory)
}

func TestRoster_IsBounded(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	p := newTestPublisher(t, client, PublisherConfig{})
	now, err := p.Now(t.Context())
	require.NoError(t, err)
	add := func(from, to int) {
		var members []redis.Z
		for i := from; i < to; i++ {
			members = append(members, redis.Z{Score: float64(now.UnixMilli() + int64(i)), Member: fmt.Sprintf("i%05d", i)})
		}
		require.NoError(t, client.ZAdd(t.Context(), testKey+":fleet", members...).Err())
	}
	add(0, redisstore.MaxInstances)
	roster, err := p.Roster(t.Context())
	require.NoError(t, err)
	assert.Len(t, roster.Instances, redisstore.MaxInstances)
	add(redisstore.MaxInstances, redisstore.MaxInstances+1)
	roster, err = p.Roster(t.Context())
	require.NoError(t, err)
	assert.Len(t, roster.Instances, redisstore.MaxInstances)
	assert.Equal(t, "i00001", roster.Instances[0].Name, "the instance that was seen longest ago is left out")
}

func TestPublisher_NotesToTheByte(t *testing.T) {
	t.Parallel()
	client := testutil.StartRedis(t).Client(t)
	p := newTestPublisher(t, client, PublisherConfig{PublishedBy: strings.Repeat("p", wire.MaxPublisherBytes)})
	_, err := p.Publish(t.Context(), nil, PublishOptions{Reason: strings.Repeat("r", wire.MaxReasonBytes)})
	require.NoError(t, err)
	_, err = p.Publish(t.Context(), nil, PublishOptions{Reason: strings.Repeat("r", wire.MaxReasonBytes+1)})
	require.ErrorContains(t, err, "the limit is 1024")
	_, err = NewPublisher(client, PublisherConfig{PublishedBy: strings.Repeat("p", wire.MaxPublisherBytes+1)})
	require.ErrorContains(t, err, "the limit is 256")
}
