package follow

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allowedImports are the packages that a follower may use. None does I/O, starts a goroutine
// or locks.
var allowedImports = map[string]bool{
	"errors": true, "fmt": true, "maps": true, "math/rand/v2": true, "slices": true, "sort": true, "time": true,
	"github.com/fleetdial/fleetdial/internal/clock":     true,
	"github.com/fleetdial/fleetdial/internal/directive": true,
	"github.com/fleetdial/fleetdial/internal/histogram": true,
	"github.com/fleetdial/fleetdial/internal/pace":      true,
	"github.com/fleetdial/fleetdial/internal/store":     true,
	"github.com/fleetdial/fleetdial/internal/wire":      true,
}

// allowedNames are, of the packages with a clock, a source of randomness or output, the names
// that have none of it.
var allowedNames = map[string]map[string]bool{
	"time": {
		"Time": true, "Duration": true, "Nanosecond": true, "Microsecond": true, "Millisecond": true, "Second": true,
		"Minute": true, "Hour": true,
	},
	"rand": {"Rand": true},
	"pace": {"Backoff": true, "Bucket": true, "NewBucket": true},
	"fmt":  {"Errorf": true, "Sprintf": true, "Sprint": true},
}

// impurities returns what a file has that a pure state machine must not have.
func impurities(fset *token.FileSet, file *ast.File) (found []string) {
	note := func(n ast.Node, format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), fmt.Sprintf(format, args...)))
	}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if !allowedImports[path] || spec.Name != nil {
			note(spec, "imports %s", path)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			note(n, "starts a goroutine")
		case *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			note(n, "uses a channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				note(n, "uses a channel")
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && allowedNames[x.Name] != nil && !allowedNames[x.Name][n.Sel.Name] {
				note(n, "uses %s.%s", x.Name, n.Sel.Name)
			}
		}
		return true
	})
	return found
}

// TestFollower_IsPure reads the package, and the one of its clock.
func TestFollower_IsPure(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"*.go", "../clock/*.go"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		fset, files := token.NewFileSet(), 0
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			files++
			file, err := parser.ParseFile(fset, name, nil, 0)
			require.NoError(t, err)
			assert.Empty(t, impurities(fset, file))
		}
		assert.Positive(t, files, pattern)
	}
}

func TestImpurities_AreFound(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`import "sync"`:                                   "imports sync",
		`import r "math/rand/v2"`:                         "imports math/rand/v2",
		`import "context"`:                                "imports context",
		`func f() { go f() }`:                             "starts a goroutine",
		`type t struct{ c chan int }`:                     "uses a channel",
		`func f() { select {} }`:                          "uses a channel",
		`func f() { <-g() }`:                              "uses a channel",
		`func f() { c <- 1 }`:                             "uses a channel",
		`import "time"; var now = time.Now()`:             "uses time.Now",
		`import "time"; var now = time.Now`:               "uses time.Now",
		`import "time"; var x = time.Since(y)`:            "uses time.Since",
		`import "time"; var x = time.Until(y)`:            "uses time.Until",
		`import "time"; var x = time.After(y)`:            "uses time.After",
		`import "time"; func f() { time.Sleep(1) }`:       "uses time.Sleep",
		`import "time"; var x = time.NewTimer(y)`:         "uses time.NewTimer",
		`import "time"; var x = time.NewTicker(y)`:        "uses time.NewTicker",
		`import "time"; var x = time.AfterFunc(y, z)`:     "uses time.AfterFunc",
		`import "math/rand/v2"; var x = rand.IntN(7)`:     "uses rand.IntN",
		`import "fmt"; func f() { fmt.Println("hello") }`: "uses fmt.Println",
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x; "+source, 0)
		require.NoError(t, err, source)
		found := impurities(fset, file)
		require.Len(t, found, 1, source)
		assert.Contains(t, found[0], want)
	}
}
