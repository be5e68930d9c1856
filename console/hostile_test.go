package console_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// hostile are texts that would do something if a page did not escape them.
var hostile = []string{
	`<script>alert(1)</script>`, `<svg onload=alert(1)>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title></textarea><b>`,
	"line\nbreak\r\n", "\u202egnp.exe", `{{.}}${x}`, "\x00\x1b[2J", `javascript:alert(1)`, `--><!--`, `\u003cscript>`,
}

var (
	elements = regexp.MustCompile(`^(!doctype html|/?(html|head|meta|title|link|script|body|a|header|p|strong|nav|ul|li|div|span|main|h1|h2|form|input|` +
		`label|select|option|button|section|table|thead|tbody|tr|th|td|small|svg|path|rect|text|details|summary|pre|code|fieldset|legend|textarea|dl|dt|dd|q|` +
		`progress|br))$`)
	textareas = regexp.MustCompile(`(?s)<textarea.*?</textarea>`)
	notInName = regexp.MustCompile(`[^!-~]`)
	pair      = regexp.MustCompile(`^\s+([a-z][A-Za-z-]*)(="[^"<>]*"|='[^'<>]*')?`)
)

// noHostileMarkup checks that a page has no other tags and attributes than those of the templates,
// and no character that changes the direction of text.
func noHostileMarkup(t testing.TB, body string) {
	t.Helper()
	for _, tag := range anyTag.FindAllString(body, -1) {
		name, rest, _ := strings.Cut(strings.Trim(tag, "<>"), " ")
		if strings.HasPrefix(tag, "<!doctype") {
			continue
		}
		require.Regexp(t, elements, strings.TrimSpace(name), "tag %q", tag)
		rest = " " + rest
		for strings.TrimSpace(rest) != "" {
			found := pair.FindStringSubmatch(rest)
			require.NotNil(t, found, "tag %q", tag)
			require.False(t, strings.HasPrefix(found[1], "on") || found[1] == "style", "tag %q", tag)
			require.False(t, found[1] != "value" && strings.HasPrefix(strings.ToLower(found[2]), `="javascript:`), "tag %q", tag)
			rest = rest[len(found[0]):]
		}
	}
	require.Equal(t, 3, strings.Count(body, "<script"), "scripts")
	shown := html.UnescapeString(anyTag.ReplaceAllString(textareas.ReplaceAllString(body, ""), ""))
	require.NotContains(t, shown, "\u202e", shown)
	require.NotContains(t, shown, "\x1b", shown)
}

func TestPages_HostileTexts(t *testing.T) {
	t.Parallel()
	for _, text := range append(hostile, strings.Repeat("<", 128), strings.Repeat("W", 1024)) {
		r := start(t, nil)
		short := text[:min(len(text), 128)]
		word := notInName.ReplaceAllString(short, "_")
		r.user(short, true)
		d := directive(short, time.Hour)
		d.Match = fleetdial.Match{Tenant: short, Index: short, Principal: short}
		d.Instances = &fleetdial.Instances{Names: []string{word}, Labels: map[string]string{"zone": word}}
		set, err := fleetdial.NewSet([]fleetdial.Directive{d})
		require.NoError(t, err)
		pub := r.publisherOf("default", short)
		_, err = pub.Publish(t.Context(), set, fleetdial.PublishOptions{Reason: text})
		require.NoError(t, err)
		rev, err := pub.Publish(t.Context(), set, fleetdial.PublishOptions{Reason: text})
		require.NoError(t, err)
		r.report(short, func(report *wire.Report) {
			report.Labels = map[string]string{short[:min(len(short), 64)]: short}
			report.Fleetdial, report.Error = short, text
			report.State, report.Source, report.Shared = fleetdial.State(short), "redis", short
			report.Capabilities = []fleetdial.Capability{fleetdial.Capability(short)}
			report.Counters = map[string]int64{short: 1}
			report.Rejected = &wire.Rejected{Version: rev.Version, ID: rev.ID, Error: text, At: time.Now()}
			report.Applied = &wire.Applied{Version: 1, ID: rev.ID, PublishedAt: time.Now(), At: time.Now(), SignedBy: short}
			report.Hits = &wire.ReportHits{Window: time.Minute, Directives: []fleetdial.ReportedHits{
				{DirectiveHits: fleetdial.DirectiveHits{ID: short, Hits: fleetdial.Hits{Applied: 100}}, Recent: 10},
			}}
		})
		_, err = r.client.LSet(t.Context(), "fleetdial:{default}:history", 1, text).Result()
		require.NoError(t, err)
		query := values("q", text, "label", text, "state", text, "version", text, "tenant", text, "path", text, "headers", text, "from", text, "to", text, "page", text)
		all := []string{
			"", "directives", "publish", "publish?with=body", "history", "explain", "explain?with=draft", "clear", "rollout/1", "rollout/2", "compare?from=1&to=2",
			"explain?explain=yes&" + values("tenant", text, "instance", short, "id", text).Encode(), "explain?explain=yes&" + query.Encode(),
			"?" + query.Encode(), "directives?" + query.Encode(), "compare?" + query.Encode(), "publish?" + query.Encode(),
			"publish?" + values("from", short).Encode(), "history?" + query.Encode(), "nothing?" + query.Encode(),
		}
		for _, link := range links.FindAllStringSubmatch(r.get("f/default/").body, -1) {
			if path, ok := strings.CutPrefix(link[1], "/console/f/default/instances/"); ok {
				all = append(all, "instances/"+strings.ReplaceAll(path, "&amp;", "&"))
			}
		}
		assert.Greater(t, len(all), 20, "the page of the instance")
		for _, page := range all {
			a := r.get("f/default/" + page)
			assert.Less(t, a.status, 500, page)
			noHostileMarkup(t, a.body)
		}
		noHostileMarkup(t, r.get("fleets").body)
		for _, a := range []answer{
			r.post("end", "id", text), r.post("extend", "id", text), r.post("rollback", "version", text), r.post("clear", "reason", text),
			r.post("publish", "id", short, "level", text, "tenant", text, "ttl", text, "on", text, "sample", text, "reason", text),
			r.post("publish", "id", short, "level", "Shape", "tenant", short, "ttl", "1m", "on", "zone="+short, "on_instance", short, "reason", text),
			r.post("publish", "with", "body", "body", text), r.post("explain", "explain", "yes", "tenant", text, "body", text),
			r.do("POST", "f/x%3Cscript%3E/end", values("id", text)),
		} {
			assert.Less(t, a.status, 500, a.text())
			if a.status == http.StatusSeeOther {
				continue
			}
			noHostileMarkup(t, a.body)
		}
		require.NoError(t, r.client.Set(t.Context(), "fleetdial:{default}", text, 0).Err())
		for _, page := range []string{"", "directives", "history"} {
			a := r.get("f/default/" + page)
			assert.Equal(t, http.StatusOK, a.status)
			noHostileMarkup(t, a.body)
		}
		for line := range strings.Lines(r.log.String()) {
			assert.Regexp(t, `^time=`, line)
		}
		assert.NotContains(t, r.log.String(), "\x1b")
	}
}
