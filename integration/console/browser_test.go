package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// within is how long a test waits for what takes milliseconds on an idle machine.
const within = 30 * time.Second

// startTimeout bounds the start of the browser, which takes a second on an idle machine.
const startTimeout = 90 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	if b, err := sharedBrowser.get(); err == nil && b != nil {
		if err := b.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	_ = os.RemoveAll(scratch())
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// browser is a chromium process with its children.
type browser struct {
	ctx    context.Context
	cancel func()
	stop   context.CancelFunc // ends the allocator
}

// lazyBrowser is a browser that the first test starts that needs it.
type lazyBrowser struct {
	mu  sync.Mutex
	b   *browser
	err error
}

// sharedBrowser is the browser of all tests.
var sharedBrowser lazyBrowser

// start starts the browser, once.
func (l *lazyBrowser) start() (*browser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b == nil && l.err == nil {
		l.b, l.err = startBrowser()
	}
	return l.b, l.err
}

// get returns the browser if a test has started it.
func (l *lazyBrowser) get() (*browser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b, l.err
}

// scratch returns a folder of all tests, which TestMain removes.
var scratch = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "fleetdial-console-")
	if err != nil {
		panic(err)
	}
	return dir
})

// command returns the path of a program. The error names the command that installs its package.
func command(program, debianPackage string) (path string, err error) {
	// Debian's nginx is in /usr/sbin, which the PATH of a user may lack.
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed (run `make test-integration`, which installs it, or `apt-get install -y %s`)",
		program, debianPackage)
}

// startBrowser starts a chromium process with an empty profile. chromedp speaks to it over a pipe,
// so no port is needed. The kernel kills the process if the test binary ends before close.
func startBrowser() (*browser, error) {
	path, err := command("chromium", "chromium")
	if err != nil {
		return nil, err
	}
	b := &browser{}
	var allocator context.Context
	allocator, b.stop = chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Env("HOME="+scratch()), // chromium leaves files there, besides its profile
		chromedp.NoSandbox,              // the sandbox needs rights that containers lack
		chromedp.DisableGPU,
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("font-render-hinting", "none"), // the same glyphs at every size
		// The pages must need nothing from elsewhere. Names below .test are this machine.
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Flag("no-proxy-server", true),
	)...)
	// chromedp logs events that are newer than itself as errors. They are no concern of a test.
	b.ctx, b.cancel = chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	// The process lives as long as the context of the first call, which therefore has no deadline.
	late := time.AfterFunc(startTimeout, b.stop)
	err = chromedp.Do(b.ctx)
	if !late.Stop() {
		err = errors.Join(fmt.Errorf("no reply after %v", startTimeout), err)
	}
	if err != nil {
		_ = b.close()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return b, nil
}

// close ends the process and its children, and removes the profile.
func (b *browser) close() error {
	b.cancel()
	b.stop()
	if c := chromedp.FromContext(b.ctx); c != nil && c.Browser != nil {
		select {
		case <-c.Browser.LostConnection:
		case <-time.After(within):
			return errors.New("close chromium: the connection is still open")
		}
	}
	return nil
}

// startShared starts the browser of all tests, if no test has started it.
func startShared(t testing.TB) *browser {
	t.Helper()
	b, err := sharedBrowser.start()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
