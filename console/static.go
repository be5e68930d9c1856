package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The files of htmx are those of htmx.org 2.0.11 on npm, unchanged: dist/htmx.min.js and LICENSE.
// The files of idiomorph are those of idiomorph 0.8.0 on npm: dist/idiomorph.min.js and LICENSE.
//
//go:embed static/*.css static/*.js static/*.svg
var staticFiles embed.FS

// staticFile is a file that a page loads.
type staticFile struct {
	contentType   string
	plain, gzip   []byte
	version, etag string
}

// loadStatic reads and compresses the files. An unreadable file is a fault of the build.
func loadStatic() (map[string]staticFile, error) {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, err
	}
	files := make(map[string]staticFile, len(entries))
	for _, entry := range entries {
		name := entry.Name()
		data, err := staticFiles.ReadFile("static/" + name)
		if err != nil {
			return nil, err
		}
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		_, _ = w.Write(data) // a bytes.Buffer takes everything
		_ = w.Close()
		sum := sha256.Sum256(data)
		version := hex.EncodeToString(sum[:6])
		files[name] = staticFile{
			contentType: mime.TypeByExtension(path.Ext(name)), plain: data, gzip: packed.Bytes(),
			version: version, etag: `"` + version + `"`,
		}
	}
	return files, nil
}

// acceptsGzip reports whether the sender of a request reads gzip.
func acceptsGzip(r *http.Request) bool {
	for encoding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(encoding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return weight == "" || err == nil && q > 0
		}
	}
	return false
}

// serveStatic serves a file. The URLs in pages name the version of the file, so that a browser
// keeps it for ever.
func (c *Console) serveStatic(w http.ResponseWriter, r *http.Request) {
	file, ok := c.static[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("ETag", file.etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == file.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == file.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := file.plain
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = file.gzip
	}
	_, _ = w.Write(body) // the browser may have gone
}
