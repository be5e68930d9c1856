package signin

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"time"
)

//go:embed page.html
var files embed.FS

var pageTemplate = template.Must(template.ParseFS(files, "page.html"))

// page is a page for somebody who is not signed in, or who wants to sign out.
type page struct {
	Base  string
	Title string
	// Error is why the request failed. Text says what to do next.
	Error string
	Text  []string
	// GoOn is the address of the page to which the browser goes on by itself.
	GoOn string
	// Form is one of "password", "link", "out" and "back", or empty.
	Form string
	// Name and Next are the values of the fields.
	Name, Next string
}

// write writes the page.
func (p page) write(w http.ResponseWriter, r *http.Request, status int) {
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, p); err != nil {
		http.Error(w, "the page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Form realm="fleetdial"`) // HTTP requires a scheme; browsers ignore this one
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(out.Bytes())
	}
}

// writeMethods answers a request whose method the path does not have.
func (cfg *Config) writeMethods(w http.ResponseWriter, r *http.Request, methods string) {
	w.Header().Set("Allow", methods)
	page{Base: cfg.BasePath, Title: "Not possible", Error: "This address accepts only " + methods + ".", Form: "back"}.
		write(w, r, http.StatusMethodNotAllowed)
}

// retryAfter sets the header for a client that has to wait, and returns the time in words.
func retryAfter(w http.ResponseWriter, wait time.Duration) string {
	seconds := int((wait + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	if seconds == 1 {
		return "1 second"
	}
	return strconv.Itoa(seconds) + " seconds"
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
