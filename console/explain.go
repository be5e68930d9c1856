package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// explainForm is the form that describes a request, and the set that decides on it.
type explainForm struct {
	Tenant, Index, Principal, Endpoint, ID string
	Method, Path, Headers                  string
	Version, Instance, Body                string
}

// explainData is what the page that explains a decision shows.
type explainData struct {
	Form        explainForm
	Endpoints   []string
	Classifies  bool // the console can read a method, a path and headers
	Error       string
	Faults      []string
	Explained   bool
	Request     string
	Of          string // which set decides
	Perspective string
	Decision    string
	Rows        []groundRow
	Pager       pager
	Command     string
}

// groundRow is a directive with the reason why it applies or not.
type groundRow struct {
	fleetdial.Ground
	Applies, Why string
}

// serveExplain shows the decision on a request, with the reason for each directive.
func (c *Console) serveExplain(w http.ResponseWriter, r *http.Request, p *page) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		return badRequest("the form cannot be read: " + err.Error())
	}
	data := explainData{Form: readExplainForm(r.Form), Classifies: c.cfg.Classify != nil}
	for endpoint := fleetdial.IngestDoc; endpoint <= fleetdial.Unknown; endpoint++ {
		data.Endpoints = append(data.Endpoints, endpoint.String())
	}
	status := http.StatusOK
	if r.Form.Has("explain") {
		err := c.explain(r.Context(), p, &data)
		if _, ok := errors.AsType[*statusError](err); !ok && err != nil && !errors.Is(err, fleetdial.ErrNotInHistory) {
			return err
		} else if err != nil {
			data.Error, status = err.Error(), statusOf(err)
		}
	}
	p.Data = data
	c.render(w, status, "explain", p)
	return nil
}

func readExplainForm(form url.Values) explainForm {
	return explainForm{
		Tenant: form.Get("tenant"), Index: form.Get("index"), Principal: form.Get("principal"), Endpoint: form.Get("endpoint"),
		ID: form.Get("id"), Method: cmp.Or(form.Get("method"), http.MethodGet), Path: form.Get("path"), Headers: form.Get("headers"),
		Version: form.Get("version"), Instance: form.Get("instance"), Body: form.Get("body"),
	}
}

// explain evaluates the set for the request of the form.
func (c *Console) explain(ctx context.Context, p *page, data *explainData) error {
	ctx, cancel := context.WithTimeout(ctx, redisTime)
	defer cancel()
	req, err := c.requestOf(&data.Form)
	if err != nil {
		return err
	}
	set, err := c.setOf(ctx, p, data)
	if err != nil || len(data.Faults) > 0 {
		return err
	}
	view, err := perspectiveOf(p, data.Form.Instance)
	if err != nil {
		return err
	}
	e := view.Explain(set, req, p.Now)
	data.Explained, data.Request = true, review.RequestText(req)
	if view.Instance != "" {
		data.Perspective = view.Text()
	}
	data.Decision = strings.TrimPrefix(review.DecisionText(e, review.DecisionShares(e, req.ID != ""), req.ID), "decision: ")
	slices.SortStableFunc(e.Directives, func(a, b fleetdial.Ground) int {
		return cmp.Compare(groundRank(a), groundRank(b))
	})
	shown, pager := paged(p, e.Directives)
	for _, g := range shown {
		data.Rows = append(data.Rows, groundRow{g, review.Applies(g, req.ID), review.WhyNot(view, g, e.Bucket, req.ID, p.Now)})
	}
	data.Pager = pager
	data.Command = c.commandLine(p, explainCommand(&data.Form))
	return nil
}

// groundRank orders the directives: those that apply first, then those that would for another
// request id, instance or time.
func groundRank(g fleetdial.Ground) int {
	switch {
	case g.Applies:
		return 0
	case review.Matches(g):
		return 1
	case len(g.Differs) == 0:
		return 2
	}
	return 2 + len(g.Differs)
}

// requestOf returns the request of the form: its fields, and those that the proxy finds in its
// method, path and headers.
func (c *Console) requestOf(f *explainForm) (req fleetdial.Request, err error) {
	req.Endpoint = fleetdial.Unknown
	if c.cfg.Classify != nil && (f.Path != "" || strings.TrimSpace(f.Headers) != "") {
		if req, err = c.classified(f); err != nil {
			return req, err
		}
	}
	for _, field := range []struct {
		value string
		to    *string
	}{{f.Tenant, &req.Tenant}, {f.Index, &req.Index}, {f.Principal, &req.Principal}, {f.ID, &req.ID}} {
		if field.value != "" {
			*field.to = field.value
		}
	}
	if f.Endpoint != "" {
		if req.Endpoint, err = fleetdial.ParseEndpoint(f.Endpoint); err != nil {
			return req, badRequest("endpoint: " + err.Error())
		}
	}
	return req, nil
}

func (c *Console) classified(f *explainForm) (req fleetdial.Request, err error) {
	r := &http.Request{Method: f.Method, URL: &url.URL{Path: "/"}, Header: make(http.Header)}
	if f.Path != "" {
		if r.URL, err = url.ParseRequestURI(f.Path); err != nil || !strings.HasPrefix(f.Path, "/") {
			return req, badRequest("path " + plain.Printable(f.Path) + ": must be the path of a URL, such as /orders/_search")
		}
	}
	for _, line := range fields(f.Headers) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.TrimSpace(name) != name {
			return req, badRequest("headers: each line must be NAME: VALUE, such as X-Tenant: acme")
		}
		r.Header.Add(name, strings.TrimSpace(value))
	}
	req = c.cfg.Classify(r)
	if f.Path == "" {
		req.Endpoint, req.Index = fleetdial.Unknown, ""
	}
	req.ID, _ = fleethttp.RequestID(r.Header)
	return req, nil
}

// setOf returns the set of the form: that of a body, of an older version or the current one.
func (c *Console) setOf(ctx context.Context, p *page, data *explainData) (*fleetdial.Set, error) {
	if body := data.Form.Body; strings.TrimSpace(body) != "" {
		opts := fleetdial.ParseOptions{MaxTTL: c.cfg.MaxTTL, YAML: !strings.HasPrefix(strings.TrimSpace(body), "{")}
		set, err := fleetdial.ParseSetWith([]byte(body), p.Now, opts)
		if err != nil {
			data.Faults = bodyFaults([]byte(body), p.Now, opts, err)
			return nil, nil
		}
		data.Of = "the draft"
		return set, nil
	}
	rev, err := c.revision(ctx, p, data.Form.Version)
	if err != nil {
		return nil, err
	}
	data.Of = "version " + data.Form.Version
	if data.Form.Version == "" {
		data.Of = "the current revision"
	}
	return rev.Set, nil
}

// perspectiveOf returns the perspective of an instance in the roster, that of no instance for an
// empty name.
func perspectiveOf(p *page, name string) (view review.Perspective, err error) {
	if name == "" || p.State == nil {
		return view, nil
	}
	instances := p.State.Roster.Instances
	i := slices.IndexFunc(instances, func(in fleetdial.Instance) bool { return in.Name == name })
	if i < 0 {
		names := make([]string, len(instances))
		for i := range instances {
			names[i] = instances[i].Name
		}
		return view, badRequest("instance " + plain.Printable(name) + ": not in the roster" + plain.Hint(name, names))
	}
	report := instances[i].Report
	if report == nil {
		return view, badRequest("instance " + plain.Printable(name) + ": its labels are not known, because its report cannot be read")
	}
	return review.Perspective{Instance: name, Name: report.ConfiguredName(), Labels: report.Labels}, nil
}

func explainCommand(f *explainForm) string {
	words := []string{"publish explain"}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, "--"+flag+" "+plain.ShellWord(value))
		}
	}
	if strings.TrimSpace(f.Body) != "" {
		words = append(words, "-f directives.yaml")
	}
	add("tenant", f.Tenant)
	add("index", f.Index)
	add("principal", f.Principal)
	add("endpoint", f.Endpoint)
	add("request-id", f.ID)
	if f.Path != "" && f.Method != http.MethodGet {
		add("method", f.Method)
	}
	add("path", f.Path)
	for _, line := range fields(f.Headers) {
		add("header", line)
	}
	add("instance", f.Instance)
	return strings.Join(words, " ")
}
