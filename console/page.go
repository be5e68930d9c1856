package console

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console/internal/live"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

//go:embed templates/*.html
var templateFiles embed.FS

// page is what the layout shows. The template of a page finds its own data in Data.
type page struct {
	console *Console
	request *http.Request

	// Title is the heading. Nav is the entry of the navigation that is current.
	Title, Nav string
	Fleet      string
	User       User
	// SignedIn says that the user can sign out. MayPublish says that the user may change fleets.
	SignedIn, MayPublish bool
	// State is the newest state of the fleet, nil if Redis has never answered.
	State *live.State
	// Problem is why the state is not the newest, or why there is none.
	Problem string
	Now     time.Time
	Data    any

	isLive bool
}

// IsLive says that the page follows the fleet: a reload of its address shows the same page.
func (p *page) IsLive() bool { return p.isLive && p.request.Method == http.MethodGet }

// barePage returns a page of the first fleet, without its state.
func (c *Console) barePage(r *http.Request) *page {
	return &page{
		console: c, request: r, Fleet: c.cfg.Fleet, User: userOf(r), SignedIn: c.cfg.SignIn != nil,
		MayPublish: c.mayPublish(r), Now: time.Now(),
	}
}

// newPage returns a page with the newest state of its fleet. Its error is that of a fleet's
// name that is not valid.
func (c *Console) newPage(r *http.Request, nav, title string) (*page, error) {
	p := c.barePage(r)
	p.Title, p.Nav, p.Fleet = title, nav, segment(r, "fleet")
	if _, err := c.cfg.publisher(p.Fleet, ""); err != nil {
		return nil, badRequest(fmt.Sprintf("fleet %s: must be 1 to 64 letters, digits, dots, underscores and dashes", plain.Quoted(p.Fleet)))
	}
	p.isLive = true
	ctx, cancel := context.WithTimeout(r.Context(), redisTime)
	defer cancel()
	state, err := c.hub.State(ctx, p.Fleet)
	switch {
	case state == nil && isUnavailable(err):
		p.Problem = "The fleet cannot be read, and this console has not read it before: " + err.Error()
	case err != nil:
		return nil, err
	case state.Err != nil:
		p.State, p.Now = state, state.Now(time.Now())
		p.Problem = fmt.Sprintf("The fleet cannot be read: %v. This is the last known state, read %s ago.",
			state.Err, plain.Age(time.Since(state.ReadAt)))
	default:
		p.State, p.Now = state, state.Now(time.Now())
	}
	return p, nil
}

// redisTime limits what one request of a browser waits for Redis.
const redisTime = 5 * time.Second

func isUnavailable(err error) bool {
	return errors.Is(err, fleetdial.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// Root returns the URL of a path below the base path.
func (p *page) Root(name string) string { return p.console.cfg.BasePath + name }

// URL returns the URL of a page of the fleet. Each part is one segment of the path.
func (p *page) URL(parts ...string) string {
	segments := make([]string, len(parts))
	for i, part := range parts {
		segments[i] = escapeSegment(part)
	}
	return p.Root("f/" + escapeSegment(p.Fleet) + "/" + strings.Join(segments, "/"))
}

// escapeSegment returns a name as a segment of a path. Browsers remove the segments "." and ".."
// from a path, also if they are escaped, and an empty segment ends it. A tilde before these names
// prevents that.
func escapeSegment(name string) string {
	if name == "" || name == "." || name == ".." || name[0] == '~' {
		name = "~" + name
	}
	return url.PathEscape(name)
}

// segment returns the name that a segment of the path of a request stands for.
func segment(r *http.Request, wildcard string) string {
	return strings.TrimPrefix(r.PathValue(wildcard), "~")
}

// Asset returns the URL of a static file.
func (p *page) Asset(name string) string {
	return p.Root("static/" + name + "?v=" + p.console.static[name].version)
}

// With returns the URL of this page with another value of a query parameter. An empty value removes
// the parameter. The page of a list begins again.
func (p *page) With(name, value string) string {
	query := p.request.URL.Query()
	if name != "page" {
		query.Del("page")
	}
	if query.Set(name, value); value == "" {
		query.Del(name)
	}
	if len(query) == 0 {
		return p.request.URL.EscapedPath()
	}
	return p.request.URL.EscapedPath() + "?" + query.Encode()
}

// Query returns a query parameter of this page.
func (p *page) Query(name string) string { return p.request.URL.Query().Get(name) }

// Method is the method of the request that the page answers.
func (p *page) Method() string { return p.request.Method }

// Methods are the methods of requests to a proxy.
func (p *page) Methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead}
}

// WithDraft says that the page takes a draft of a set.
func (p *page) WithDraft() bool { return p.Query("with") == "draft" || p.Method() == http.MethodPost }

// FleetPattern is the pattern of an input that must repeat the name of the fleet.
func (p *page) FleetPattern() string { return regexp.QuoteMeta(p.Fleet) }

// StateID names the state that the page shows.
func (p *page) StateID() string {
	if p.State == nil {
		return ""
	}
	return p.State.ID
}

// InForce returns the current revision, nil if there is none or if it is not known.
func (p *page) InForce() *fleetdial.Revision {
	if p.State == nil || p.State.RevisionErr != nil {
		return nil
	}
	return &p.State.Revision
}

// NoRevision says why there is no current revision.
func (p *page) NoRevision() string {
	switch {
	case p.State == nil:
		return ""
	case errors.Is(p.State.RevisionErr, fleetdial.ErrNoRevision):
		return "The fleet has no current revision. Nothing has been published, or the key was removed: " +
			"instances keep the directives that they have until these end."
	case p.State.RevisionErr != nil:
		return "The current revision cannot be read, and instances keep their last valid set: " + p.State.RevisionErr.Error()
	}
	return ""
}

// templateFuncs are the functions of all templates.
var templateFuncs = template.FuncMap{
	"text": plain.Printable, "message": plain.PrintableLines, "cell": plain.Cell, "word": plain.Word, "count": plain.Count,
	"age": plain.Age, "rate": plain.Rate,
	"sample": plain.Sample, "time": plain.Time, "targets": review.Targets, "instances": review.Instances, "describe": review.Describe,
	"labels": overview.Labels, "differences": review.Differences, "fieldChanges": review.FieldChanges, "join": strings.Join,
	"millis": func(t time.Time) int64 { return t.UnixMilli() }, "shape": stateShape, "lower": strings.ToLower,
	"left":  timeLeft,
	"first": first, "more": more, "line": lineChart, "histogram": histogram,
}

// timeLeft formats the time until the end of a directive, as the script of the page does.
func timeLeft(at, now time.Time) string {
	if !at.After(now) {
		return "ended"
	}
	return plain.Age(at.Sub(now))
}

// first returns the first elements of a list, at most n, and more returns how many others there
// are. The list is of any type of slice.
func first(n int, list any) any {
	v := reflect.ValueOf(list)
	return v.Slice(0, min(n, v.Len())).Interface()
}

func more(n int, list any) int { return max(0, reflect.ValueOf(list).Len()-n) }

// stateShape returns the shape of a state, so that its colour is not needed to tell it.
func stateShape(state fleetdial.InstanceState) string {
	switch state {
	case fleetdial.InstanceSynced:
		return "●"
	case fleetdial.InstancePending:
		return "◐"
	case fleetdial.InstanceStale:
		return "▲"
	case fleetdial.InstanceRejected:
		return "✖"
	case fleetdial.InstanceNever:
		return "○"
	}
	return "◌"
}

// loadTemplates parses the template of each page together with the layout.
func loadTemplates() (map[string]*template.Template, error) {
	layout, err := template.New("layout.html").Funcs(templateFuncs).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	templates := make(map[string]*template.Template)
	for _, entry := range entries {
		name := entry.Name()
		if name == "layout.html" || name == "parts.html" {
			continue
		}
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, "templates/"+name)
		}
		if err != nil {
			return nil, err
		}
		templates[strings.TrimSuffix(name, ".html")] = t
	}
	return templates, nil
}

// render writes a page.
func (c *Console) render(w http.ResponseWriter, status int, name string, p *page) {
	var out bytes.Buffer
	if err := c.templates[name].ExecuteTemplate(&out, "layout.html", p); err != nil {
		c.cfg.Logger.Error("page not rendered", "page", name, "error", err)
		http.Error(w, "the console cannot show this page: a fault of the console, which its log describes", http.StatusInternalServerError)
		return
	}
	if status == http.StatusOK && p.State == nil && p.Problem != "" {
		status = http.StatusServiceUnavailable
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	body := out.Bytes()
	if acceptsGzip(p.request) {
		var packed bytes.Buffer
		gz, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is valid
		_, _ = gz.Write(body)                                 // a bytes.Buffer takes everything
		_ = gz.Close()
		h.Set("Content-Encoding", "gzip")
		body = packed.Bytes()
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the browser may have gone
}

// pageHandler adapts a function that answers with a page or an error.
func (c *Console) pageHandler(nav, title string, serve func(w http.ResponseWriter, r *http.Request, p *page) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := c.newPage(r, nav, title)
		if err == nil {
			err = serve(w, r, p)
		}
		if err != nil {
			c.fail(w, r, p, err)
		}
	}
}
