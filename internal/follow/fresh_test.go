package follow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// publish has the key hold another revision, and announces it. PublishedAt is the epoch.
func (r *rig) publish() {
	r.value = valueOf(r.t, r.f.Status().Revision.Version+1, epoch.Add(time.Hour), "next")
	r.announce()
	r.run(time.Millisecond)
}

func TestClock_FreshClockIsNotMeasured(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	before := len(r.fetches)
	r.publish()
	assert.Equal(t, []Mode{FetchValue}, r.fetches[before:])
	assert.Equal(t, []bool{false}, r.measures[before:])
	assert.EqualValues(t, 2, r.f.Status().Revision.Version)

	r.run(clockFresh)
	before = len(r.fetches)
	r.publish()
	assert.Equal(t, []bool{true}, r.measures[before:], "the measurement is too old")
	assert.EqualValues(t, 3, r.f.Status().Revision.Version)
}

// TestClock_RevisionOfAnotherTimeMeasuresTheClock publishes revisions whose time of publishing
// does not fit the clock that was measured last.
func TestClock_RevisionOfAnotherTimeMeasuresTheClock(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.run(timelyAge + time.Second)
	before := len(r.fetches)
	r.publish()
	assert.Equal(t, []Mode{FetchValue, FetchValue}, r.fetches[before:])
	assert.Equal(t, []bool{false, true}, r.measures[before:])
	assert.EqualValues(t, 2, r.f.Status().Revision.Version)

	r = newRig(t, lasting(t, time.Hour), nil)
	r.skew = -time.Second // the revisions seem to be published in the future
	r.start()
	before = len(r.fetches)
	r.publish()
	assert.Equal(t, []bool{false, true}, r.measures[before:])
	assert.EqualValues(t, 2, r.f.Status().Revision.Version)
}

func TestClock_SuspensionMakesTheClockDoubtful(t *testing.T) {
	t.Parallel()
	r := startRig(t, lasting(t, time.Hour), nil)
	r.deliver(Suspended{100 * time.Millisecond})
	before := len(r.fetches)
	r.publish()
	assert.True(t, r.measures[before])
}
