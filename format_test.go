package fleetdial

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// newFormatFleet returns a fleet of the instance "here", and publishes directives of which two
// concern that instance. The subscriber keeps a snapshot file.
func newFormatFleet(t *testing.T) *fleet {
	t.Helper()
	file := filepath.Join(t.TempDir(), "set")
	f := newFleet(t, func(cfg *SubscriberConfig) {
		cfg.Instance, cfg.Labels, cfg.Startup, cfg.SnapshotFile = "here", map[string]string{"zone": "eu"}, UseSnapshot, file
	})
	none := 0
	all := setOf(t, "labeled", "named", "elsewhere", "nowhere").Directives()
	all[0].Instances = &Instances{Labels: map[string]string{"zone": "eu"}}
	all[1].Instances, all[1].MaxPerSecond = &Instances{Names: []string{"there", "here"}}, 1000
	all[2].Instances, all[2].Level = &Instances{Names: []string{"there"}}, ShapeRewriteDiff
	all[3].Instances, all[3].Level = &Instances{PerMille: &none}, ShapeRewriteDiff
	set, err := NewSet(all)
	require.NoError(t, err)
	_, err = f.pub.Publish(t.Context(), set, PublishOptions{})
	require.NoError(t, err)
	testutil.Eventually(t, within, "the set", func() bool { return f.sub.Status().Revision.Set.Len() == 4 })
	return f
}

// TestSubscriber_LoadHasSetOfItsInstance also restarts the subscriber while Redis is down.
func TestSubscriber_LoadHasSetOfItsInstance(t *testing.T) {
	t.Parallel()
	f := newFormatFleet(t)
	check := func() {
		t.Helper()
		var ids []string
		for _, d := range f.sub.Load().Directives() {
			ids = append(ids, d.ID)
		}
		assert.Equal(t, []string{"labeled", "named"}, ids)
		assert.Equal(t, 4, f.sub.Status().Revision.Set.Len(), "the status has the whole set")
		assert.Equal(t, Decision{Level: Shape, By: "labeled"}, f.sub.Decide(Request{}))
		assert.Equal(t, Decision{}, f.sub.Status().Revision.Set.Evaluate(Request{}, time.Now()), "the whole set is of no instance")
	}
	testutil.Eventually(t, within, "the set of the instance", func() bool { return f.sub.Load().Len() == 2 })
	check()
	f.server.Kill()
	f.restart(t)
	assert.Equal(t, SourceSnapshot, f.sub.Status().Source)
	check()
}

// TestFormat_LuaOfRedisUnpacks reads a value of format 2 with nothing but Redis.
func TestFormat_LuaOfRedisUnpacks(t *testing.T) {
	t.Parallel()
	f := newFormatFleet(t)
	text := f.server.Do(t, "EVAL", "return cjson.encode((cmsgpack.unpack(redis.call('GET',KEYS[1]))))", "1", testKey)
	var got struct {
		Format     int
		Directives []struct {
			ID        string
			Instances struct {
				Names    []string
				Labels   map[string]string
				PerMille *int `json:"per_mille"`
			}
			MaxPerSecond int `json:"max_per_second"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text.(string)), &got))
	assert.Equal(t, 2, got.Format)
	require.Len(t, got.Directives, 4)
	for i, d := range f.sub.Status().Revision.Set.Directives() {
		assert.Equal(t, d.ID, got.Directives[i].ID)
		assert.Equal(t, *d.Instances, Instances(got.Directives[i].Instances))
		assert.Equal(t, d.MaxPerSecond, got.Directives[i].MaxPerSecond)
	}
}
