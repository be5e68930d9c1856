package integration_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetprom"
)

// syncedStore is a store whose collector reports every metric of fleetprom.
type syncedStore struct{ *fleetdial.Memory }

func (syncedStore) Status() fleetdial.Status {
	return fleetdial.Status{State: fleetdial.StateLive, LastSync: time.Now()}
}

// metricNames returns the names of the time series that Prometheus stores for fleetprom.
func metricNames(t *testing.T) (names []string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(fleetprom.NewCollector(syncedStore{fleetdial.NewMemory()})))
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		names = append(names, family.GetName())
		if family.GetMetric()[0].GetHistogram() != nil {
			names = append(names, family.GetName()+"_bucket", family.GetName()+"_sum", family.GetName()+"_count")
		}
	}
	return names
}

// checkQuery parses a query. It fails the test if a metric is not in names, or if a
// matcher of the label "state" has an unknown value.
func checkQuery(t *testing.T, query string, names []string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	require.NoError(t, err, query)
	selectors := 0
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		selectors++
		assert.Contains(t, names, selector.Name, query)
		for _, m := range selector.LabelMatchers {
			if m.Name == "state" {
				assert.Contains(t, []string{"live", "stale", "missing", "rejected", "empty"}, m.Value, query)
			}
		}
		return nil
	})
	assert.Positive(t, selectors, query)
}

func TestAlerts_ValidRules(t *testing.T) {
	t.Parallel()
	names := metricNames(t)
	groups, errs := rulefmt.ParseFile("../deploy/alerts.yml", false, model.UTF8Validation, parser.NewParser(parser.Options{}),
		slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	rules := 0
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			checkQuery(t, rule.Expr, names)
			assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			assert.NotEmpty(t, rule.Labels["severity"], rule.Alert)
			rules++
		}
	}
	assert.GreaterOrEqual(t, rules, 8)
}

func TestDashboard_ShowsEveryMetric(t *testing.T) {
	t.Parallel()
	names := metricNames(t)
	text, err := os.ReadFile("../deploy/dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		Title  string `json:"title"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	assert.NotEmpty(t, dashboard.Title)
	require.NotEmpty(t, dashboard.Panels)
	var ids []int
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "proxy")
	for _, panel := range dashboard.Panels {
		assert.NotContains(t, ids, panel.ID)
		ids = append(ids, panel.ID)
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			checkQuery(t, variables.Replace(target.Expr), names)
		}
	}
	shown := slices.DeleteFunc(names, func(name string) bool {
		return strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count") ||
			strings.Contains(string(text), name)
	})
	assert.Empty(t, shown, "every metric must be in a panel")
}
