package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// TestReporter_ReportsCheckedSignaturesOnly has an instance without trusted keys apply a signed
// revision: anyone could have written the name of the key.
func TestReporter_ReportsCheckedSignaturesOnly(t *testing.T) {
	t.Parallel()
	r := New(Config{Name: "a", Interval: time.Minute})
	rev := wire.Revision{Version: 3, ID: wire.NewID(), SignedBy: "0123456789abcdef"}
	v := &View{Epoch: time.Now().Add(-time.Hour), Set: &directive.Set{}, Status: follow.Status{Source: wire.SourceLive, Revision: rev}}
	assert.Empty(t, r.compose(v).Applied.SignedBy)
	v.Status.Revision.Verified = true
	assert.Equal(t, rev.SignedBy, r.compose(v).Applied.SignedBy)
}
