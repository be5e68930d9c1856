package faulttest

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// update makes the tests write their tables into the document.
var update = flag.Bool("update", false, "write the tables into docs/reliability.md")

const document = "../../docs/reliability.md"

// documentMu is held while the document is written.
var documentMu sync.Mutex

// table holds the measurements of a test.
type table struct {
	mu sync.Mutex
	// preface is the text before the table.
	preface string
	head    []string
	rows    [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

// add adds a row. Its first cell is its name.
func (t *table) add(cells ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, cells)
}

// show prints the table. The rows are sorted by the order of their names, and then by the
// second column. With the flag -update, show also writes the table into the document.
func (t *table) show(tb testing.TB, name string, order []string) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortFunc(t.rows, func(a, b []string) int {
		return cmp.Or(slices.Index(order, a[0])-slices.Index(order, b[0]), cmp.Compare(a[1], b[1]))
	})
	var out strings.Builder
	out.WriteString(t.preface)
	line := func(cells []string) { fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	out.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, cells := range t.rows {
		line(cells)
	}
	tb.Logf("%s:\n%s", name, out.String())
	if *update && !tb.Failed() {
		replaceSection(tb, name, out.String())
	}
}

// replaceSection replaces the text between the two markers of the section in the
// document.
func replaceSection(tb testing.TB, name, text string) {
	tb.Helper()
	documentMu.Lock()
	defer documentMu.Unlock()
	old, err := os.ReadFile(document)
	require.NoError(tb, err)
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, closed := strings.Cut(rest, end)
	require.True(tb, ok && closed, "%s has no section %q", document, name)
	require.NoError(tb, os.WriteFile(document, []byte(before+begin+text+end+after), 0o644))
}

// took formats a duration for the table.
func took(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
