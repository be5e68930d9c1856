package doctest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const echoPath = "github.com/labstack/echo/v4"

// compiler checks the types of Go blocks.
type compiler struct {
	files *token.FileSet
	// exports are the files with the export data of packages, by the path of the package.
	exports  map[string]string
	packages types.Importer
	echo     *types.Package
	// fragment is the source before a block that is not a whole program.
	fragment string
}

// newCompiler compiles the packages that the documents use.
func newCompiler(t *testing.T) *compiler {
	t.Helper()
	c := &compiler{files: token.NewFileSet(), exports: make(map[string]string)}
	fragment, err := os.ReadFile("testdata/fragment.go")
	require.NoError(t, err)
	c.fragment = string(fragment)
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}\t{{.Export}}{{end}}",
		"./...", "testing")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		c.exports[path] = file
	}
	c.packages = importer.ForCompiler(c.files, "gc", func(path string) (io.ReadCloser, error) {
		file, ok := c.exports[path]
		if !ok {
			return nil, fmt.Errorf("package %s is not a dependency of fleetdial", path)
		}
		return os.Open(file)
	})
	source, err := os.ReadFile("testdata/echo/echo.go")
	require.NoError(t, err)
	c.echo, err = c.check("echo.go", string(source))
	require.NoError(t, err)
	return c
}

// Import returns a package.
func (c *compiler) Import(path string) (*types.Package, error) {
	if path == echoPath {
		return c.echo, nil
	}
	return c.packages.Import(path)
}

// check checks the types of a file. Like the compiler, it rejects variables and imports that
// are not used.
func (c *compiler) check(name, source string) (*types.Package, error) {
	file, err := parser.ParseFile(c.files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return (&types.Config{Importer: c}).Check(name, c.files, []*ast.File{file}, nil)
}

// checkFragment checks statements, or declarations, that may use what testdata/fragment.go
// declares. They may leave a variable unused.
func (c *compiler) checkFragment(name, block string) error {
	file, err := parser.ParseFile(c.files, name, c.fragment+"\n"+block, parser.SkipObjectResolution)
	if err != nil {
		source := c.fragment + "\nfunc _() error {\n" + block + "\nreturn nil\n}\n"
		if file, err = parser.ParseFile(c.files, name, source, parser.SkipObjectResolution); err != nil {
			return err
		}
	}
	var first error
	config := types.Config{Importer: c, Error: func(err error) {
		if fault, ok := err.(types.Error); (!ok || !fault.Soft) && first == nil {
			first = err
		}
	}}
	_, _ = config.Check(name, c.files, []*ast.File{file}, nil)
	return first
}

func TestGoBlocks_Compile(t *testing.T) {
	t.Parallel()
	c := newCompiler(t)
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "go" || b.norun != "" {
				continue
			}
			name := fmt.Sprintf("%s:%d", p.path, b.line)
			var err error
			if strings.HasPrefix(b.text, "package ") {
				_, err = c.check(name, b.text)
			} else {
				err = c.checkFragment(name, b.text)
			}
			assert.NoError(t, err, "the block at %s (the lines of the error count from testdata/fragment.go)", name)
		}
	}
	for _, block := range []string{
		"sub.Decode()", "sub, err := fleetdial.Subscribe(ctx, rdb)", "unknown.Call()", "if {", "func f() int {}",
	} {
		assert.Error(t, c.checkFragment("broken", block), block)
	}
	assert.NoError(t, c.checkFragment("sound", "opts, err := fleetdial.ParseURL(url)\nif err != nil {\nreturn err\n}"))
	_, err := c.check("broken", "package main\n\nimport \"os\"\n")
	assert.Error(t, err)
}
