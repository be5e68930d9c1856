package host

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestUptime_Counts(t *testing.T) {
	t.Parallel()
	began := time.Now()
	boot, before := Uptime()
	require.NotEmpty(t, boot, "needs /proc/sys/kernel/random/boot_id and /proc/uptime, as on Linux")
	after := before
	testutil.Eventually(t, 10*time.Second, "the uptime grows", func() bool {
		var again string
		again, after = Uptime()
		assert.Equal(t, boot, again)
		return after-before >= 30*time.Millisecond
	})
	assert.LessOrEqual(t, after-before, time.Since(began)+20*time.Millisecond, "proc/uptime shows hundredths")
}

// TestSuspended_DoesNotMove reads a machine that is not suspended.
func TestSuspended_DoesNotMove(t *testing.T) {
	t.Parallel()
	before := Suspended()
	for range 1000 {
		assert.InDelta(t, before, Suspended(), float64(10*time.Millisecond))
	}
}

func TestLibraryVersion_OfBuild(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		module debug.Module
		want   string
	}{
		{"a release", debug.Module{Path: modulePath, Version: "v1.2.3"}, "v1.2.3"},
		{"another module", debug.Module{Path: modulePath + "/v2", Version: "v2.0.0"}, ""},
		{"replaced by a fork", debug.Module{
			Path: modulePath, Version: "v1.2.3", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.2.4"},
		}, "v1.2.4"},
		{"replaced by a folder", debug.Module{
			Path: modulePath, Version: "v0.0.0-00010101000000-000000000000", Replace: &debug.Module{Path: "../fleetdial"},
		}, "(devel)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, versionIn(&debug.BuildInfo{Deps: []*debug.Module{&tt.module}}))
			assert.Equal(t, tt.want, versionIn(&debug.BuildInfo{Main: tt.module}))
		})
	}
}

func TestInstanceName_IsValid(t *testing.T) {
	t.Parallel()
	assert.NoError(t, wire.CheckInstance(InstanceName()))
}

func TestInstanceName_IsUnique(t *testing.T) {
	t.Parallel()
	a, b := InstanceName(), InstanceName()
	assert.NotEqual(t, a, b, "two of one process")
	assert.Regexp(t, fmt.Sprintf("-%d-[0-9a-f]{6}$", os.Getpid()), a)
}

func TestSuspensions_WallClockAlone(t *testing.T) {
	t.Parallel()
	s := NewSuspensions()
	assert.Zero(t, s.Check(time.Now()))
	s.began = s.began.Add(0).Round(0).Add(-time.Hour) // as if the wall clock had been set forward
	assert.Zero(t, s.Check(time.Now()), "the machine was not suspended")
	s.total -= time.Hour
	s.drift -= time.Hour
	assert.InDelta(t, time.Hour, s.Check(time.Now()), float64(time.Second), "the machine was suspended for an hour")
	assert.Zero(t, s.Check(time.Now()), "once")
}
