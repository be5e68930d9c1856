package console

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder is a testing.TB that records failures instead of failing the test.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failed   bool
	text     strings.Builder
	cleanups []func()
}

func (r *recorder) Helper()                           {}
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Log(args ...any)                   { r.Logf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }

func (r *recorder) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.text, format+"\n", args...)
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// outcome runs a test, and returns whether it failed and what it printed.
func outcome(t *testing.T, test func(t testing.TB)) (failed bool, text string) {
	t.Helper()
	r := &recorder{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() { test(r) })
	wg.Wait()
	for _, cleanup := range slices.Backward(r.cleanups) {
		wg.Go(cleanup)
		wg.Wait()
	}
	return r.failed, r.text.String()
}

// site serves pages by their paths, with a policy as strict as that of the console.
func site(t testing.TB, pages map[string]string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if r.URL.Path == "/icon.svg" {
			body, ok = `<svg xmlns="http://www.w3.org/2000/svg"/>`, true
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch {
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
		case strings.HasSuffix(r.URL.Path, ".css"):
			w.Header().Set("Content-Type", "text/css")
		case strings.HasSuffix(r.URL.Path, ".svg"):
			w.Header().Set("Content-Type", "image/svg+xml")
		}
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// document returns a page that breaks no rule, with a body and elements for its head.
func document(body string, head ...string) string {
	return `<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="/icon.svg">` + strings.Join(head, "") +
		`</head><body><main><h1>A page</h1>` + body + `</main></body></html>`
}

func TestPage_Faults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page string
		want string // in the report; empty if the test must pass
	}{
		"none":             {page: document(`<p>Text</p>`)},
		"inline script":    {page: document(`<script>document.title = "run"</script>`), want: "Content Security Policy"},
		"inline style":     {page: document(`<p style="color: red">Text</p>`), want: "Content Security Policy"},
		"script elsewhere": {page: document(``, `<script src="https://example.com/x.js"></script>`), want: "Content Security Policy"},
		"fetch elsewhere":  {page: document(``, `<script src="/fetch.js"></script>`), want: "Content Security Policy"},
		"exception":        {page: document(``, `<script src="/throw.js"></script>`), want: "exception: Uncaught Error: thrown"},
		"rejected promise": {page: document(``, `<script src="/reject.js"></script>`), want: "exception: Uncaught (in promise)"},
		"console":          {page: document(``, `<script src="/log.js"></script>`), want: `console.log: "logged"`},
		"missing file":     {page: document(`<img src="/missing.png" alt="">`), want: "404 (Not Found)"},
		"dialog":           {page: document(``, `<script src="/alert.js"></script>`), want: `dialog: alert "1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]string{
				"/":          c.page,
				"/fetch.js":  `fetch("https://example.com/").catch(() => {})`,
				"/throw.js":  `throw new Error("thrown")`,
				"/reject.js": `Promise.reject(new Error("rejected"))`,
				"/log.js":    `console.log("logged")`,
				"/alert.js":  `alert(1)`,
			})
			failed, text := outcome(t, func(t testing.TB) { NewPage(t).Open(url) })
			assert.Equal(t, c.want != "", failed, text)
			assert.Contains(t, text, c.want)
		})
	}
}

func TestPage_Allow(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]string{"/": document(`<p style="color: red">Text</p><img src="/missing.png" alt="">`)})
	failed, text := outcome(t, func(t testing.TB) {
		p := NewPage(t)
		p.Allow("inline style")
		p.Open(url)
	})
	assert.True(t, failed)
	assert.NotContains(t, text, "inline style")
	assert.Contains(t, text, "missing.png")
}

func TestPage_WaitTimesOut(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]string{"/": document(`<p id="p">Text</p>`)})
	p := NewPage(t)
	p.Open(url)
	for name, wait := range map[string]func(*Page){
		"wait until #p says Other": func(p *Page) { p.WaitText("#p", "Other") },
		"click on #missing":        func(p *Page) { p.Click("#missing") },
		"evaluate thrown":          func(p *Page) { Eval[bool](p, "thrown") },
	} {
		failed, text := outcome(t, func(t testing.TB) {
			impatient := &Page{t: t, ctx: p.ctx, patience: 200 * time.Millisecond}
			wait(impatient)
		})
		assert.True(t, failed)
		assert.Contains(t, text, name)
	}
}

func TestBrowser_CloseEndsAllProcesses(t *testing.T) {
	t.Parallel()
	b, err := startBrowser()
	require.NoError(t, err)
	profile := "--user-data-dir=" + profileOf(t, b)
	assert.Greater(t, len(processesWith(t, profile)), 2, "the browser and its children")
	require.NoError(t, b.close())
	assert.Empty(t, processesWith(t, profile))
	assert.NoDirExists(t, strings.TrimPrefix(profile, "--user-data-dir="))
}

// profileOf returns the folder of the profile of a browser.
func profileOf(t *testing.T, b *browser) string {
	t.Helper()
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", chromedp.FromContext(b.ctx).Browser.Process().Pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(arguments), "--user-data-dir=")
	require.True(t, ok, "%q", arguments)
	profile, _, _ := strings.Cut(rest, "\x00")
	return profile
}

// processesWith returns the processes that have an argument. Some children of chromium separate
// their arguments by blanks.
func processesWith(t *testing.T, argument string) (found []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		if arguments, err := os.ReadFile(file); err == nil && bytes.Contains(arguments, []byte(argument)) {
			found = append(found, string(arguments))
		}
	}
	return found
}

func TestPage_Axe(t *testing.T) {
	t.Parallel()
	const darkOnly = `@media (prefers-color-scheme: dark) { p { color: #eee; background: #ddd } }`
	for name, c := range map[string]struct {
		page string
		want string
	}{
		"none":             {page: document(`<label>Name <input></label>`)},
		"input":            {page: document(`<form><input type="text"></form>`), want: "label (critical)"},
		"contrast in dark": {page: document(`<p>Text</p>`, `<link rel="stylesheet" href="/dark.css">`), want: "axe-core, dark: color-contrast"},
		"no language":      {page: strings.Replace(document(``), ` lang="en"`, "", 1), want: "html-has-lang"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]string{"/": c.page, "/dark.css": darkOnly})
			failed, text := outcome(t, func(t testing.TB) {
				p := NewPage(t)
				p.Open(url)
				p.Axe()
			})
			assert.Equal(t, c.want != "", failed, text)
			assert.Contains(t, text, c.want)
			assert.NotContains(t, text, "axe-core, light: color-contrast")
		})
	}
}

func TestPage_DisableScripts(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]string{
		"/":         document(`<noscript>No script</noscript><a href="/next">Next</a>`, `<script src="/throw.js"></script>`),
		"/throw.js": `throw new Error("thrown")`,
		"/next":     document(`<p>The next page</p>`),
	})
	p := NewPage(t)
	p.DisableScripts()
	require.Equal(t, http.StatusOK, p.Open(url))
	assert.Contains(t, p.Text("main"), "No script")
	p.Click("a")
	p.WaitText("p", "The next page")
	assert.Equal(t, url+"/next", p.URL())
}

func TestPage_Keyboard(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]string{
		"/":     document(`<a href="/other">Other</a> <form action="/sent"><label>Name <input name="name"></label> <button>Send</button></form>`),
		"/sent": document(`<p>Sent</p>`),
	})
	p := NewPage(t)
	p.Open(url)
	p.TabTo("input[name=name]")
	p.Type("acme ü")
	p.TabTo("button")
	p.Press(kb.Enter)
	p.WaitText("p", "Sent")
	assert.Equal(t, url+"/sent?name=acme+%C3%BC", p.URL())

	failed, text := outcome(t, func(t testing.TB) {
		p := NewPage(t)
		p.Open(url)
		p.TabTo("h1")
	})
	assert.True(t, failed)
	assert.Contains(t, text, "the focus does not reach h1")
}

func TestPage_Profiles(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]string{"/": document(``)})
	p := NewPage(t)
	p.Open(url)
	Eval[string](p, `document.cookie = "a=1"`)
	tab := p.NewTab()
	tab.Open(url)
	assert.Equal(t, "a=1", Eval[string](tab, "document.cookie"), "the tabs of a page share its profile")
	other := NewPage(t)
	other.Open(url)
	assert.Empty(t, Eval[string](other, "document.cookie"), "each page has its own profile")
}

func TestPage_Cost(t *testing.T) {
	t.Parallel()
	const size = 50_000
	style := "/*" + strings.Repeat("x", size) + "*/"
	url := site(t, map[string]string{"/": document(``, `<link rel="stylesheet" href="/long.css">`), "/long.css": style})
	p := NewPage(t)
	p.Open(url)
	received, took := p.Cost()
	assert.Greater(t, received, int64(size))
	assert.Less(t, received, int64(size+5_000))
	assert.Greater(t, took, time.Millisecond)
	assert.Less(t, took, within)
}

func TestPage_Look(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]string{
		"/":         document(`<p>Text</p>`),
		"/wide":     document(`<p>Text</p>`, `<link rel="stylesheet" href="/wide.css">`),
		"/wide.css": `p { min-width: 700px }`,
	})
	p := NewPage(t)
	p.Open(url)
	p.Look("harness")
	p.SetScheme(Dark)
	assert.True(t, Eval[bool](p, `matchMedia("(prefers-color-scheme: dark)").matches`))
	failed, text := outcome(t, func(t testing.TB) {
		p := NewPage(t)
		p.Open(url + "/wide")
		p.Look("harness-wide")
	})
	assert.True(t, failed)
	assert.Contains(t, text, "pixels wide in a window of 360")
	assert.NotContains(t, text, "in a window of 1280")
}

func TestCommand_MissingProgram(t *testing.T) {
	t.Parallel()
	_, err := command("a-program-that-is-missing", "its-package")
	assert.ErrorContains(t, err, "apt-get install -y its-package")
	path, err := command("sh", "dash")
	require.NoError(t, err)
	_, err = os.Stat(path)
	assert.NoError(t, err)
}
