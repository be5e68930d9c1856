package fleetdial

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parsePackage returns the non-test files of a folder.
func parsePackage(t testing.TB, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		files = append(files, parseFile(t, path, string(text)))
	}
	require.NotEmpty(t, files, dir)
	return files
}

func parseFile(t testing.TB, name, text string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
	require.NoError(t, err)
	return file
}

// typeDecl is a type as a package declares it, or as a doc comment shows it.
type typeDecl struct {
	underlying ast.Expr
	doc        *ast.CommentGroup
	methods    []*ast.FuncDecl
}

// typesIn returns the types that files declare, by their names.
func typesIn(files []*ast.File) map[string]*typeDecl {
	out := make(map[string]*typeDecl)
	get := func(name string) *typeDecl {
		if out[name] == nil {
			out[name] = &typeDecl{}
		}
		return out[name]
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv != nil {
					receiver := strings.TrimPrefix(types.ExprString(decl.Recv.List[0].Type), "*")
					get(receiver).methods = append(get(receiver).methods, decl)
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok {
						get(spec.Name.Name).underlying = spec.Type
						get(spec.Name.Name).doc = decl.Doc
					}
				}
			}
		}
	}
	return out
}

// describe returns one line for each exported field and method of a type. The qualifiers
// of internal packages are left out, because the root has aliases of the same names.
func describe(d *typeDecl, qualifiers *strings.Replacer) (lines []string) {
	text := func(e ast.Expr) string { return qualifiers.Replace(types.ExprString(e)) }
	list := func(fields *ast.FieldList) string {
		var all []string
		for _, f := range fieldsOf(fields) {
			all = append(all, text(f.Type))
		}
		return "(" + strings.Join(all, ", ") + ")"
	}
	switch underlying := d.underlying.(type) {
	case *ast.StructType:
		for _, f := range fieldsOf(underlying.Fields) {
			for _, name := range f.Names {
				if name.IsExported() {
					lines = append(lines, "field "+name.Name+" "+text(f.Type))
				}
			}
		}
	case *ast.InterfaceType:
		for _, f := range fieldsOf(underlying.Methods) {
			for _, name := range f.Names {
				lines = append(lines, "method "+name.Name+text(f.Type))
			}
		}
	default:
		lines = append(lines, "type "+text(underlying))
	}
	for _, m := range d.methods {
		if m.Name.IsExported() {
			receiver := text(m.Recv.List[0].Type)
			lines = append(lines, "func ("+receiver+") "+m.Name.Name+list(m.Type.Params)+list(m.Type.Results))
		}
	}
	return lines
}

// fieldsOf returns one field for each name in a list, and the fields without names.
func fieldsOf(list *ast.FieldList) (fields []*ast.Field) {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		if len(f.Names) == 0 {
			fields = append(fields, f)
		}
		for _, name := range f.Names {
			fields = append(fields, &ast.Field{Names: []*ast.Ident{name}, Type: f.Type})
		}
	}
	return fields
}

// codeBlock returns the indented lines of a doc comment.
func codeBlock(doc *ast.CommentGroup) string {
	var block strings.Builder
	for line := range strings.Lines(doc.Text()) {
		if strings.HasPrefix(line, "\t") {
			block.WriteString(line)
		}
	}
	return block.String()
}

// TestAlias_DocCommentShowsType holds the code block in the doc comment of each alias to
// the type, because the documentation of the root does not show the fields of an alias.
func TestAlias_DocCommentShowsType(t *testing.T) {
	t.Parallel()
	declared := make(map[string]map[string]*typeDecl)
	var qualifiers []string
	dirs, err := filepath.Glob(filepath.Join("internal", "*"))
	require.NoError(t, err)
	for _, dir := range dirs {
		pkg := filepath.Base(dir)
		declared[pkg] = typesIn(parsePackage(t, dir))
		qualifiers = append(qualifiers, pkg+".", "")
	}
	unqualified := strings.NewReplacer(qualifiers...)
	aliases := 0
	for name, root := range typesIn(parsePackage(t, ".")) {
		selector, ok := root.underlying.(*ast.SelectorExpr)
		if !ok || !ast.IsExported(name) {
			continue
		}
		aliases++
		t.Run(name, func(t *testing.T) {
			require.Equal(t, name, selector.Sel.Name, "an alias has the name of its type")
			pkg := types.ExprString(selector.X)
			want := declared[pkg][name]
			require.NotNil(t, want, "package %s declares no %s", pkg, name)
			shown := typesIn([]*ast.File{parseFile(t, name, "package p\n"+codeBlock(root.doc))})[name]
			require.NotNil(t, shown, "the doc comment shows no type %s", name)
			assert.ElementsMatch(t, describe(want, unqualified), describe(shown, unqualified))
		})
	}
	require.GreaterOrEqual(t, aliases, 20, "the test found the aliases")
}
