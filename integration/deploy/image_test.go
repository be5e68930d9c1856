package deploy

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const (
	root = "../.."
	// imageVersion is the VERSION of the image that the tests build.
	imageVersion = "v9.8.7-test"
)

// imageDir holds the programs of the images.
var imageDir string

func TestMain(m *testing.M) {
	var err error
	if imageDir, err = os.MkdirTemp("", "fleetdial-images-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(imageDir)
		os.Exit(code)
	}))
}

// stages returns the stages of the Dockerfile by their names. Warnings of the linter of Docker
// are errors.
var stages = sync.OnceValues(func() (map[string]instructions.Stage, error) {
	file, err := os.Open(filepath.Join(root, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	var warnings []string
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		warnings = append(warnings, rule+": "+message)
	}})
	all, _, err := instructions.Parse(parsed.AST, lint)
	if err == nil && len(warnings)+len(parsed.Warnings) > 0 {
		err = fmt.Errorf("the Dockerfile has warnings: %v %v", warnings, parsed.Warnings)
	}
	named := make(map[string]instructions.Stage)
	for _, stage := range all {
		named[stage.Name] = stage
	}
	return named, err
})

func stage(t *testing.T, name string) instructions.Stage {
	t.Helper()
	all, err := stages()
	require.NoError(t, err)
	require.Contains(t, all, name, "the Dockerfile has a stage")
	return all[name]
}

// find returns the last instruction of a type in a stage.
func find[T any](stage instructions.Stage) (found T, ok bool) {
	for _, command := range stage.Commands {
		if each, isT := command.(T); isT {
			found, ok = each, true
		}
	}
	return found, ok
}

// program returns a program of the images: publish, proxy or upstream. The first call copies
// what .dockerignore leaves of the sources, and runs the command of the Dockerfile that builds
// them, so that a pattern that leaves too little makes the tests fail.
func program(t *testing.T, name string) string {
	t.Helper()
	require.NoError(t, buildImage())
	return filepath.Join(imageDir, "out", name)
}

var buildImage = sync.OnceValue(func() error {
	all, err := stages()
	if err != nil {
		return err
	}
	sources, out := filepath.Join(imageDir, "src"), filepath.Join(imageDir, "out")
	if err := copyContext(root, sources); err != nil {
		return err
	}
	for _, command := range all["build"].Commands {
		run, ok := command.(*instructions.RunCommand)
		if !ok || !strings.Contains(run.CmdLine[0], "go build") {
			continue
		}
		build := exec.Command("sh", "-c", strings.Replace(run.CmdLine[0], "/out/", out+"/", 1))
		build.Dir = sources
		build.Env = append(os.Environ(), "VERSION="+imageVersion, "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH,
			"GOFLAGS=", "GOWORK=off")
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		return nil
	}
	return fmt.Errorf("the stage build of the Dockerfile has no go build")
})

// copyContext copies the context of a build.
func copyContext(from, to string) error {
	file, err := os.Open(filepath.Join(from, ".dockerignore"))
	if err != nil {
		return err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case ignored && entry.IsDir():
			return filepath.SkipDir // no pattern brings a file of it back
		case ignored || !entry.IsDir() && !entry.Type().IsRegular():
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
}

func TestImage_Stages(t *testing.T) {
	t.Parallel()
	base := stage(t, "base")
	user, ok := find[*instructions.UserCommand](base)
	require.True(t, ok)
	assert.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, user.User, "a number, so that Kubernetes can tell that it is not root")
	for _, name := range []string{"publish", "proxy", "upstream"} {
		s := stage(t, name)
		assert.Equal(t, "base", s.BaseName)
		_, hasUser := find[*instructions.UserCommand](s)
		assert.False(t, hasUser, "the user of %s is that of base", name)
		_, runs := find[*instructions.RunCommand](s)
		assert.False(t, runs, "%s has no shell", name)
		entry, ok := find[*instructions.EntrypointCommand](s)
		require.True(t, ok, name)
		assert.False(t, entry.PrependShell, "%s is the process that gets the signals", name)
		assert.Equal(t, []string{"/usr/local/bin/" + name}, []string(entry.CmdLine))
		isCopied := false
		for _, command := range s.Commands {
			from, ok := command.(*instructions.CopyCommand)
			isCopied = isCopied || ok && from.From == "build" && from.SourcePaths[0] == "/out/"+name && from.DestPath == entry.CmdLine[0]
		}
		assert.True(t, isCopied, "the entry point of %s is in the image", name)
	}
}

func TestImage_ProgramsAreStatic(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"publish", "proxy", "upstream"} {
		file, err := elf.Open(program(t, name))
		require.NoError(t, err)
		for _, segment := range file.Progs {
			assert.NotEqual(t, elf.PT_INTERP, segment.Type, "%s needs no loader", name)
		}
		assert.NoError(t, file.Close())
	}
}

func TestImage_VersionIsStamped(t *testing.T) {
	t.Parallel()
	assert.Regexp(t, "^publish "+imageVersion+", go1", output(t, program(t, "publish"), nil, "version"))
	assert.Regexp(t, "^proxy "+imageVersion+", go1", output(t, program(t, "proxy"), nil, "--version"))
}
