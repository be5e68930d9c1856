package fleetdial

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/fleetdial/fleetdial"

// layer is what the packages under a folder may import besides the standard library.
type layer struct {
	// folders are those of this project, with everything below each. "." is the root
	// package alone.
	folders []string
	// libraries are the first parts of the paths of other modules. "*" is every library.
	libraries []string
}

var adapters = []string{"fleethttp", "fleetslog", "fleetotel", "fleetprom"}

// layers lists the arrows between the packages. Each package belongs to the longest
// folder that contains it.
var layers = map[string]layer{
	"internal/directive": {},
	"internal/store":     {folders: []string{"internal/directive"}},
	"internal/suggest":   {},
	"internal/wire": {
		folders: []string{"internal/suggest", "internal/directive"},
		libraries: []string{
			"github.com/vmihailenco/msgpack/", "github.com/go-json-experiment/json/", "go.yaml.in/yaml/",
		},
	},
	"internal/pace":      {},
	"internal/notify":    {},
	"internal/histogram": {},
	"internal/clock":     {folders: []string{"internal/store", "internal/directive"}},
	"internal/follow": {
		folders: []string{
			"internal/clock", "internal/histogram", "internal/pace", "internal/wire", "internal/store", "internal/directive",
		},
	},
	"internal/snapshot": {
		folders: []string{
			"internal/host", "internal/clock", "internal/pace", "internal/wire", "internal/store", "internal/directive",
		},
	},
	"internal/redisstore": {
		folders:   []string{"internal/wire", "internal/store", "internal/directive"},
		libraries: []string{"github.com/redis/go-redis/"},
	},
	"internal/host": {folders: []string{"internal/wire"}},
	"internal/report": {
		folders: []string{
			"internal/follow", "internal/redisstore", "internal/host", "internal/pace", "internal/wire", "internal/store",
			"internal/directive",
		},
	},
	"internal/redisurl": {folders: []string{"internal/suggest"}, libraries: []string{"github.com/redis/go-redis/"}},
	".": {
		folders: []string{
			"internal/report", "internal/follow", "internal/redisstore", "internal/redisurl", "internal/snapshot",
			"internal/host", "internal/histogram",
			"internal/clock", "internal/pace", "internal/notify", "internal/wire", "internal/store", "internal/directive",
		},
		libraries: []string{"github.com/redis/go-redis/"},
	},
	"fleethttp":         {folders: []string{"."}},
	"fleetslog":         {folders: []string{"."}},
	"fleetotel":         {folders: []string{"."}, libraries: []string{"go.opentelemetry.io/otel/"}},
	"fleetprom":         {folders: []string{"."}, libraries: []string{"github.com/prometheus/client_golang/"}},
	"internal/plain":    {folders: []string{"internal/suggest"}},
	"internal/overview": {folders: []string{"internal/plain", "."}},
	"internal/review":   {folders: []string{"internal/overview", "internal/plain", "."}},
	"console": {
		folders:   append([]string{"console/internal/live", "internal/review", "internal/overview", "internal/plain", "."}, adapters...),
		libraries: []string{"github.com/redis/go-redis/"},
	},
	"console/internal/live": {folders: []string{"."}, libraries: []string{"github.com/redis/go-redis/"}},
	"cmd": {
		folders: append([]string{
			".", "console", "examples", "cmd/internal", "internal/review", "internal/overview", "internal/plain", "internal/suggest",
			"internal/vectors",
		}, adapters...),
		libraries: []string{"*"},
	},
	"cmd/internal": {
		folders:   []string{".", "fleethttp", "internal/host", "internal/redisurl", "internal/suggest"},
		libraries: []string{"*"},
	},
	"examples": {folders: append([]string{"."}, adapters...), libraries: []string{"github.com/redis/go-redis/"}},
	// These have the test vectors of the protocol. internal/vectors uses nothing that they test.
	"internal/vectors": {},
	"spec/generate":    {folders: []string{"internal/vectors"}},
	// Only tests import these.
	"cmd/publish/internal/conformance/driver": {
		folders: []string{".", "internal/wire", "internal/directive"}, libraries: []string{"github.com/redis/go-redis/"},
	},
	"testutil": {
		folders:   []string{"internal/wire", "internal/store", "internal/directive"},
		libraries: []string{"github.com/redis/go-redis/"},
	},
	"internal/sim":       {},
	"internal/faulttest": {},
	"internal/doctest":   {},
	// integration/etcdstore is an example, and has only what authors of a store have.
	"integration": {folders: []string{"."}, libraries: []string{"go.etcd.io/etcd/"}},
}

// layerOf returns the longest folder in layers that contains a package.
func layerOf(pkg string) (folder string, ok bool) {
	for name := range layers {
		if contains(name, pkg) && len(name) > len(folder) {
			folder, ok = name, true
		}
	}
	return folder, ok
}

func contains(folder, pkg string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// mayImport reports whether a package may import a path.
func mayImport(pkg, imported string) bool {
	name, _ := layerOf(pkg)
	l := layers[name]
	if own, ok := projectPackage(imported); ok {
		// The parts of a command import each other.
		if root := path.Join(strings.SplitN(pkg+"/", "/", 3)[:2]...); contains("cmd", root) && contains(root, own) {
			return true
		}
		return slices.ContainsFunc(l.folders, func(folder string) bool { return contains(folder, own) })
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(l.libraries, func(library string) bool {
		return library == "*" || strings.HasPrefix(imported+"/", library)
	})
}

// projectPackage returns the folder of a package of this project.
func projectPackage(imported string) (folder string, ok bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// eachImport calls each for every import in every Go file of the project.
func eachImport(t *testing.T, each func(file, pkg, imported string)) {
	require.NoError(t, filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && name != "." && (name[0] == '.' || name == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		var parsed *ast.File
		parsed, err = parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			each(file, filepath.ToSlash(filepath.Dir(file)), imported)
		}
		return nil
	}))
}

func TestImports_PointDown(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	eachImport(t, func(file, pkg, imported string) {
		folder, ok := layerOf(pkg)
		require.True(t, ok, "package %s has no entry in layers", pkg)
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		seen[folder] = true
		assert.True(t, mayImport(pkg, imported), "%s imports %s", file, imported)
	})
	for _, folder := range []string{"internal/directive", "internal/follow", ".", "fleethttp", "cmd", "examples"} {
		assert.True(t, seen[folder], "the test found the files of %s", folder)
	}
}

func TestImports_OnlyTestsImportTestPackages(t *testing.T) {
	t.Parallel()
	users := 0
	eachImport(t, func(file, pkg, imported string) {
		own, _ := projectPackage(imported)
		switch {
		case contains("internal/sim", own), contains("internal/faulttest", own), contains("integration", own):
			assert.True(t, contains(own, pkg), "%s imports %s", file, imported)
		case contains("testutil", own), contains("cmd/publish/internal/conformance/driver", own),
			contains("cmd/internal/manual", own): // brings a library for man pages
			users++
			assert.True(t, strings.HasSuffix(file, "_test.go"), "%s imports %s", file, imported)
		}
	})
	assert.Positive(t, users)
}

// TestMayImport proves that the table forbids imports that point up.
func TestMayImport(t *testing.T) {
	t.Parallel()
	const redis, prometheus = "github.com/redis/go-redis/v9", "github.com/prometheus/client_golang/prometheus"
	for _, c := range []struct {
		pkg, imported string
		want          bool
	}{
		{"internal/directive", "time", true},
		{"internal/directive", module + "/internal/store", false},
		{"internal/directive", redis, false},
		{"internal/wire", module + "/internal/directive", true},
		{"internal/wire", module + "/internal/follow", false},
		{"internal/follow", module + "/internal/redisstore", false},
		{"internal/follow", redis, false},
		{"internal/redisstore", module + "/internal/follow", false},
		{"internal/redisstore", module, false},
		{"internal/redisstore", redis, true},
		{".", module + "/internal/redisstore", true},
		{".", module + "/internal/redisstores", false},
		{".", module + "/fleethttp", false},
		{".", prometheus, false},
		{"fleethttp", module + "/internal/wire", false},
		{"fleetprom", prometheus, true},
		{"fleetotel", prometheus, false},
		{"cmd/publish", module + "/cmd/publish/internal/tui", true},
		{"cmd/publish/internal/demo", module + "/cmd/publish/internal/tui", true},
		{"cmd/publish", module + "/cmd/proxy", false},
		{"cmd/proxy", module + "/internal/follow", false},
		{"cmd/proxy", module + "/internal/redisurl", false},
		{"cmd/proxy", module + "/cmd/internal/connection", true},
		{"cmd/internal/connection", module + "/cmd/publish", false},
		{"cmd/proxy", module + "/testutil", false},
		{"cmd/proxy", module + "/fleetprom", true},
		{"integration/etcdstore", "go.etcd.io/etcd/client/v3", true},
		{"integration/etcdstore", module + "/internal/wire", false},
		{"fleethttp", "go.etcd.io/etcd/client/v3", false},
		{"cmd/publish", module + "/internal/vectors", true},
		{".", module + "/spec", false},
		{".", module + "/console", false},
		{"console", module + "/cmd/publish", false},
		{"console", module + "/internal/review", true},
		{"internal/overview", module + "/internal/review", false},
		{"cmd/publish/internal/conformance", module + "/internal/wire", false},
		{"cmd/publish/internal/conformance/driver", module + "/internal/wire", true},
		{"spec/generate", module + "/internal/vectors", true},
		{"internal/vectors", module + "/internal/wire", false},
	} {
		assert.Equal(t, c.want, mayImport(c.pkg, c.imported), "%s imports %s", c.pkg, c.imported)
	}
}
