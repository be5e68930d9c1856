package console

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Page is a tab of the browser. A method that fails fails the test. The methods are not safe for
// concurrent use.
type Page struct {
	t   testing.TB
	ctx context.Context
	// patience is how long each method waits.
	patience time.Duration

	mu      sync.Mutex
	faults  []string // reported by the browser
	close   func()
	allowed []*regexp.Regexp
}

// NewPage opens an empty tab in a browser profile of its own, without cookies. The tab closes at
// the end of the test.
func NewPage(t testing.TB) *Page {
	t.Helper()
	return newPage(t, startShared(t).ctx, chromedp.WithNewBrowserContext())
}

// NewTab opens another empty tab in the profile of the page, with the same cookies.
func (p *Page) NewTab() *Page {
	p.t.Helper()
	return newPage(p.t, p.ctx)
}

func newPage(t testing.TB, parent context.Context, opts ...chromedp.ContextOption) *Page {
	t.Helper()
	p := &Page{t: t, patience: within}
	ctx, cancel := chromedp.NewContext(parent, append(opts, chromedp.WithListener(p.listen))...)
	p.ctx = ctx
	p.close = sync.OnceFunc(func() {
		p.finish()
		cancel()
	})
	t.Cleanup(p.close)
	// The tab lives as long as the context of the first call, which therefore has no deadline.
	late := time.AfterFunc(within, cancel)
	err := chromedp.Do(ctx)
	if !late.Stop() || err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return p
}

// Close closes the tab, and the tabs that NewTab opened from it, before the end of the test. It
// fails the test if the browser has reported anything.
func (p *Page) Close() { p.close() }

// within calls do with a deadline.
func (p *Page) within(operation string, do func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	if err := do(ctx); err != nil {
		p.t.Fatalf("%s: %v", operation, err)
	}
}

func (p *Page) do(operation string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.within(operation, func(ctx context.Context) error { return chromedp.Do(ctx, steps...) })
}

// Open navigates to a URL, and waits until the page has loaded. It returns the HTTP status.
func (p *Page) Open(url string) (status int) {
	p.t.Helper()
	p.within("open "+url, func(ctx context.Context) error {
		resp, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
		if err == nil && resp != nil {
			status = int(resp.Status)
		}
		return err
	})
	return status
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.t.Helper()
	p.do("reload", chromedp.Reload())
}

// DisableScripts makes the browser run no script of the pages that are opened afterwards. The
// methods of Page still work.
func (p *Page) DisableScripts() {
	p.t.Helper()
	p.within("disable scripts", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// DisableCache makes the browser load all files of the pages again.
func (p *Page) DisableCache() {
	p.t.Helper()
	p.within("disable the cache", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	})
}

// SetHeaders makes the browser send headers with each request of the page.
func (p *Page) SetHeaders(headers map[string]string) {
	p.t.Helper()
	p.within("set headers", func(ctx context.Context) error {
		all := make(network.Headers)
		for name, value := range headers {
			all[name] = value
		}
		_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: all})
		return err
	})
}

// Eval evaluates a JavaScript expression in a page. A promise is awaited.
func Eval[T any](p *Page, expression string) (value T) {
	p.t.Helper()
	p.within("evaluate "+expression, func(ctx context.Context) (err error) {
		value, err = chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
		return err
	})
	return value
}

// load evaluates a script that is too long for messages.
func (p *Page) load(name, script string) {
	p.t.Helper()
	p.do("load "+name, chromedp.Evaluate[chromedp.Void](script))
}

// URL returns the address of the page.
func (p *Page) URL() string {
	p.t.Helper()
	return Eval[string](p, "location.href")
}

// Text returns the visible text of the first element of a CSS selector.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	p.WaitFor(selector)
	return Eval[string](p, "document.querySelector("+quote(selector)+").innerText")
}

// Cost returns how many bytes the browser has received for the page and its files, compressed and
// with headers, and how long it took until the page had loaded.
func (p *Page) Cost() (bytes int64, took time.Duration) {
	p.t.Helper()
	p.Wait("the page has loaded", `performance.getEntriesByType("navigation")[0].loadEventEnd`)
	cost := Eval[struct {
		Bytes        int64
		Milliseconds float64
	}](p, `(() => {
		const page = performance.getEntriesByType("navigation")[0];
		const files = performance.getEntriesByType("resource");
		return {
			Bytes: [page, ...files].reduce((sum, entry) => sum + entry.transferSize, 0),
			Milliseconds: page.loadEventEnd,
		};
	})()`)
	return cost.Bytes, time.Duration(cost.Milliseconds * float64(time.Millisecond))
}

// Count returns the number of elements of a CSS selector.
func (p *Page) Count(selector string) int {
	p.t.Helper()
	return Eval[int](p, "document.querySelectorAll("+quote(selector)+").length")
}

// Wait waits until a JavaScript expression is true. It waits across navigations.
func (p *Page) Wait(what, expression string) {
	p.t.Helper()
	p.within("wait until "+what, func(ctx context.Context) error {
		for {
			ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
			if ok && err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), err)
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
}

// WaitFor waits until an element matches a CSS selector.
func (p *Page) WaitFor(selector string) {
	p.t.Helper()
	p.Wait("there is "+selector, "document.querySelector("+quote(selector)+")")
}

// WaitText waits until the visible text of an element of a CSS selector contains a text.
func (p *Page) WaitText(selector, text string) {
	p.t.Helper()
	p.Wait(selector+" says "+text,
		"[...document.querySelectorAll("+quote(selector)+")].some(e => e.innerText.includes("+quote(text)+"))")
}

// Click clicks on the middle of the first element of a CSS selector, as a mouse does, once the
// element is visible.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click on "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Fill replaces the text of the first element of a CSS selector by another text, which it types.
func (p *Page) Fill(selector, text string) {
	p.t.Helper()
	p.WaitFor(selector)
	Eval[bool](p, "(e => { e.focus(); if (e.select) e.select(); return true })(document.querySelector("+quote(selector)+"))")
	p.Type(text)
}

// Press presses keys, such as kb.Enter.
func (p *Page) Press(keys string, opts ...chromedp.KeyOption) {
	p.t.Helper()
	p.do("press a key", chromedp.KeyEvent(keys, opts...))
}

// Type types a text into the element that has the focus.
func (p *Page) Type(text string) {
	p.t.Helper()
	p.do("type "+text, chromedp.KeyEvent(text))
}

// TabTo presses the Tab key until an element of a CSS selector has the focus. It fails the test if
// the focus comes around without that.
func (p *Page) TabTo(selector string) {
	p.t.Helper()
	seen := make(map[string]bool)
	for {
		p.Press(kb.Tab)
		if Eval[bool](p, "document.activeElement.matches("+quote(selector)+")") {
			return
		}
		// The body has the focus when the focus leaves the page at its end.
		focus := Eval[string](p, `(() => {
			const all = [...document.querySelectorAll("*")];
			return all.indexOf(document.activeElement) + " " + document.activeElement.tagName;
		})()`)
		if seen[focus] {
			p.t.Fatalf("press Tab: the focus does not reach %s", selector)
		}
		seen[focus] = true
	}
}

// quote returns a text as a literal of JavaScript.
func quote(text string) string {
	literal, _ := json.Marshal(text) // a string has JSON
	return string(literal)
}

// firstLines returns the begin of a text, for messages.
func firstLines(text string) string {
	const most = 2000
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
