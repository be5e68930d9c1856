package conformance

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// Report is the result of a run.
type Report struct {
	Program  string    `json:"program"`
	Levels   []string  `json:"levels"`
	Passed   bool      `json:"passed"`
	Vectors  int       `json:"vectors"`
	Rules    []Rule    `json:"rules"`
	Failures []Failure `json:"failures"`
}

// Rule counts the vectors of one level that test a rule.
type Rule struct {
	Level  string `json:"level"`
	Rule   string `json:"rule"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
}

// Failure is a vector that failed, with the first difference.
type Failure struct {
	Level    string   `json:"level"`
	File     string   `json:"file"`
	Vector   string   `json:"vector"`
	Rules    []string `json:"rules"`
	What     string   `json:"what"`
	Expected string   `json:"expected"`
	Actual   string   `json:"actual"`
}

// add adds the result of a vector, nil if it passed.
func (r *Report) add(v *vector, m *mismatch) {
	r.Vectors++
	for _, name := range v.Rules {
		i := slices.IndexFunc(r.Rules, func(rule Rule) bool { return rule.Level == v.Level && rule.Rule == name })
		if i < 0 {
			i = len(r.Rules)
			r.Rules = append(r.Rules, Rule{Level: v.Level, Rule: name})
		}
		if m == nil {
			r.Rules[i].Passed++
		} else {
			r.Rules[i].Failed++
		}
	}
	if m != nil {
		r.Failures = append(r.Failures, Failure{v.Level, v.file, v.Name, v.Rules, m.what, m.expected, m.actual})
	}
}

// finish sorts the report.
func (r *Report) finish() {
	r.Passed = len(r.Failures) == 0
	slices.SortFunc(r.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), compareRules(a.Rule, b.Rule))
	})
	slices.SortStableFunc(r.Failures, func(a, b Failure) int { return cmp.Compare(a.Level, b.Level) })
}

// compareRules orders rules as docs/protocol.md has them.
func compareRules(a, b string) int {
	const letters = "VMSICAFTG"
	number := func(rule string) int { n, _ := strconv.Atoi(rule[1:]); return n }
	return cmp.Or(cmp.Compare(strings.Index(letters, a[:1]), strings.Index(letters, b[:1])), cmp.Compare(number(a), number(b)))
}

// WriteText writes the report as a table, with a few of the failures of each rule.
func (r *Report) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s, %d vectors\n\n", plain.Printable(r.Program), strings.Join(r.Levels, ", "), r.Vectors)
	table := tui.NewTable(w)
	fmt.Fprintln(table, "LEVEL\tRULE\tPASSED\tFAILED\tRESULT")
	for _, rule := range r.Rules {
		result := "passed"
		if rule.Failed > 0 {
			result = "FAILED"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", rule.Level, rule.Rule, rule.Passed, rule.Failed, result)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	r.writeFailures(w)
	fmt.Fprintln(w)
	for _, level := range r.Levels {
		passed, failed := r.count(level)
		text := fmt.Sprintf("%s: %d rules passed, %d failed", level, passed, len(failed))
		if len(failed) > 0 {
			text += ": " + strings.Join(failed, " ")
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// count returns how many rules of a level passed, and the rules that failed.
func (r *Report) count(level string) (passed int, failed []string) {
	for _, rule := range r.Rules {
		switch {
		case rule.Level != level:
		case rule.Failed > 0:
			failed = append(failed, rule.Rule)
		default:
			passed++
		}
	}
	return passed, failed
}

// writeFailures writes a few failures of each rule. A vector that tests several rules is
// written once.
func (r *Report) writeFailures(w io.Writer) {
	const most = 3
	written := make(map[string]bool)
	for _, rule := range r.Rules {
		if rule.Failed == 0 {
			continue
		}
		shown, hidden := 0, 0
		for _, f := range r.Failures {
			id := f.File + " " + f.Vector
			switch {
			case f.Level != rule.Level || !slices.Contains(f.Rules, rule.Rule) || written[id]:
				continue
			case shown == most:
				hidden++
				continue
			}
			if shown == 0 {
				fmt.Fprintf(w, "\n%s %s failed:\n", rule.Level, rule.Rule)
			}
			shown++
			written[id] = true
			fmt.Fprintf(w, "  %s: %s\n    expected %s\n    actual   %s\n", plain.Printable(id), f.What,
				plain.PrintableLines(f.Expected), plain.PrintableLines(f.Actual))
		}
		if hidden > 0 {
			fmt.Fprintf(w, "  and %d more (-o json lists all)\n", hidden)
		}
	}
}
