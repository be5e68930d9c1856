package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// markEnv names the file in which a broken program notes the process id of its child, and the
// redis-server that it should follow.
const markEnv = "CONFORMANCE_TEST_MARK"

// brokenPrograms break the driver protocol.
var brokenPrograms = map[string]func(){
	"garbage": func() { reply(func(string) string { return "hello?" }) },
	"array":   func() { reply(func(string) string { return "[]" }) },
	"mistyped": func() {
		reply(func(string) string { return `{"name":"mistyped","levels":"L1"}` })
	},
	"twice": func() { reply(func(string) string { return greeting + "\n" + greeting }) },
	"rejects-hello": func() {
		reply(func(string) string { return `{"error":"protocol 1 is not known"}` })
	},
	"without-L1": func() { reply(func(string) string { return `{"name":"L2","levels":["L2"]}` }) },
	"silent":     func() { afterHello(func(string) { forever() }) },
	"deaf":       func() { forever() },
	"crashes": func() {
		afterHello(func(string) {
			fmt.Fprintln(os.Stderr, "out of ideas")
			os.Exit(3)
		})
	},
	"closes-output": func() {
		afterHello(func(string) {
			_ = os.Stdout.Close()
			forever()
		})
	},
	"does-not-end": func() {
		reply(func(string) string { return greeting })
		forever()
	},
	"fails-to-follow": func() { scenarioOnly(func() { os.Exit(3) }) },
	"hangs-in-follow": func() { scenarioOnly(forever) },
	"declines": func() {
		reply(func(line string) string {
			if strings.Contains(line, `"hello"`) {
				return greeting
			}
			return `{"error":"not built yet"}`
		})
	},
}

const greeting = `{"name":"broken","levels":["L1","L2","L3"]}`

// forever blocks until the program is killed.
func forever() { time.Sleep(time.Hour) }

// reply answers each line.
func reply(answer func(line string) string) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxAnswerBytes)
	for lines.Scan() {
		fmt.Println(answer(lines.Text()))
	}
}

// afterHello answers hello, and does something else after the next request.
func afterHello(next func(line string)) {
	reply(func(line string) string {
		if !strings.Contains(line, `"hello"`) {
			next(line)
		}
		return greeting
	})
}

// scenarioOnly starts a child, notes its process id and the server in the file of markEnv once
// there is a request to follow, and then does something.
func scenarioOnly(next func()) {
	afterHello(func(line string) {
		var request struct{ Redis string }
		_ = json.Unmarshal([]byte(line), &request)
		child := exec.Command("sleep", "3600")
		if err := child.Start(); err != nil {
			panic(err)
		}
		mark := fmt.Sprintf("%d %s", child.Process.Pid, strings.TrimPrefix(request.Redis, "redis://"))
		if err := os.WriteFile(os.Getenv(markEnv)+".new", []byte(mark), 0o600); err != nil {
			panic(err)
		}
		_ = os.Rename(os.Getenv(markEnv)+".new", os.Getenv(markEnv))
		next()
	})
}

func TestRun_BrokenPrograms(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"garbage":       `the program answered hello with something else than a JSON object: "hello?"`,
		"array":         `the program answered hello with something else than a JSON object: "[]"`,
		"mistyped":      `the program answered hello with a wrong object: levels must not be a string: `,
		"twice":         `the program wrote a line without a request: `,
		"rejects-hello": `the program answered hello with an error: "protocol 1 is not known"`,
		"without-L1":    `the program claims the levels ["L2"], but each level includes L1`,
		"silent":        "the program did not answer decode within 10s (values.jsonl: good)",
		"deaf":          "the program did not answer hello within 10s",
		"crashes": "the program ended before it answered decode: exit status 3 (values.jsonl: good); " +
			"its last messages:\nout of ideas",
		"closes-output": "the program closed its input or output before it answered decode (values.jsonl: good)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(name)
			report, err := Run(t.Context(), cfg)
			require.ErrorAs(t, err, new(*ProgramError))
			assert.Contains(t, err.Error(), want)
			assert.Nil(t, report)
		})
	}
}

func TestRun_ProgramThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	cfg := testConfig("does-not-end")
	p, err := startProgram(cfg.Command, time.Second)
	require.NoError(t, err)
	defer p.close()
	err = p.finish(t.Context())
	require.ErrorAs(t, err, new(*ProgramError))
	assert.EqualError(t, err, "the program did not end within 1s of the end of its input")
	assert.True(t, p.process.HasEnded())
}

// TestRun_ProgramThatDeclines proves that an error in an answer fails the vector, and does not
// end the run.
func TestRun_ProgramThatDeclines(t *testing.T) {
	t.Parallel()
	report, err := Run(t.Context(), testConfig("declines"))
	require.NoError(t, err)
	require.NotEmpty(t, report.Failures)
	assert.Len(t, report.Failures, report.Vectors)
	for _, failure := range report.Failures {
		assert.Equal(t, `error "not built yet"`, failure.Actual, failure.Vector)
	}
}

// marked returns the process id and the address in a file of markEnv.
func marked(t *testing.T, file string) (pid int, addr string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(text), "%d %s", &pid, &addr)
	require.NoError(t, err)
	return pid, addr
}

// requireNothingLeft checks that the child of a program and the redis-server have ended.
func requireNothingLeft(t *testing.T, file string) {
	t.Helper()
	pid, addr := marked(t, file)
	testutil.Eventually(t, 10*time.Second, "the program's child has ended", func() bool {
		return hasEnded(pid)
	})
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		_ = conn.Close()
	}
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "redis-server still listens")
}

// hasEnded reports whether a process has ended. Init may not have reaped it yet.
func hasEnded(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z ")
}

// scenarioConfig returns a configuration whose program notes its child and its server in mark.
func scenarioConfig(t *testing.T, name string) (cfg Config, mark string) {
	t.Helper()
	mark = filepath.Join(t.TempDir(), "mark")
	cfg = testConfig(name)
	cfg.Command = append([]string{"env", markEnv + "=" + mark}, cfg.Command...)
	return cfg, mark
}

// runFirstScenario runs the first scenario alone.
func runFirstScenario(ctx context.Context, cfg Config) error {
	cfg.AnswerTime = DefaultAnswerTime
	cfg.Progress = func(string) {}
	vectors, err := load(cfg.Vectors, Levels)
	if err != nil {
		return err
	}
	return (&runner{cfg: cfg}).scenarios(ctx, vectors["scenarios.jsonl"][:1])
}

func TestRun_CrashLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	cfg, mark := scenarioConfig(t, "fails-to-follow")
	err := runFirstScenario(t.Context(), cfg)
	require.ErrorAs(t, err, new(*ProgramError))
	assert.Contains(t, err.Error(), "ended before it answered follow: exit status 3 (scenarios.jsonl: lost announcement)")
	requireNothingLeft(t, mark)
}

func TestRun_CancelLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	cfg, mark := scenarioConfig(t, "hangs-in-follow")
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- runFirstScenario(ctx, cfg) }()
	testutil.Eventually(t, 30*time.Second, "the program follows", func() bool {
		_, err := os.Stat(mark)
		return err == nil
	})
	cancel()
	select {
	case err := <-result:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(30 * time.Second):
		t.Fatal("Run did not return")
	}
	requireNothingLeft(t, mark)
}
