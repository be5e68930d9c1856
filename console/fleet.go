package console

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// fleetData is what the page of the fleet shows.
type fleetData struct {
	States []stateCount
	All    int
	Rows   []instanceRow
	Pager  pager
}

// stateCount is how many instances have a state.
type stateCount struct {
	State fleetdial.InstanceState
	Count int
}

// instanceRow is an instance in a table.
type instanceRow struct{ fleetdial.Instance }

// Lag is the time from publishing the instance's revision until the instance applied it.
func (row instanceRow) Lag() string {
	if row.Instance.Report == nil || row.Instance.Report.Applied == nil {
		return ""
	}
	return overview.Lag(row.Instance.Report.Applied)
}

// Problem is why the instance needs attention.
func (row instanceRow) Problem() string { return overview.Problem(row.Instance) }

// LabelList are the labels of the instance, each as NAME=VALUE.
func (row instanceRow) LabelList() (labels []string) {
	if row.Instance.Report == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(row.Instance.Report.Labels)) {
		labels = append(labels, name+"="+row.Instance.Report.Labels[name])
	}
	return labels
}

// serveFleet shows the roster, with the instances that need attention first.
func (c *Console) serveFleet(w http.ResponseWriter, r *http.Request, p *page) error {
	data := fleetData{}
	if p.State != nil {
		instances := p.State.Roster.Instances
		data.All = len(instances)
		count := make(map[fleetdial.InstanceState]int)
		for i := range instances {
			count[instances[i].State]++
		}
		for _, state := range overview.WorstStates() {
			data.States = append(data.States, stateCount{state, count[state]})
		}
		shown, pager := paged(p, overview.WorstFirst(filtered(instances, p)))
		for _, in := range shown {
			data.Rows = append(data.Rows, instanceRow{in})
		}
		data.Pager = pager
	}
	p.Data = data
	c.render(w, http.StatusOK, "fleet", p)
	return nil
}

// filtered returns the instances that match the query of the page.
func filtered(instances []fleetdial.Instance, p *page) (matching []fleetdial.Instance) {
	name, state, version := strings.ToLower(p.Query("q")), p.Query("state"), p.Query("version")
	labelName, labelValue, hasValue := strings.Cut(p.Query("label"), "=")
	for _, in := range instances {
		if state != "" && string(in.State) != state || !strings.Contains(strings.ToLower(in.Name), name) {
			continue
		}
		if version != "" && version != appliedVersion(in) {
			continue
		}
		if labelName != "" {
			if in.Report == nil {
				continue
			}
			value, ok := in.Report.Labels[labelName]
			if !ok || hasValue && value != labelValue {
				continue
			}
		}
		matching = append(matching, in)
	}
	return matching
}

func appliedVersion(in fleetdial.Instance) string {
	if in.Report == nil || in.Report.Applied == nil {
		return ""
	}
	return strconv.FormatInt(in.Report.Applied.Version, 10)
}

// serveInstance shows what an instance reports.
func (c *Console) serveInstance(w http.ResponseWriter, r *http.Request, p *page) error {
	name := segment(r, "name")
	p.Title = "Instance " + plain.Printable(name)
	if p.State == nil {
		p.Data = instanceData{}
		c.render(w, http.StatusServiceUnavailable, "instance", p)
		return nil
	}
	roster := p.State.Roster
	i := slices.IndexFunc(roster.Instances, func(in fleetdial.Instance) bool { return in.Name == name })
	if i < 0 {
		names := make([]string, len(roster.Instances))
		for i := range roster.Instances {
			names[i] = roster.Instances[i].Name
		}
		return notFound("instance " + plain.Printable(name) + ": not in the roster" + plain.Hint(name, names))
	}
	in := roster.Instances[i]
	data := instanceData{Known: true, Row: instanceRow{in}}
	if p.State.RevisionErr == nil && in.Report != nil {
		for _, d := range p.State.Revision.Set.Directives() {
			if overview.Concerns(d, in.Report) {
				data.Directives = append(data.Directives, d)
			}
		}
	}
	if hits := roster.HitsOf(&in); hits != nil {
		data.Hits = hits.Directives
	}
	if in.Report != nil {
		for _, name := range slices.Sorted(maps.Keys(in.Report.Counters)) {
			data.Counters = append(data.Counters, counter{name, in.Report.Counters[name]})
		}
	}
	p.Data = data
	c.render(w, http.StatusOK, "instance", p)
	return nil
}

// instanceData is what the page of an instance shows.
type instanceData struct {
	Known      bool
	Row        instanceRow
	Directives []fleetdial.Directive
	Hits       []fleetdial.ReportedHits
	Counters   []counter
}

type counter struct {
	Name  string
	Value int64
}
