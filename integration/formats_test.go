package integration_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

const (
	// beforeFormat2 is the last commit whose subscriber reads format 1 only.
	beforeFormat2 = "e18797d804a09e8e0dd57db8d0fe8413dcb59c98"
	// within is how long the test waits for what takes milliseconds.
	within = 20 * time.Second
)

// TestFormats_TwoBuildsInOneFleet has a subscriber of the build before format 2 and one of this
// build follow one key.
func TestFormats_TwoBuildsInOneFleet(t *testing.T) {
	t.Parallel()
	current, err := filepath.Abs("..")
	require.NoError(t, err)
	server := testutil.StartRedis(t)
	before := startFollower(t, sourcesOf(t, beforeFormat2), server.URL(), "before")
	now := startFollower(t, current, server.URL(), "now")
	client := server.Client(t)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: "prod"})
	require.NoError(t, err)
	publish := func(id string) int64 {
		rev, err := pub.Publish(t.Context(), setOf(t, forAcme(id)), fleetdial.PublishOptions{})
		require.NoError(t, err)
		return rev.Version
	}

	version := publish("first")
	fleet := map[string]rosterEntry{"before": {MaxFormat: 1}, "now": {MaxFormat: 2}} // each build reads the reports of both
	for _, f := range []*follower{before, now} {
		got := f.eventually("the first revision", func(a answer) bool {
			return a.By == "first" && assert.ObjectsAreEqual(fleet, a.Fleet)
		})
		assert.Equal(t, answer{By: "first", State: "live", Version: version, Fleet: fleet}, got)
	}

	// The value is written without a publisher, because a publisher rejects a set that an
	// instance of the fleet cannot read.
	elsewhere, canary := forAcme("elsewhere"), forAcme("canary")
	elsewhere.Level, elsewhere.Instances = fleetdial.ShapeRewriteDiff, &fleetdial.Instances{Names: []string{"before"}}
	canary.MaxPerSecond, canary.Instances = 1_000_000, &fleetdial.Instances{Names: []string{"now"}}
	rev := fleetdial.Revision{Version: version + 1, ID: strings.Repeat("0a", 16), PublishedAt: time.Now(), Set: setOf(t, elsewhere, canary)}
	value, err := fleetdial.EncodeRevision(rev)
	require.NoError(t, err)
	require.NoError(t, client.Set(t.Context(), "fleetdial:{prod}", value, 0).Err())
	require.NoError(t, client.Publish(t.Context(), "fleetdial:{prod}", "fetch").Err())

	got := now.eventually("the revision of format 2", func(a answer) bool { return a.Version == rev.Version })
	assert.Equal(t, answer{By: "canary", State: "live", Version: rev.Version, Fleet: fleet}, got)
	got = before.eventually("the rejection", func(a answer) bool { return a.State == "rejected" })
	const reason = "format: is 2, this fleetdial reads 1"
	assert.Equal(t, answer{By: "first", State: "rejected", Version: version, Rejected: reason, Fleet: fleet}, got)
	in := instanceOnce(t, pub, "before", func(in fleetdial.Instance) bool { return in.Report.State == fleetdial.StateRejected })
	require.NotNil(t, in.Report.Rejected)
	assert.Equal(t, reason, in.Report.Rejected.Error)
	assert.Equal(t, fleetdial.RejectInvalid, in.Report.Rejected.Reason)
	assert.Equal(t, version, in.Report.Applied.Version)
	assert.Equal(t, 1, in.Report.MaxFormat)
	assert.Equal(t, fleetdial.InstanceRejected, in.State)
	instanceOnce(t, pub, "now", func(in fleetdial.Instance) bool { return in.State == fleetdial.InstanceSynced })

	last := publish("last")
	assert.Equal(t, rev.Version+1, last)
	for _, f := range []*follower{before, now} {
		got := f.eventually("the last revision", func(a answer) bool { return a.By == "last" })
		assert.Equal(t, answer{By: "last", State: "live", Version: last, Fleet: fleet}, got)
	}
	for _, name := range []string{"before", "now"} {
		instanceOnce(t, pub, name, func(in fleetdial.Instance) bool { return in.State == fleetdial.InstanceSynced })
	}
}

// forAcme returns a directive for the requests of one tenant.
func forAcme(id string) fleetdial.Directive {
	return fleetdial.Directive{
		ID: id, Match: fleetdial.Match{Tenant: "acme"}, Level: fleetdial.Shape, SamplePerMille: 1000,
		ExpiresAt: time.Now().Add(time.Hour),
	}
}

func setOf(t *testing.T, directives ...fleetdial.Directive) *fleetdial.Set {
	t.Helper()
	set, err := fleetdial.NewSet(directives)
	require.NoError(t, err)
	return set
}

// instanceOnce waits until the roster shows an instance as wanted.
func instanceOnce(t *testing.T, pub *fleetdial.Publisher, name string, ok func(fleetdial.Instance) bool) (got fleetdial.Instance) {
	t.Helper()
	testutil.Eventually(t, within, "the row of "+name, func() bool {
		roster, err := pub.Roster(t.Context())
		require.NoError(t, err)
		for _, in := range roster.Instances {
			if in.Name == name && in.Report != nil && ok(in) {
				got = in
				return true
			}
		}
		return false
	})
	return got
}

// sourcesOf returns a directory with the sources of a commit. It skips the test where there is
// no repository, as in an archive of the sources.
func sourcesOf(t *testing.T, commit string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", ".git")); errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no .git directory, from which the earlier build is made")
	}
	archive := exec.CommandContext(t.Context(), "git", "-C", "..", "archive", "--format=tar", commit)
	var out, stderr bytes.Buffer
	archive.Stdout, archive.Stderr = &out, &stderr
	require.NoError(t, archive.Run(), "git archive: %s (run `git fetch --unshallow` if the history is not complete)", &stderr)
	dir := t.TempDir()
	for in := tar.NewReader(&out); ; {
		entry, err := in.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		require.NoError(t, err)
		path := filepath.Join(dir, filepath.FromSlash(entry.Name))
		if entry.Typeflag != tar.TypeReg {
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		text, err := io.ReadAll(in)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
}

// answer is that of testdata/follower.
type answer struct {
	By       string
	State    string
	Version  int64
	Rejected string
	Fleet    map[string]rosterEntry
}

type rosterEntry struct {
	Err       string
	MaxFormat int
}

// follower is a process of testdata/follower.
type follower struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// startFollower builds testdata/follower with the sources in a directory, and starts it. The
// process ends with the test.
func startFollower(t *testing.T, sources, url, name string) *follower {
	t.Helper()
	command := exec.Command(buildProgram(t, sources, "follower"), url, name)
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close() // the process ends then
		kill := time.AfterFunc(within, func() { _ = command.Process.Kill() })
		defer kill.Stop()
		assert.NoError(t, command.Wait(), "%s: %s", name, &stderr)
	})
	return &follower{t, in, bufio.NewScanner(out)}
}

// buildProgram builds testdata/NAME as a module of its own, with the versions in the go.mod of
// the sources. The versions of an earlier revision may be missing in the module cache, so that
// the build may need the network.
func buildProgram(t *testing.T, sources, name string) (program string) {
	t.Helper()
	const module = "github.com/fleetdial/fleetdial"
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(sources, "go.mod"))
	require.NoError(t, err)
	own := strings.Replace(string(mod), "module "+module+"\n", "module example.com/"+name+"\n", 1)
	require.NotEqual(t, string(mod), own)
	own += "\nrequire " + module + " v0.0.0\nreplace " + module + " => " + strconv.Quote(sources) + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(own), 0o600))
	for from, to := range map[string]string{
		filepath.Join(sources, "go.sum"):           "go.sum",
		filepath.Join("testdata", name, "main.go"): "main.go",
	} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, to), text, 0o600))
	}
	program = filepath.Join(dir, name)
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "go build: %s", out)
	return program
}

// eventually asks the follower again and again until its answer is as wanted.
func (f *follower) eventually(what string, ok func(answer) bool) (got answer) {
	f.t.Helper()
	testutil.Eventually(f.t, within, what, func() bool {
		_, err := io.WriteString(f.in, "acme\n")
		require.NoError(f.t, err)
		require.True(f.t, f.out.Scan(), "the follower ended: %v", f.out.Err())
		got = answer{}
		require.NoError(f.t, json.Unmarshal(f.out.Bytes(), &got))
		return ok(got)
	})
	return got
}
