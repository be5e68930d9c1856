package doctest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/fleetdial/fleetdial/testutil"
)

// scriptTimeout bounds the time of a block.
const scriptTimeout = 2 * time.Minute

// shell runs the blocks of one page.
type shell struct {
	dir, path string
	server    *testutil.Redis
}

// programs builds the commands, and adds a redis-cli that connects to the server of a page.
func programs(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "./cmd/publish", "./cmd/proxy")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	client, err := exec.LookPath("redis-cli")
	require.NoError(t, err, "install redis-tools")
	script := fmt.Sprintf("#!/bin/sh\nexec %s -u \"$FLEETDIAL_REDIS_URL\" \"$@\"\n", client)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "redis-cli"), []byte(script), 0o700))
	return dir
}

// newShell starts a redis-server, and makes a directory with the files of the repository.
func newShell(t *testing.T, programs string) *shell {
	t.Helper()
	s := &shell{dir: t.TempDir(), path: programs + ":" + os.Getenv("PATH"), server: testutil.StartRedis(t)}
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.Name() == ".git" {
			continue
		}
		source, err := filepath.Abs(filepath.Join(root, entry.Name()))
		require.NoError(t, err)
		require.NoError(t, os.Symlink(source, filepath.Join(s.dir, entry.Name())))
	}
	return s
}

// run runs a script, and returns its output. It ends what the script has started.
func (s *shell) run(script string) (output string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", script)
	cmd.Dir = s.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "FLEETDIAL_") }),
		"PATH="+s.path, "FLEETDIAL_REDIS_URL="+s.server.URL(), "TERM=dumb")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out testutil.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	return out.String(), err
}

// step is a command of a transcript, with the lines of its output.
type step struct {
	command string
	lines   []string
}

// steps splits a transcript.
func steps(transcript string) (all []step, err error) {
	for line := range strings.Lines(transcript) {
		line = strings.TrimRight(line, "\n ")
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case isCommand:
			all = append(all, step{command: command})
		case len(all) == 0:
			return nil, fmt.Errorf("line %q: must follow a line that begins with $", line)
		case line != "" && strings.TrimSpace(line) != "…":
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		}
	}
	return all, nil
}

var variable = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`\b[0-9a-f]{16,}\b`), "ID"},
	{regexp.MustCompile(`[\w.-]+@[\w.-]+`), "USER@HOST"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(h|ms|m|µs|ns|s))+\b`), "DURATION"},
	{regexp.MustCompile(`\d+(\.\d+)?`), "N"},
	{regexp.MustCompile(`[ \t]+`), " "},
}

// comparable replaces what differs from run to run.
func comparable(line string) string {
	for _, v := range variable {
		line = v.pattern.ReplaceAllString(line, v.text)
	}
	return strings.TrimSpace(line)
}

// missing returns the first line that the output does not have after the lines before it.
func missing(lines []string, output string) string {
	rest := strings.Split(output, "\n")
	for _, line := range lines {
		i := slices.IndexFunc(rest, func(other string) bool { return comparable(other) == comparable(line) })
		if i < 0 {
			return line
		}
		rest = rest[i+1:]
	}
	return ""
}

// failure is a line of the output of a command that fails.
var failure = regexp.MustCompile(`^(publish|proxy): `)

// transcript runs the commands of a transcript. A command may fail if the transcript shows its
// error.
func (s *shell) transcript(text string) error {
	all, err := steps(text)
	if err != nil {
		return err
	}
	for _, step := range all {
		output, err := s.run(step.command)
		fails := slices.ContainsFunc(step.lines, failure.MatchString)
		if _, exited := err.(*exec.ExitError); err != nil && (!exited || !fails) {
			return fmt.Errorf("%s: %w\n%s", step.command, err, output)
		}
		if line := missing(step.lines, output); line != "" {
			return fmt.Errorf("%s: the output has no line %q after the lines before it:\n%s", step.command, line, output)
		}
	}
	return nil
}

// test tests a block, except Go.
func (s *shell) test(b block) error {
	switch b.language {
	case "sh":
		if output, err := s.run(b.text); err != nil {
			return fmt.Errorf("%w\n%s", err, output)
		}
	case "console":
		return s.transcript(b.text)
	case "json", "yaml":
		return s.data(b)
	}
	return nil
}

// data parses a block. A block with directives is validated as a publish body.
func (s *shell) data(b block) error {
	parse := json.Unmarshal
	if b.language == "yaml" {
		parse = func(text []byte, into any) error { return yaml.Unmarshal(text, into) }
	}
	var value any
	if err := parse([]byte(b.text), &value); err != nil {
		return err
	}
	if object, ok := value.(map[string]any); !ok || object["directives"] == nil {
		return nil
	}
	file := filepath.Join(s.dir, "block."+b.language)
	if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
		return err
	}
	output, err := s.run("publish validate -f " + filepath.Base(file))
	if err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}

func TestShellBlocks_Run(t *testing.T) {
	t.Parallel()
	bin := programs(t)
	ran := 0
	for _, p := range pages(t) {
		blocks := slices.DeleteFunc(slices.Clone(p.blocks), func(b block) bool {
			return b.norun != "" || b.language == "go" || b.language == "text"
		})
		ran += len(blocks)
		if len(blocks) == 0 {
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, bin)
			for _, b := range blocks {
				assert.NoError(t, s.test(b), "%s:%d", p.path, b.line)
			}
		})
	}
	assert.Positive(t, ran)
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		s := newShell(t, bin)
		for _, b := range []block{
			{language: "sh", text: "publish get --fleet nothing\n"},
			{language: "sh", text: "false\ntrue\n"},
			{language: "sh", text: "echo $UNSET_VARIABLE\n"},
			{language: "console", text: "echo a\n"},
			{language: "console", text: "$ echo a\nb\n"},
			{language: "console", text: "$ printf 'a\\nb\\n'\nb\na\n"},
			{language: "console", text: "$ sh -c 'exit 1'\n"},
			{language: "json", text: "{"},
			{language: "json", text: `{"directives":[{"id":"a"}]}`},
			{language: "yaml", text: "directives:\n- id: a\n"},
		} {
			assert.Error(t, s.test(b), b.text)
		}
		for _, b := range []block{
			{language: "sh", text: "redis-cli PING\npublish validate -f examples/incident.json\n"},
			{language: "console", text: "$ echo 'took 1m4s by ana@web-1 in 3  steps'\n…\ntook 9s by root@vm in 42 steps\n"},
			{language: "console", text: "$ publish get --fleet nothing\npublish: fleet \"nothing\": no current revision\n…\n"},
			{language: "yaml", text: "directives: []\n"},
			{language: "json", text: "[1]"},
		} {
			assert.NoError(t, s.test(b), b.text)
		}
	})
}
