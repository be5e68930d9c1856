package console

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Allow lets the browser report what matches a regular expression, such as the failed requests of
// a test that ends the server.
func (p *Page) Allow(expression string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, regexp.MustCompile(expression))
}

// listen collects what the browser reports. chromedp calls it on the goroutine that reads all
// events of the tab, so it must not call the browser.
func (p *Page) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		var text []string
		for _, arg := range e.Args {
			text = append(text, strings.TrimSpace(string(arg.Value)+" "+arg.Description))
		}
		p.report("console.%s: %s", e.Type, strings.Join(text, " "))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			text += " " + thrown.Description
		}
		p.report("exception: %s", text)
	case *log.EventEntryAdded:
		// Violations of the content security policy are here too. Verbose entries are advice.
		if e.Entry.Level != log.EntryLevelVerbose {
			p.report("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *inspector.EventTargetCrashed:
		p.report("the tab crashed")
	case *page.EventJavascriptDialogOpening:
		p.report("dialog: %s %q", e.Type, e.Message)
		// The page stands still until the dialog is closed.
		go func() {
			_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
}

func (p *Page) report(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// finish fails the test if the browser has reported anything that Allow does not allow.
func (p *Page) finish() {
	// The browser reports before it replies.
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body?.innerText"))
	if err != nil {
		text = err.Error()
	}
	p.mu.Lock()
	faults := p.faults
	p.mu.Unlock()
	for _, fault := range faults {
		if !p.allows(fault) {
			p.t.Errorf("the browser reported: %s", fault)
		}
	}
	if p.t.Failed() {
		p.t.Logf("the page at the end: %s", firstLines(text))
		p.saveFailed(ctx)
	}
}

func (p *Page) allows(fault string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, expression := range p.allowed {
		if expression.MatchString(fault) {
			return true
		}
	}
	return false
}
