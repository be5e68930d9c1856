package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// publishData is what the page with the forms of a publish shows.
type publishData struct {
	Form      directiveForm
	Levels    []string
	Endpoints []string
	Names     []string // of live instances
	Labels    []string
	MaxTTL    time.Duration

	Paste  bool // the form is that of a body
	Body   string
	Merge  bool
	Faults []string
}

// errInForm says that a form has mistakes, which its page shows.
var errInForm = errors.New("the form has mistakes")

func validation(err error) (*fleetdial.ValidationError, bool) {
	return errors.AsType[*fleetdial.ValidationError](err)
}

// servePublishForm shows the forms. The query may name a directive to begin with.
func (c *Console) servePublishForm(w http.ResponseWriter, r *http.Request, p *page) error {
	if !p.MayPublish {
		return errReadOnly
	}
	data := publishData{
		Form: directiveForm{Level: fleetdial.ShapeTiming.String(), TTL: "10m", Sample: "1000"}, Paste: p.Query("with") == "body", Merge: true,
	}
	if id := p.Query("from"); id != "" {
		rev := p.InForce()
		if rev == nil {
			return notFound("directive " + plain.Quoted(id) + ": the fleet has no current revision that can be read")
		}
		directives := rev.Set.Directives()
		i := slices.IndexFunc(directives, func(d fleetdial.Directive) bool { return d.ID == id })
		if i < 0 {
			return notFound("directive " + plain.Quoted(id) + ": not in the set" + plain.Hint(id, review.IDs(rev.Set)))
		}
		data.Form = formOf(directives[i], p.Now)
	}
	c.renderPublish(w, http.StatusOK, p, data)
	return nil
}

func (c *Console) renderPublish(w http.ResponseWriter, status int, p *page, data publishData) {
	for level := fleetdial.Off; level <= fleetdial.ShapeRewriteDiff; level++ {
		data.Levels = append(data.Levels, level.String())
	}
	for endpoint := fleetdial.IngestDoc; endpoint <= fleetdial.Unknown; endpoint++ {
		data.Endpoints = append(data.Endpoints, endpoint.String())
	}
	if p.State != nil {
		data.Names, data.Labels = selectors(p.State.Roster)
	}
	data.MaxTTL = c.cfg.MaxTTL
	p.Data = data
	c.render(w, status, "publish", p)
}

// servePublish reviews or publishes what a form of the page asks for.
func (c *Console) servePublish(w http.ResponseWriter, r *http.Request, p *page) error {
	if err := c.parseForm(w, r); err != nil {
		return err
	}
	build, data := c.addAction, &publishData{Merge: true}
	if r.PostForm.Get("with") == "body" {
		build = c.bodyAction
	}
	err := c.act(w, r, p, func(ctx context.Context, pub *fleetdial.Publisher, at time.Time) (action, error) {
		return build(r, p, at, data)
	})
	if invalid, ok := validation(err); ok && !errors.Is(err, errInForm) {
		// The form is right by itself, and the set that it makes is not.
		data.Faults = append(data.Faults, invalid.Error())
		err = errInForm
	}
	if errors.Is(err, errInForm) {
		c.renderPublish(w, http.StatusUnprocessableEntity, p, *data)
		return nil
	}
	return err
}

// addAction adds the directive of the form to the set, or replaces the one with its id.
func (c *Console) addAction(r *http.Request, p *page, at time.Time, data *publishData) (action, error) {
	data.Form = readDirectiveForm(r)
	d, ok := data.Form.directive(at, c.cfg.MaxTTL)
	if !ok {
		return action{}, errInForm
	}
	return action{
		title: "Publish directive " + plain.Printable(d.ID), command: c.writeLine(p, data.Form.command()), inputs: data.Form.inputs(),
		Change: review.Change{Set: func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
			kept, _ := review.Unexpired(current.Set.Directives(), at)
			return fleetdial.NewSet(review.Replace(kept, d))
		}},
	}, nil
}

// maxFaults limits the faults of a body that the page shows.
const maxFaults = 20

// bodyAction publishes the body of the form, merged with the current set or instead of it.
func (c *Console) bodyAction(r *http.Request, p *page, at time.Time, data *publishData) (action, error) {
	data.Paste, data.Body, data.Merge = true, r.PostForm.Get("body"), r.PostForm.Get("merge") != "no"
	data.Form.Reason = strings.TrimSpace(r.PostForm.Get("reason"))
	body := []byte(data.Body)
	opts := fleetdial.ParseOptions{MaxTTL: c.cfg.MaxTTL, YAML: !strings.HasPrefix(strings.TrimSpace(data.Body), "{")}
	set, err := fleetdial.ParseSetWith(body, at, opts)
	if err != nil {
		data.Faults = bodyFaults(body, at, opts, err)
		return action{}, errInForm
	}
	a := action{
		title: "Publish a set", inputs: []input{{"with", "body"}, {"body", data.Body}},
		command: "publish -f directives.yaml" + reasonFlag(r.PostForm),
	}
	if data.Merge {
		a.command = "publish --merge -f directives.yaml" + reasonFlag(r.PostForm)
		a.inputs = append(a.inputs, input{"merge", "yes"})
		a.Change.Set = func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
			return review.Merge(current.Set, set, at)
		}
	} else {
		a.inputs = append(a.inputs, input{"merge", "no"})
		a.endsOthers, a.Replaces = true, true
		a.Change.Set = func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) { return set, nil }
	}
	a.command = c.writeLine(p, a.command)
	return a, nil
}

// bodyFaults describes the faults of a body, each in a line.
func bodyFaults(body []byte, at time.Time, opts fleetdial.ParseOptions, err error) (lines []string) {
	for _, f := range fleetdial.BodyFaults(body, at, opts, maxFaults) {
		line := f.Reason
		if f.Path != "" {
			line = f.Path + ": " + line
		}
		if f.Line > 0 {
			line += fmt.Sprintf(", at line %d, column %d", f.Line, f.Column)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		lines = []string{err.Error()}
	}
	return lines
}

// selectors returns the names and labels by which directives can select live instances.
func selectors(roster fleetdial.Roster) (names, labels []string) {
	known := review.SelectorsOf(overview.LiveInstances(roster))
	for name, values := range known.Labels {
		for _, value := range values {
			labels = append(labels, name+"="+value)
		}
	}
	slices.Sort(labels)
	return known.Names, labels
}
