package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/conformance/driver"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"publish": main, "proxy": proxy, "driver": goDriver})
}

// goDriver answers publish conformance with fleetdial itself, or with another hash if HASH is
// wrong.
func goDriver() {
	var variant driver.Variant
	if os.Getenv("HASH") == "wrong" {
		variant.Bucket = func(string) int { return -1 }
	}
	if err := driver.Run(os.Stdin, os.Stdout, variant); err != nil {
		log.Fatal(err)
	}
}

// TestPublish_Scripts runs each script with the real command and a new redis-server.
func TestPublish_Scripts(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		// A command in the foreground ends at the deadline.
		Deadline:            time.Now().Add(5 * time.Minute),
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			certs := testutil.NewCertificates(env.T().(testing.TB))
			server := testutil.StartRedisTLS(env.T().(testing.TB), certs)
			env.Setenv("FLEETDIAL_REDIS_URL", server.URL())
			env.Setenv("TLS_URL", "rediss://"+server.TLSAddr())
			env.Setenv("TLS_CA", certs.CA)
			env.Setenv("TLS_CERT", certs.ClientCert)
			env.Setenv("TLS_KEY", certs.ClientKey)
			env.Setenv("EXAMPLES", examples)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the default delays each exit by 1s
			env.Values[serverKey{}] = server
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   exits,
			"server":  control,
			"process": process,
			"until":   until,
			"polls":   polls,
			"reports": reports,
		},
	})
}

type serverKey struct{}

// control kills, stops or restarts the script's redis-server: server kill|stop|restart.
func control(ts *testscript.TestScript, _ bool, args []string) {
	server := ts.Value(serverKey{}).(*testutil.Redis)
	switch strings.Join(args, " ") {
	case "kill":
		server.Kill()
	case "stop":
		server.Stop()
	case "restart":
		server.Restart()
	default:
		ts.Fatalf("usage: server kill|stop|restart")
	}
}

// process stops or continues the background process whose last argument is NAME:
// process stop|continue NAME.
func process(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]os.Signal{"stop": syscall.SIGSTOP, "continue": syscall.SIGCONT}
	if len(args) != 2 || signals[args[0]] == nil {
		ts.Fatalf("usage: process stop|continue NAME")
	}
	var found *os.Process
	for _, cmd := range ts.BackgroundCmds() {
		if cmd.Args[len(cmd.Args)-1] == args[1] {
			found = cmd.Process
		}
	}
	if found == nil {
		ts.Fatalf("no background process %s", args[1])
	}
	// testscript interrupts the background processes of a script that fails, and waits for
	// them without a deadline. A stopped process ends only if it is continued or killed.
	ts.Defer(func() {
		for _, cmd := range ts.BackgroundCmds() {
			_ = cmd.Process.Kill()
		}
	})
	ts.Check(found.Signal(signals[args[0]]))
}

// exits runs a command and checks its exit code: exits CODE COMMAND ARG…
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%s: exit code %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// until waits until a file matches a pattern: until FILE PATTERN.
func until(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: until FILE PATTERN")
	}
	pattern := regexp.MustCompile(args[1])
	deadline := time.Now().Add(20 * time.Second)
	for {
		// The file may not exist yet.
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if pattern.Match(text) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("timed out: %s does not match %s:\n%s", args[0], args[1], text)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// polls repeats a command until its stdout matches a pattern: polls PATTERN COMMAND ARG…
func polls(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: polls PATTERN COMMAND ARG…")
	}
	pattern := regexp.MustCompile(args[0])
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if err == nil && pattern.MatchString(out) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("timed out: stdout of %s does not match %s:\n%s", strings.Join(args[1:], " "), args[0], out)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
