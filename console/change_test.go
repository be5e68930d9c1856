package console_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console"
)

func (r *rig) ids() (ids []string) {
	for _, d := range r.current().Set.Directives() {
		ids = append(ids, d.ID)
	}
	return ids
}

func TestEnd_AtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	strange := `a/../b?"'<&%20`
	r.publish(directive("one", time.Hour), directive(strange, time.Hour), directive("two", time.Hour))
	r.published(r.post("end", "id", strange), "2")
	assert.Equal(t, []string{"one", "two"}, r.ids())
	assert.Equal(t, "Ann", r.current().PublishedBy)

	a := r.post("end", "id", "oen")
	assert.Equal(t, http.StatusUnprocessableEntity, a.status)
	assert.Contains(t, a.text(), `directive "oen": not in the set (did you mean one?); nothing was written`)
	a = r.post("end", "id", strange) // sent twice
	assert.Equal(t, http.StatusUnprocessableEntity, a.status)
	assert.Equal(t, int64(2), r.current().Version)
	require.NoError(t, r.client.Del(t.Context(), "fleetdial:{default}").Err())
	for _, page := range []string{"end", "extend"} {
		a = r.post(page, "id", "one")
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, page)
		assert.Contains(t, a.text(), "nothing was written", page)
	}
}

func TestExtend_UpToMaxTTL(t *testing.T) {
	t.Parallel()
	r := start(t, func(cfg *console.Config) { cfg.MaxTTL = 25 * time.Minute })
	first := r.publish(directive("one", 10*time.Minute))
	end := func() time.Time { return r.current().Set.Directives()[0].ExpiresAt }
	r.published(r.post("extend", "id", "one"), "2")
	assert.Equal(t, first.Set.Directives()[0].ExpiresAt.Add(10*time.Minute), end())
	r.published(r.post("extend", "id", "one"), "3")
	assert.WithinDuration(t, time.Now().Add(25*time.Minute), end(), 10*time.Second)
	assert.Less(t, end().Sub(first.Set.Directives()[0].ExpiresAt), 16*time.Minute)

	// A directive that ends later than the console allows stays as it is.
	rev := r.publish(directive("late", time.Hour), directive("one", time.Minute))
	a := r.post("extend", "id", "late")
	assert.Equal(t, http.StatusUnprocessableEntity, a.status)
	assert.Contains(t, a.text(), "nothing was written: directive late already ends as late as the console allows, in 25m0s")
	assert.Equal(t, rev.ID, r.current().ID)
	// It does not keep others from being changed.
	r.published(r.post("extend", "id", "one"), "5")
	r.published(r.apply("publish", r.post("publish", add("two")...)), "6")
	r.published(r.post("end", "id", "one"), "7")
	assert.Equal(t, []string{"late", "two"}, r.ids())
}

func TestExtend_ExpiredBeginsAgain(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	ends := r.publish(directive("one", 50*time.Millisecond)).Set.Directives()[0].ExpiresAt
	require.Eventually(t, func() bool { return time.Now().After(ends.Add(100 * time.Millisecond)) }, 5*time.Second, 5*time.Millisecond)
	before := time.Now().Truncate(time.Millisecond)
	r.published(r.post("extend", "id", "one"), "2")
	end := r.current().Set.Directives()[0].ExpiresAt
	assert.False(t, end.Before(before.Add(10*time.Minute)), "ten minutes after now, and not after the end")
	assert.Less(t, end.Sub(before), 11*time.Minute)
}

func TestHistory_ShowsChangesOfNewRevision(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.published(r.apply("publish", r.post("publish", add("one")...)), "1")
	assert.Contains(t, r.get("f/default/history").text(), "+one")
	r.published(r.apply("publish", r.post("publish", add("two")...)), "2")
	assert.Contains(t, r.get("f/default/history").text(), "+two")
	assert.Contains(t, r.get("f/default/history").text(), "+one")
}

func TestRollback_LeavesOutExpired(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("short", 300*time.Millisecond), directive("one", time.Hour))
	r.publish(directive("two", time.Hour))
	early := r.post("rollback", "version", "1")
	require.Equal(t, http.StatusOK, early.status)
	assert.NotContains(t, early.text(), "left out expired directives")
	time.Sleep(400 * time.Millisecond)

	// The form would publish a directive fewer than it shows.
	a := r.apply("rollback", early)
	assert.Equal(t, http.StatusConflict, a.status)
	assert.Contains(t, a.text(), "the change is no longer the one that you saw")
	assert.Equal(t, []string{"two"}, r.ids())
	assert.Contains(t, a.text(), "left out expired directives: short")
	assert.Contains(t, a.text(), "Roll back to version 1")
	assert.Contains(t, a.text(), "publish rollback 1")
	r.published(r.apply("rollback", a, "reason", "back"), "3")
	assert.Equal(t, []string{"one"}, r.ids())
	assert.Equal(t, "back", r.current().Reason)
	assert.Equal(t, "Ann", r.current().PublishedBy)

	// Without a version, the one before.
	r.published(r.apply("rollback", r.post("rollback")), "4")
	assert.Equal(t, []string{"two"}, r.ids())
	for version, status := range map[string]int{"9": 404, "x": 400, "0": 400, "-1": 400, "1e3": 400} {
		a := r.post("rollback", "version", version)
		assert.Equal(t, status, a.status, version)
		assert.Contains(t, a.text(), "nothing was written", version)
	}
}

func TestRollback_Nothing(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for range 2 {
		a := r.post("rollback")
		assert.Equal(t, http.StatusNotFound, a.status)
		assert.Contains(t, a.text(), "nothing was written: the history holds no earlier revision")
		if r.current().Version == 0 {
			r.publish(directive("one", time.Hour))
		}
		require.Eventually(t, func() bool { return strings.Contains(r.get("f/default/").text(), "Version 1") }, 5*time.Second, 10*time.Millisecond)
	}
}

func TestClear_AsksFirst(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour), directive("two", time.Hour))
	shown := r.post("clear", "reason", "enough")
	assert.Contains(t, shown.text(), "− one:")
	assert.Contains(t, shown.text(), "− two:")
	assert.Contains(t, shown.text(), "Publish the empty set")
	assert.Contains(t, shown.text(), "publish clear --reason enough")
	assert.Len(t, r.ids(), 2)
	r.published(r.apply("clear", shown), "2")
	assert.Empty(t, r.ids())
	assert.Equal(t, "enough", r.current().Reason)
	assert.Contains(t, r.get("f/default/directives").text(), "No directive is in force.")
}

const pasted = `directives:
  - id: two
    level: ShapeTiming
    tenant: acme
    ttl_secs: 600
  - id: three
    level: Shape
    index: orders
    ttl_secs: 1200
`

func TestPaste_MergesOrReplaces(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	crlf := strings.ReplaceAll(pasted, "\n", "\r\n") // as browsers send it
	inJSON := `{"directives": [{"id": "two", "level": "ShapeTiming", "tenant": "acme", "ttl_secs": 600},
		{"id": "three", "level": "Shape", "index": "orders", "ttl_secs": 1200}]}`
	for name, body := range map[string]string{"yaml": pasted, "crlf": crlf, "json": inJSON, "blanks": "\r\n  " + inJSON + "\r\n"} {
		r.publish(directive("one", time.Hour), directive("two", time.Hour))
		shown := r.post("publish", "with", "body", "merge", "yes", "body", body)
		require.Equal(t, http.StatusOK, shown.status, "%s: %s", name, shown.text())
		assert.Contains(t, shown.text(), "publish --merge -f directives.yaml", name)
		require.Equal(t, []string{"one", "two"}, r.ids())
		a := r.apply("publish", shown)
		require.Equal(t, http.StatusSeeOther, a.status, "%s: %s", name, a.text())
		assert.Equal(t, []string{"one", "two", "three"}, r.ids(), name)
		all := r.current().Set.Directives()
		assert.WithinDuration(t, time.Now().Add(10*time.Minute), all[1].ExpiresAt, 10*time.Second)
		assert.Equal(t, fleetdial.Match{Index: "orders"}, all[2].Match)

		r.publish(directive("one", time.Hour), directive("two", time.Hour))
		shown = r.post("publish", "with", "body", "merge", "no", "body", body, "reason", "all")
		require.Equal(t, http.StatusOK, shown.status, shown.text())
		assert.Contains(t, shown.text(), "live directives of others would end: one (added by Bob)", name)
		a = r.apply("publish", shown)
		assert.Equal(t, http.StatusUnprocessableEntity, a.status)
		assert.Contains(t, a.text(), "tick the box to confirm")
		a = r.apply("publish", shown, "confirm", "yes")
		require.Equal(t, http.StatusSeeOther, a.status, a.text())
		assert.Equal(t, []string{"two", "three"}, r.ids(), name)
		assert.Equal(t, "all", r.current().Reason)
	}
}

func TestPaste_MistakesAreNamedByPlace(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	rev := r.publish(directive("one", time.Hour))
	for body, want := range map[string]string{
		"directives:\r\n  - id: a\r\n    level: Loud\r\n    tenant: x\r\n    ttl_secs: 5\r\n": "directives[0].level: ",
		`{"directives": [{"id": "a", "level": "Shape", "ttl_secs": 0}]}`:                      "directives[0].ttl_secs: ",
		`{"directives": [{"id": "a", "levle": "Shape", "ttl_secs": 5}]}`:                      "levle",
		`{"directives": `:         "line 1",
		"{":                       "line 1",
		"":                        "",
		"directives: []\nmore: 1": "more",
		"directives:\n  - {id: a, level: Shape, ttl_secs: 999999999}":                                                   "directives[0].ttl_secs: ",
		"directives:\n  - {id: a, level: Shape, ttl_secs: 5}\n  - {id: a, level: Shape, ttl_secs: 5}":                   "directives[1].id: ",
		"directives:\n  - {id: <script>alert(1)</script>, level: Shape, ttl_secs: 5, tenant: \"<svg onload=x>\", x: 1}": "x",
	} {
		a := r.post("publish", "with", "body", "merge", "yes", "body", body)
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, "%q: %s", body, a.text())
		assert.Contains(t, a.text(), "Nothing was written:", body)
		assert.Contains(t, a.text(), want, body)
		assert.Contains(t, a.body, `<textarea id="f-body"`, body)
		noHostileMarkup(t, a.body)
	}
	a := r.post("publish", "with", "body", "merge", "yes", "body", strings.Repeat("x", 40<<20))
	assert.Equal(t, http.StatusRequestEntityTooLarge, a.status)
	assert.Contains(t, a.text(), "nothing was written: the request is too large")
	assert.Equal(t, rev.ID, r.current().ID)
}

func TestForm_MistakesAreNamedByField(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	rev := r.publish(directive("one", time.Hour))
	for field, wrong := range map[string][]string{
		"id":             {strings.Repeat("x", 129), "\xff"},
		"level":          {"", "Loud", "shape<script>"},
		"tenant":         {strings.Repeat("x", 257), "\xff"},
		"index":          {strings.Repeat("x", 257)},
		"principal":      {strings.Repeat("ö", 129)},
		"endpoint":       {"search<", "x"},
		"ttl":            {"", "10", "0s", "-1m", "25h", "1ms", "x", "9999999999h"},
		"sample":         {"x", "1001", "-1", "101%", "1e2"},
		"max_per_second": {"0", "-1", "x", "1.5", "1000001", "99999999999999999999"},
		"on_instance":    {strings.Repeat("x", 129), manyLines(101)},
		"on":             {"zone", "=a", "a=1\na=2", "a=", strings.Repeat("x", 65) + "=1", "a=" + strings.Repeat("x", 257)},
		"on_per_mille":   {"x", "1001", "-1"},
	} {
		for _, value := range wrong {
			form := values(add("two")...)
			form.Set(field, value)
			a := r.do("POST", "f/default/publish", form)
			require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s=%q: %s", field, value, a.text())
			assert.Contains(t, a.text(), "Nothing was written. Correct these fields:", "%s=%q", field, value)
			assert.Contains(t, a.body, fmt.Sprintf(`<a href="#f-%s">`, field), "%s=%q", field, value)
			assert.NotContains(t, a.body, fmt.Sprintf(`<a href="#f-%s">%s</a>`, field, field), "a mistake has the label of its field")
			assert.Regexp(t, fmt.Sprintf(`id="f-%s"`, field), a.body)
			noHostileMarkup(t, a.body)
			// The page keeps what was typed.
			assert.Regexp(t, `name="tenant" value="[^"]`, a.body)
		}
	}
	assert.Equal(t, rev.ID, r.current().ID)
	// The set can have mistakes that no field has.
	many := make([]fleetdial.Directive, fleetdial.MaxDirectives)
	for i := range many {
		many[i] = directive(fmt.Sprint(i), time.Hour)
	}
	r.publish(many...)
	a := r.post("publish", add("one more")...)
	assert.Equal(t, http.StatusUnprocessableEntity, a.status)
	assert.Contains(t, a.text(), "Nothing was written: directives: holds 10001, the limit is 10000")
}

func manyLines(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "p%d\n", i)
	}
	return lines.String()
}

func TestForm_BeginsWithDirective(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	d := directive("a b&c", time.Hour)
	half := 500
	d.Instances = &fleetdial.Instances{Names: []string{"p1", "p2"}, Labels: map[string]string{"zone": "a"}, PerMille: &half}
	d.MaxPerSecond, d.SamplePerMille, d.RingBuffer, d.Capture = 5, 10, true, true
	d.Match = fleetdial.Match{Tenant: "acme", Index: "i", Principal: "p", Endpoint: fleetdial.Search}
	r.publish(d)
	link := regexp.MustCompile(`href="/console/(f/default/publish\?from=[^"]*)"`).FindStringSubmatch(r.get("f/default/directives").body)
	require.NotNil(t, link)
	a := r.get(link[1])
	require.Equal(t, http.StatusOK, a.status, a.text())
	for _, want := range []string{
		`name="id" value="a b&amp;c"`, `name="max_per_second" value="5"`, `name="sample" value="10"`, `name="ring_buffer" value="yes" checked`,
		"p1\np2</textarea>", "zone=a\n</textarea>", `<option selected>ShapeTiming`,
		`name="on_per_mille" value="500"`, `name="capture" value="yes" checked`, `name="tenant" value="acme"`, `name="index" value="i"`,
		`name="principal" value="p"`, `<option selected>Search`,
	} {
		assert.Contains(t, a.body, want)
	}
	assert.Regexp(t, `name="ttl" value="(1h0m0s|59m5\ds)"`, a.body)
}

// TestChange_KeepsTheEnd changes a directive with the form that the page Directives leads to.
func TestChange_KeepsTheEnd(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	ends := r.publish(directive("one", time.Hour)).Set.Directives()[0].ExpiresAt
	form := r.get("f/default/publish?from=one").body
	post := func(name, value string) answer {
		inputs := values(add("one")...)
		for _, name := range []string{"ttl", "ends", "ends_ttl"} {
			had := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(form)
			require.NotNil(t, had, name)
			inputs.Set(name, had[1])
		}
		inputs.Set(name, value)
		return r.do("POST", "f/default/publish", inputs)
	}
	changed := func() fleetdial.Directive { return r.current().Set.Directives()[0] }

	r.published(r.apply("publish", post("tenant", "globex")), "2")
	assert.Equal(t, "globex", changed().Match.Tenant)
	assert.Equal(t, ends, changed().ExpiresAt, "the TTL is as the form had it")

	r.published(r.apply("publish", post("ttl", "20m")), "3")
	assert.WithinDuration(t, time.Now().Add(20*time.Minute), changed().ExpiresAt, time.Minute)

	a := post("ends", "1000")
	assert.Equal(t, http.StatusUnprocessableEntity, a.status)
	assert.Contains(t, a.text(), "the directive has ended, so that it needs another TTL")
}
