package console_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func gzipped(req *http.Request) { req.Header.Set("Accept-Encoding", "gzip, deflate, br") }

func unzip(t testing.TB, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(plain)
}

// assets returns the paths of the files that a page loads.
func assets(page answer) (paths []string) {
	for _, found := range regexp.MustCompile(`(?:src|href)="/console/(static/[^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		paths = append(paths, found[1])
	}
	return paths
}

func TestStatic_KeptByBrowsers(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	files := assets(r.get("f/default/"))
	require.Len(t, files, 5)
	for _, file := range files {
		packed, plain := r.do("GET", file, nil, gzipped), r.get(file)
		require.Equal(t, http.StatusOK, packed.status, file)
		assert.Equal(t, "gzip", packed.header.Get("Content-Encoding"), file)
		assert.Empty(t, plain.header.Get("Content-Encoding"), file)
		assert.Equal(t, plain.body, unzip(t, packed.body), file)
		assert.Equal(t, "public, max-age=31536000, immutable", packed.header.Get("Cache-Control"), file)
		assert.Equal(t, "Accept-Encoding", packed.header.Get("Vary"), file)
		assert.Regexp(t, `^text/(css|javascript)|^image/svg\+xml`, packed.header.Get("Content-Type"), file)
		tag := packed.header.Get("ETag")
		assert.NotEmpty(t, tag, file)
		again := r.do("GET", file, nil, func(req *http.Request) { req.Header.Set("If-None-Match", tag) })
		assert.Equal(t, http.StatusNotModified, again.status, file)
		assert.Empty(t, again.body, file)
		// Without the version of the file, the browser asks each time.
		name, _, _ := strings.Cut(file, "?")
		assert.Equal(t, "no-cache", r.get(name).header.Get("Cache-Control"), file)
		assert.Equal(t, "no-cache", r.get(name+"?v=other").header.Get("Cache-Control"), file)
	}
	for _, name := range []string{"static/", "static/htmx.LICENSE", "static/..%2fconsole.go", "static/templates"} {
		assert.Equal(t, http.StatusNotFound, r.get(name).status, name)
	}
}

func TestStatic_FirstPageIsSmall(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	page := r.do("GET", "f/default/", nil, gzipped)
	assert.Equal(t, "gzip", page.header.Get("Content-Encoding"))
	assert.Equal(t, "Accept-Encoding", page.header.Get("Vary"))
	bytes := len(page.body)
	for _, file := range assets(r.get("f/default/")) {
		bytes += len(r.do("GET", file, nil, gzipped).body)
	}
	t.Logf("the first page takes %d bytes, with all of its files", bytes)
	assert.Less(t, bytes, 60_000)
}

func TestPages_Compressed(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for encodings, want := range map[string]string{
		"": "", "br": "", "gzip": "gzip", "gzip;q=0": "", "deflate, gzip;q=0.5": "gzip", "x-gzip-not": "", "GZIP": "gzip", "*": "",
	} {
		a := r.do("GET", "f/default/explain", nil, func(req *http.Request) { req.Header.Set("Accept-Encoding", encodings) })
		assert.Equal(t, want, a.header.Get("Content-Encoding"), encodings)
		body := a.body
		if want == "gzip" {
			body = unzip(t, body)
		}
		assert.Contains(t, body, "<h1>Explain</h1>", encodings)
		a = r.do("GET", "static/console.css", nil, func(req *http.Request) { req.Header.Set("Accept-Encoding", encodings) })
		assert.Equal(t, want, a.header.Get("Content-Encoding"), encodings)
	}
}
