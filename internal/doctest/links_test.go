package doctest

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var links = []*regexp.Regexp{
	regexp.MustCompile(`\]\(\s*<?([^)\s>]+)`),
	regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]: *<?([^\s>]+)`),
	regexp.MustCompile(`<[^>]*\b(?:src|srcset|href)="([^"]+)"`),
}

// destinations returns the destinations of the links of a page.
func (p *page) destinations() []string {
	var all []string
	for _, link := range links {
		for _, found := range link.FindAllStringSubmatch(p.prose, -1) {
			all = append(all, found[1])
		}
	}
	return all
}

// fault returns the reason why the link is broken, or nothing. byPath holds the pages by
// their path.
func (p *page) fault(destination string, byPath map[string]page) string {
	u, err := url.Parse(destination)
	if err != nil {
		return err.Error()
	}
	if u.IsAbs() || u.Host != "" {
		return "" // of another site
	}
	target := p.path
	if u.Path != "" {
		target = path.Join(path.Dir(p.path), u.Path)
	}
	if strings.HasPrefix(u.Path, "/") || strings.HasPrefix(target, "../") {
		return "is not below the repository"
	}
	info, err := os.Stat(filepath.Join(root, target))
	if err != nil {
		return "no such file"
	}
	if u.Fragment == "" {
		return ""
	}
	to, isPage := byPath[target]
	if info.IsDir() || isPage && !to.anchors[u.Fragment] {
		return "no such anchor"
	}
	return ""
}

func TestLinks_LeadToFilesAndHeadings(t *testing.T) {
	t.Parallel()
	all := pages(t)
	byPath := make(map[string]page)
	for _, p := range all {
		byPath[p.path] = p
	}
	followed := 0
	for _, p := range all {
		for _, destination := range p.destinations() {
			assert.Empty(t, p.fault(destination, byPath), "%s: link %s", p.path, destination)
			followed++
		}
	}
	assert.Greater(t, followed, 20)
}

func TestLinks_BrokenAreFound(t *testing.T) {
	t.Parallel()
	p := parse("docs/a.md", "# Here\n[a](b.md) ![c](d.svg \"e\") [![f](g)](h)\n[i]: j.md\n<img src=\"k.svg\">\n`[no](no)`\n")
	assert.Equal(t, []string{"b.md", "d.svg", "g", "h", "j.md", "k.svg"}, p.destinations())
	byPath := map[string]page{"docs/a.md": p, "LICENSE": {}}
	for destination, want := range map[string]string{
		"https://example.com/x": "", "mailto:a@example.com": "", "../LICENSE": "", "#here": "", "../internal/": "", "../go.mod#L3": "",
		"missing.md": "no such file", "#there": "no such anchor", "../LICENSE#x": "no such anchor", "../internal#x": "no such anchor",
		"../../x": "is not below the repository", "/LICENSE": "is not below the repository",
	} {
		// docs/a.md is not a file. A link to itself needs one.
		if strings.HasPrefix(destination, "#") {
			q := p
			q.path = "README.md"
			assert.Equal(t, want, q.fault(destination, map[string]page{"README.md": p}), destination)
			continue
		}
		assert.Equal(t, want, p.fault(destination, byPath), destination)
	}
}
