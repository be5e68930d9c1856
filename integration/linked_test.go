package integration_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dependencies is the page that lists what the programs link.
const dependencies = "../docs/dependencies.md"

// TestLinked_Modules compares the modules that an embedder, publish and proxy link, and the
// licences of these modules, with the table in docs/dependencies.md.
func TestLinked_Modules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", dir, "./cmd/publish", "./cmd/proxy")
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "go build: %s", out)

	linked := make(map[string][3]string) // module → columns
	for column, program := range []string{embedder(t), filepath.Join(dir, "publish"), filepath.Join(dir, "proxy")} {
		for _, module := range modulesOf(t, program) {
			columns := linked[module]
			columns[column] = "yes"
			linked[module] = columns
		}
	}
	licences := licencesOf(t, slices.Collect(maps.Keys(linked)))
	var want []string
	for module, columns := range linked {
		want = append(want, fmt.Sprintf("| %s | %s | %s | %s | %s |", module, licences[module], columns[0], columns[1], columns[2]))
	}
	slices.Sort(want)
	assert.Equal(t, strings.Join(want, "\n"), strings.Join(rows(t, "## Linked modules"), "\n"))
}

// TestLinked_DirectDependencies checks that docs/dependencies.md names each direct dependency
// of the module, with its licence.
func TestLinked_DirectDependencies(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	list.Dir = ".."
	out, err := list.Output()
	require.NoError(t, err)
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	var direct, want, got []string
	for _, each := range mod.Require {
		if !each.Indirect {
			direct = append(direct, each.Path)
		}
	}
	for module, licence := range licencesOf(t, direct) {
		want = append(want, module+" "+licence)
	}
	for _, row := range rows(t, "## Direct dependencies") {
		cells := strings.Split(row, "|")
		require.Len(t, cells, 4, row)
		got = append(got, strings.TrimSpace(cells[1])+" "+strings.TrimSpace(cells[2]))
	}
	assert.ElementsMatch(t, want, got)
}

// TestLinked_NoYAMLParser checks that a program that embeds fleetdial has no parser of YAML. It
// has the variables of the YAML library, because Go links the initialization of each package
// that is imported.
func TestLinked_NoYAMLParser(t *testing.T) {
	t.Parallel()
	file, err := elf.Open(embedder(t))
	require.NoError(t, err)
	defer file.Close()
	symbols, err := file.Symbols()
	require.NoError(t, err)
	assert.Greater(t, len(symbols), 1000)
	for _, symbol := range symbols {
		for _, name := range []string{"yaml/v4/internal/libyaml.(*Parser)", "yaml/v4.(*Decoder)", "internal/wire.readYAML"} {
			assert.NotContains(t, symbol.Name, name)
		}
	}
}

// embedder builds testdata/embedder, and returns the program.
func embedder(t *testing.T) string {
	t.Helper()
	sources, err := filepath.Abs("..")
	require.NoError(t, err)
	return buildProgram(t, sources, "embedder")
}

// modulesOf returns the modules that a program links, except fleetdial.
func modulesOf(t *testing.T, program string) (modules []string) {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	for _, module := range info.Deps {
		if module.Path != "github.com/fleetdial/fleetdial" {
			modules = append(modules, module.Path)
		}
	}
	require.NotEmpty(t, modules)
	return modules
}

// licences are sentences of licences, the ones with more conditions first.
var licences = []struct{ name, sentence string }{
	{"Apache-2.0", "Apache License"},
	{"MPL-2.0", "Mozilla Public License"},
	{"BSD-3-Clause", "may be used to endorse or promote products"},
	{"BSD-2-Clause", "Redistributions in binary form must reproduce"},
	{"MIT", "Permission is hereby granted, free of charge"},
}

// licencesOf returns the licences of modules, from the files of their folders.
func licencesOf(t *testing.T, modules []string) map[string]string {
	t.Helper()
	download := exec.CommandContext(t.Context(), "go", append([]string{"mod", "download", "-json"}, modules...)...)
	download.Dir = ".."
	out, err := download.Output()
	require.NoError(t, err, "%s", out)
	found := make(map[string]string)
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var module struct{ Path, Dir string }
		require.NoError(t, decoder.Decode(&module))
		found[module.Path] = licenceIn(t, module.Dir)
	}
	return found
}

func licenceIn(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
	require.NoError(t, err)
	var all string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all += strings.Join(strings.Fields(string(text)), " ")
	}
	var found []string
	for _, licence := range licences {
		if strings.Contains(all, licence.sentence) && !(licence.name == "BSD-2-Clause" && slices.Contains(found, "BSD-3-Clause")) {
			found = append(found, licence.name)
		}
	}
	require.NotEmpty(t, found, "the licence in %s", dir)
	return strings.Join(found, ", ")
}

// rows returns the rows of the table below a heading of docs/dependencies.md.
func rows(t *testing.T, heading string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(dependencies)
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, ok, "%s has %q", dependencies, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, ".") { // not the head
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
