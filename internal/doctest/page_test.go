package doctest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// root is the directory of the repository.
const root = "../.."

// page is a Markdown file.
type page struct {
	path   string // from the root
	blocks []block
	// prose is the text without blocks and without code in lines.
	prose string
	// anchors are the anchors of the headings, and of elements with an id.
	anchors map[string]bool
}

// block is a fenced block.
type block struct {
	line     int
	language string
	// norun is the reason why the block is not run.
	norun string
	text  string
}

// pages reads all Markdown files of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(file) != ".md" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		path, err := filepath.Rel(root, file)
		all = append(all, parse(filepath.ToSlash(path), string(text)))
		return err
	}))
	require.NotEmpty(t, all)
	return all
}

var (
	fence      = regexp.MustCompile("^ {0,3}(```+)([^`]*)$")
	heading    = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	inlineCode = regexp.MustCompile("`+[^`]*`+")
	elementID  = regexp.MustCompile(`<[^>]*\b(?:id|name)="([^"]+)"`)
	linkText   = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	notInSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// parse splits a page.
func parse(path, text string) page {
	p := page{path: path, anchors: make(map[string]bool)}
	var prose strings.Builder
	var open *block
	var ticks string
	for i, line := range strings.Split(text, "\n") {
		found := fence.FindStringSubmatch(line)
		switch {
		case open == nil && found != nil:
			language, rest, _ := strings.Cut(strings.TrimSpace(found[2]), " ")
			_, reason, _ := strings.Cut(rest, "norun:")
			open, ticks = &block{line: i + 1, language: language, norun: strings.TrimSpace(reason)}, found[1]
		case open != nil && strings.TrimSpace(line) == ticks:
			p.blocks, open = append(p.blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		default:
			if h := heading.FindStringSubmatch(line); h != nil {
				p.addHeading(h[1])
			}
			prose.WriteString(inlineCode.ReplaceAllString(line, "") + "\n")
		}
	}
	p.prose = prose.String()
	for _, id := range elementID.FindAllStringSubmatch(p.prose, -1) {
		p.anchors[id[1]] = true
	}
	if open != nil {
		open.language = "a block that does not end"
		p.blocks = append(p.blocks, *open)
	}
	return p
}

// addHeading adds the anchor that GitHub gives to a heading.
func (p *page) addHeading(text string) {
	text = linkText.ReplaceAllString(text, "$1")
	slug := strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
	unique := slug
	for n := 1; p.anchors[unique]; n++ {
		unique = slug + "-" + string(rune('0'+n))
	}
	p.anchors[unique] = true
}

// TestBlocks_NameLanguage checks that each block has a language, so that each is tested as
// such.
func TestBlocks_NameLanguage(t *testing.T) {
	t.Parallel()
	languages := map[string]bool{"go": true, "sh": true, "console": true, "json": true, "yaml": true, "text": true}
	seen := make(map[string]bool)
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			assert.True(t, languages[b.language], "%s:%d: language %q: must be go, sh, console, json, yaml or text", p.path, b.line, b.language)
			seen[b.language] = true
		}
	}
	assert.True(t, seen["go"] && seen["sh"], "the test found the blocks")
}

func TestParse_FindsBlocksAndHeadings(t *testing.T) {
	t.Parallel()
	p := parse("a.md", "# One `two`: [three](x)\n\n```sh norun: takes hours\nmake\n# no heading\n```\n\n## One two three\n"+
		"## One two three\n<a id=\"four\">`[code](y)` [z](z)\n```go\n")
	assert.Equal(t, map[string]bool{"one-two-three": true, "one-two-three-1": true, "one-two-three-2": true, "four": true}, p.anchors)
	require.Len(t, p.blocks, 2)
	assert.Equal(t, block{line: 3, language: "sh", norun: "takes hours", text: "make\n# no heading\n"}, p.blocks[0])
	assert.Equal(t, "a block that does not end", p.blocks[1].language)
	assert.NotContains(t, p.prose, "code")
}
