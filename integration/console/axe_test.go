package console

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

//go:embed testdata/axe-core/axe.min.js.gz
var axeCompressed []byte

// axeSource returns the source of axe-core.
var axeSource = sync.OnceValues(func() (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(axeCompressed))
	if err != nil {
		return "", err
	}
	source, err := io.ReadAll(r)
	return string(source), err
})

// axeViolation is a rule of axe-core that a page breaks.
type axeViolation struct {
	ID      string // the name of the rule
	Impact  string
	Help    string
	HelpURL string
	Nodes   []struct {
		Target         []json.RawMessage // CSS selectors
		FailureSummary string
	}
}

func (v axeViolation) String() string {
	text := &strings.Builder{}
	fmt.Fprintf(text, "%s (%s): %s, see %s", v.ID, v.Impact, v.Help, v.HelpURL)
	for _, node := range v.Nodes {
		for _, target := range node.Target {
			fmt.Fprintf(text, "\n  %s", target)
		}
		fmt.Fprintf(text, "\n    %s", strings.ReplaceAll(node.FailureSummary, "\n", "\n    "))
	}
	return text.String()
}

// Axe runs all rules of axe-core on the page, with both color schemes. Each violation fails the
// test. Axe runs by DevTools, which the content security policy of the page does not restrict.
func (p *Page) Axe() {
	p.t.Helper()
	source, err := axeSource()
	if err != nil {
		p.t.Fatalf("decompress axe-core: %v", err)
	}
	if !Eval[bool](p, "!!window.axe") {
		p.load("axe-core", source)
	}
	for _, scheme := range []string{Light, Dark} {
		p.SetScheme(scheme)
		found := Eval[[]axeViolation](p, `axe.run(document, {resultTypes: ["violations"]}).then(result => result.violations)`)
		for _, violation := range found {
			p.t.Errorf("axe-core, %s: %v", scheme, violation)
		}
	}
}
