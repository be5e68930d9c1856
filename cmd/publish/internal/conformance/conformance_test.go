package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/conformance/driver"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/vectors"
)

// driverEnv makes the test binary a program under test: it names the variant.
const driverEnv = "CONFORMANCE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(driverEnv); name != "" {
		if broken := brokenPrograms[name]; broken != nil {
			broken()
			return
		}
		if err := driver.Run(os.Stdin, os.Stdout, variants[name].variant); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// wrong is a driver with one error, and the rules whose small vectors find the error.
type wrong struct {
	variant driver.Variant
	fails   []string
}

var variants = map[string]wrong{
	"right": {},
	"hash": {
		driver.Variant{
			Bucket: sumBucket,
			Request: func(req fleetdial.Request) fleetdial.Request {
				req.ID = idInBucket(sumBucket(req.ID))
				return req
			},
		},
		[]string{"L1 S1", "L1 S2"},
	},
	"resync": {
		driver.Variant{Resync: func(time.Duration) time.Duration { return time.Hour }},
		[]string{"L2 F2"},
	},
	"ttl": {
		driver.Variant{Now: func(s fleetdial.Status) time.Time { return time.Now().Add(s.AppliedAt.Sub(s.LastSync)) }},
		[]string{"L2 T1", "L2 T4"},
	},
	"unknown": {
		driver.Variant{Accept: func(err error) bool { return strings.Contains(err.Error(), "unknown field") }},
		[]string{"L1 V6"},
	},
}

// sumBucket is another hash than that of the protocol.
func sumBucket(text string) int {
	sum := uint32(0)
	for _, b := range []byte(text) {
		sum = 31*sum + uint32(b)
	}
	return int(sum % 1000)
}

// idInBucket returns a request id with a bucket of the protocol.
func idInBucket(bucket int) string {
	for i := 0; ; i++ {
		if id := strconv.Itoa(i); directive.SampleBucket(id) == bucket {
			return id
		}
	}
}

// command returns the command of a driver of this test, through env, so that the environment
// of the test does not change.
func command(name string) []string {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return []string{"env", driverEnv + "=" + name, "GORACE=atexit_sleep_ms=0", self}
}

// testConfig returns a configuration with the small vectors.
func testConfig(name string) Config {
	return Config{Command: command(name), Vectors: smallVectors()}
}

func TestRun_FleetdialPasses(t *testing.T) {
	t.Parallel()
	report, err := Run(t.Context(), testConfig("right"))
	require.NoError(t, err)
	assert.Empty(t, report.Failures)
	assert.True(t, report.Passed)
	assert.Equal(t, Levels, report.Levels)
	var text bytes.Buffer
	require.NoError(t, report.WriteText(&text))
	assert.Contains(t, text.String(), "fleetdial in Go: L1, L2, L3, ")
	assert.Contains(t, text.String(), "L3: 4 rules passed, 0 failed\n")
}

// failedRules returns the rules that failed, each with its level.
func failedRules(report *Report) (failed []string) {
	for _, rule := range report.Rules {
		if rule.Failed > 0 {
			failed = append(failed, rule.Level+" "+rule.Rule)
		}
	}
	return failed
}

func TestRun_WrongProgramsFail(t *testing.T) {
	t.Parallel()
	for name, wrong := range variants {
		if wrong.fails == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(name)
			cfg.Levels = []string{wrong.fails[0][:2]}
			report, err := Run(t.Context(), cfg)
			require.NoError(t, err)
			assert.False(t, report.Passed)
			assert.Equal(t, wrong.fails, failedRules(report))
			var text bytes.Buffer
			require.NoError(t, report.WriteText(&text))
			for _, rule := range wrong.fails {
				_, name, _ := strings.Cut(rule, " ")
				assert.Regexp(t, rule[:2]+` +`+name+` +[0-9]+ +[1-9][0-9]* +FAILED\n`, text.String())
			}
		})
	}
}

// TestRun_AllVectorsFindWrongPrograms runs the wrong drivers on the lines of spec/vectors that
// test the rules, with few scenarios, because each takes seconds.
func TestRun_AllVectorsFindWrongPrograms(t *testing.T) {
	t.Parallel()
	for name, wrong := range variants {
		if wrong.fails == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := allVectors(command(name)...)
			cfg.Vectors = withScenariosOf(cfg.Vectors, wrong.fails)
			cfg.Levels = []string{wrong.fails[0][:2]}
			report, err := Run(t.Context(), cfg)
			require.NoError(t, err)
			assert.Subset(t, failedRules(report), wrong.fails)
		})
	}
}

// withScenariosOf returns the files with only those scenarios that test one of the rules.
func withScenariosOf(files map[string][]byte, rules []string) map[string][]byte {
	few := maps.Clone(files)
	var scenarios []byte
	for line := range bytes.Lines(few["scenarios.jsonl"]) {
		if slices.ContainsFunc(rules, func(rule string) bool { return bytes.Contains(line, []byte(`"`+rule[3:]+`"`)) }) {
			scenarios = append(scenarios, line...)
		}
	}
	if len(scenarios) > 0 { // the rules of L1 have no scenarios
		few["scenarios.jsonl"] = scenarios
	}
	return few
}

// allVectors returns a configuration with the files of spec/vectors.
func allVectors(command ...string) Config {
	return Config{Command: command, Vectors: vectors.Files()}
}

// requirePasses checks that a program passes all vectors of all levels.
func requirePasses(t *testing.T, cfg Config) {
	t.Helper()
	report, err := Run(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, Levels, report.Levels)
	if !report.Passed {
		var text bytes.Buffer
		require.NoError(t, report.WriteText(&text))
		t.Error(text.String())
	}
}

func TestRun_FleetdialPassesAllVectors(t *testing.T) {
	t.Parallel()
	requirePasses(t, allVectors(command("right")...))
}
