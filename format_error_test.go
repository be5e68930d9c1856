package fleetdial

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// detailedSet returns a set that needs format 2.
func detailedSet(t testing.TB) *Set {
	t.Helper()
	set, err := NewSet([]Directive{{
		ID: "canary", Match: Match{Tenant: "acme"}, Level: Shape, SamplePerMille: 1000, MaxPerSecond: 5,
		ExpiresAt: time.Now().Add(time.Hour),
	}})
	require.NoError(t, err)
	return set
}

// builds writes the reports of live instances that read up to these formats.
func (f *fleet) builds(t testing.TB, formats map[string]int) {
	t.Helper()
	for name, format := range formats {
		r := killed(name, 0, time.Minute)
		r.MaxFormat = format
		f.reports(t, r)
	}
}

func TestPublish_FormatThatInstancesDoNotRead(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.builds(t, map[string]int{"old": 0, "one": 1, "new": wire.MaxFormat, "later": wire.MaxFormat + 7})
	f.goneAlready(t, "gone")
	require.NoError(t, f.client.ZAdd(t.Context(), testKey+":fleet", seenNow("evicted")).Err())
	first := f.publishOne(t, "x")
	want := []FormatInstance{{"evicted", 0}, {"old", 1}, {"one", 1}}

	detailed := detailedSet(t)
	for name, publish := range map[string]func(PublishOptions) (Revision, error){
		"publish": func(opts PublishOptions) (Revision, error) { return f.pub.Publish(t.Context(), detailed, opts) },
		"update": func(opts PublishOptions) (Revision, error) {
			return f.pub.Update(t.Context(), func(Revision) (*Set, error) { return detailed, nil }, opts)
		},
		"condition": func(opts PublishOptions) (Revision, error) {
			opts.IfCurrent = &first
			return f.pub.Publish(t.Context(), detailed, opts)
		},
	} {
		for _, dryRun := range []bool{false, true} {
			rev, err := publish(PublishOptions{DryRun: dryRun})
			var format *FormatError
			require.ErrorAs(t, err, &format, name)
			assert.Equal(t, &FormatError{Format: 2, Instances: want}, format, name)
			assert.Equal(t, Revision{}, rev, name)
		}
	}
	current, err := f.pub.Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first.ID, current.ID, "nothing was written")
	assert.Equal(t, int64(1), f.client.LLen(t.Context(), testHistory).Val())

	rev, err := f.pub.Publish(t.Context(), detailed, PublishOptions{AnyFormat: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"canary"}, idsOf(Static(rev.Set)))
	f.publishOne(t, "y") // every instance reads format 1
	_, _, err = f.pub.Rollback(t.Context(), rev.Version, RollbackOptions{})
	var format *FormatError
	require.ErrorAs(t, err, &format)
	_, _, err = f.pub.Rollback(t.Context(), rev.Version, RollbackOptions{PublishOptions: PublishOptions{AnyFormat: true}})
	require.NoError(t, err)
}

func TestPublish_FormatThatEveryInstanceReads(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	rev, err := f.pub.Publish(t.Context(), detailedSet(t), PublishOptions{})
	require.NoError(t, err, "a fleet without instances")
	eventually(t, f.sub, "canary")
	f.builds(t, map[string]int{"old": 0})
	_, err = f.pub.Publish(t.Context(), rev.Set, PublishOptions{})
	require.Error(t, err)
	f.builds(t, map[string]int{"old": wire.MaxFormat}) // it was upgraded
	_, err = f.pub.Publish(t.Context(), rev.Set, PublishOptions{})
	require.NoError(t, err)
}

// TestPublish_FormatWithOneConnection publishes format 2 through a client that has one connection.
// The roster is read once, between two transactions.
func TestPublish_FormatWithOneConnection(t *testing.T) {
	t.Parallel()
	f := newFleet(t, noReports)
	f.builds(t, map[string]int{"new": wire.MaxFormat})
	var log wireLog
	p := newTestPublisher(t, log.client(t, f.server.Addr()), PublisherConfig{})
	log.reset()
	_, err := p.Publish(t.Context(), detailedSet(t), PublishOptions{})
	require.NoError(t, err)
	trips := log.reset()
	roster := trips[2 : len(trips)-2]
	assert.Equal(t, []string{tripRead, "UNWATCH"}, trips[:2])
	assert.Equal(t, []string{tripRead, tripWrite}, trips[len(trips)-2:])
	assert.Equal(t, 1, strings.Count(strings.Join(roster, " "), "ZREVRANGE"), "%q", roster)

	_, err = p.Publish(t.Context(), detailedSet(t), PublishOptions{AnyFormat: true})
	require.NoError(t, err)
	assert.Equal(t, []string{tripRead, tripWrite}, log.reset())

	f.builds(t, map[string]int{"old": 0})
	_, err = p.Publish(t.Context(), detailedSet(t), PublishOptions{})
	require.Error(t, err)
	trips = log.reset()
	assert.Equal(t, []string{tripRead, "UNWATCH"}, trips[len(trips)-2:], "nothing is watched any more")
}

func TestPublish_FormatWithoutRoster(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testutil.Redis){
		"another type": func(server *testutil.Redis) { server.Do(t, "SET", testKey+":fleet", "x") },
		"denied":       func(server *testutil.Redis) { server.Do(t, "ACL", "SETUSER", "default", "-zrevrange") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testutil.StartRedis(t)
			spoil(server)
			p := newTestPublisher(t, server.Client(t), PublisherConfig{})
			publish(t, p, "x")
			_, err := p.Publish(t.Context(), detailedSet(t), PublishOptions{})
			var format *FormatError
			require.ErrorAs(t, err, &format)
			assert.Error(t, format.Err)
			assert.ErrorContains(t, err, "the set needs format 2, and the roster, ")
			_, err = p.Publish(t.Context(), detailedSet(t), PublishOptions{AnyFormat: true})
			require.NoError(t, err)
		})
	}
}

func TestFormatError_NamesTheFirst(t *testing.T) {
	t.Parallel()
	err := &FormatError{Format: 2, Instances: []FormatInstance{{"a\x1b", 1}}}
	assert.EqualError(t, err, `the set needs format 2, which a live instance does not read: "a\x1b" (up to 1)`)
	for _, name := range []string{"b", "c", "d", "e", "f", "g"} {
		err.Instances = append(err.Instances, FormatInstance{Name: name})
	}
	assert.EqualError(t, err, `the set needs format 2, which 7 live instances do not read: "a\x1b" (up to 1), `+
		`"b" (unknown), "c" (unknown), "d" (unknown), "e" (unknown) and 2 more`)
}
