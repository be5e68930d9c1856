package vectors

import (
	"fmt"
	"strings"
)

// bodyTimes returns bodies with an expiry at a time, in JSON and in YAML.
func bodyTimes() (all []body) {
	for _, c := range []struct {
		text  string
		until int64 // 0 if the time is rejected
	}{
		{"2026-03-01T12:00:00.001Z", 1},
		{"2026-03-01T12:00:00.0019999Z", 1},
		{"2026-03-01T13:00:00Z", 60 * minute},
		{"2026-03-02T02:00:01+14:00", 1000},
		{"2026-03-01T13:00:00-00:00", 60 * minute},
		{"2026-03-01T23:59:00-12:00", 1439 * minute},
		{"2026-03-02T12:00:00Z", day},
		{"2026-03-02T12:00:00.000999Z", day},
		{"2026-03-02T12:00:00.001Z", 0},
		{"9999-12-31T23:59:59Z", 0},
		{"2026-03-01T12:00:00Z", 0},
		{"2026-03-01T12:00:00.0009999Z", 0},
		{"2026-03-02T02:00:00+14:00", 0},
		{"2026-03-01T12:59:59+01:00", 0},
		{"0000-01-01T00:00:00Z", 0},
		{"2026-03-01T13:00:00,5Z", 0},
		{"2026-03-01T13:00:00.Z", 0},
		{"2026-03-01T13:00:00", 0},
		{"2026-03-01T13:00Z", 0},
		{"2026-03-02T1:00:00Z", 0},
		{"2026-03-01T24:00:00Z", 0},
		{"2026-03-01T13:00:60Z", 0},
		{"2026-02-29T13:00:00Z", 0},
		{"2026-03-02T13:00:00+24:00", 0},
		{"2026-03-01T15:00:00+02:60", 0},
		{"2026-03-01T15:00:00+0200", 0},
		{"2026-03-01T13:00:00 Z", 0},
		{"2026-03-01 13:00:00Z", 0},
		{"2026-03-01t13:00:00Z", 0},
		{"2026-03-01T13:00:00z", 0},
		{"2026-03-01", 0},
		{" 2026-03-01T13:00:00Z", 0},
		{"+2026-03-01T13:00:00Z", 0},
		{"１２３４-03-01T13:00:00Z", 0},
		{"tomorrow", 0},
		{"", 0},
	} {
		for _, format := range []string{"json", "yaml"} {
			name := fmt.Sprintf("%s, expires_at %q", strings.ToUpper(format), c.text)
			text := `{"directives":[{"id":"a","level":"Shape","expires_at":"` + c.text + `"}]}`
			b := badBody(name, "B1 B2", format, text)
			if c.until > 0 {
				b = goodBody(name, "B2", format, text, bodyDirective(func(d *directive) { d.ExpiresAt = bodyNow + c.until }))
			}
			all = append(all, b)
		}
	}
	return all
}

// ttls returns bodies with a TTL, some with another longest TTL.
func ttls() (all []body) {
	for _, c := range []struct {
		ttl    string
		maxTTL int64
		secs   int64 // 0 if the TTL is rejected
	}{
		{"1", day, 1},
		{"60", day, 60},
		{"86400", day, 86_400},
		{"86401", day, 0},
		{"0", day, 0},
		{"172800", 2 * day, 172_800},
		{"172801", 2 * day, 0},
		{"60", minute, 60},
		{"61", minute, 0},
		{"59", minute - 1, 59},
		{"60", minute - 1, 0},
	} {
		name := fmt.Sprintf("JSON, ttl_secs %s, at most %d ms", c.ttl, c.maxTTL)
		text := strings.Replace(bodyOf(""), "60", c.ttl, 1)
		b := badBody(name, "B2", "json", text)
		if c.secs > 0 {
			b = goodBody(name, "B2", "json", text, bodyDirective(func(d *directive) { d.ExpiresAt = bodyNow + 1000*c.secs }))
		}
		b.MaxTTL = c.maxTTL
		all = append(all, b)
	}
	for _, now := range []int64{1, 999, bodyNow - 1, bodyNow + 999} {
		d := bodyDirective(func(d *directive) { d.ExpiresAt = now + minute })
		b := goodBody(fmt.Sprintf("JSON, a TTL at %d", now), "B2", "json", bodyOf(""), d)
		b.Now = now
		all = append(all, b)
	}
	return all
}

// yamlBodies returns bodies with names that YAML writes without quotes, or with them.
func yamlBodies() (all []body) {
	for _, word := range []string{
		"acme", "5acme", "3f2a-77", "10.0.0.1", "1e3f", "0x", "2026-03-01-logs", "2026.03.01", "a:b", "off-peak", "-x", "nil", "none",
		"Störung", "a b", "x#y", ".orders", "_all", "=x", "<<x", "a%b", "a?b",
	} {
		all = append(all, goodBody("YAML, the plain name "+word, "B4", "yaml", yamlOf("tenant: "+word), bodyDirective(tenant(word))))
	}
	for _, c := range [][2]string{
		{`"5"`, "5"}, {`'null'`, "null"}, {`"yes"`, "yes"}, {"|-\n    true", "true"}, {">-\n    ~", "~"}, {`"\x61\u00fc"`, "aü"}, {"'it''s'", "it's"},
	} {
		all = append(all, goodBody(fmt.Sprintf("YAML, the name %q", c[0]), "B4", "yaml", yamlOf("tenant: "+c[0]), bodyDirective(tenant(c[1]))))
	}
	return append(all,
		goodBody("YAML, comments", "B4", "yaml", "# a\n"+yamlOf("tenant: acme # b\n# c"), bodyDirective(tenant("acme"))),
		goodBody("YAML, line ends of Windows", "B4 B5", "yaml", strings.ReplaceAll(yamlOf("tenant: acme"), "\n", "\r\n"),
			bodyDirective(tenant("acme"))),
		goodBody("YAML, an end mark", "B4", "yaml", yamlOf("tenant: acme")+"...\n", bodyDirective(tenant("acme"))))
}

// bodySizes returns bodies about as large as the largest one that is accepted.
func bodySizes() (all []body) {
	for _, format := range []string{"json", "yaml"} {
		largest := goodBody(strings.ToUpper(format)+", the largest body", "B5", format, bodyOf(""), bodyDirective())
		largest.PadTo = maxBodyBytes
		larger := badBody(strings.ToUpper(format)+", one byte more than the largest body", "B5", format, bodyOf(""))
		larger.PadTo = maxBodyBytes + 1
		all = append(all, largest, larger)
	}
	return append(all,
		badBody("JSON, 10001 directives", "B1", "json", `{"directives":[`+strings.Repeat(`{},`, 10_000)+`{}]}`),
		badBody("JSON, 17 nested lists", "B3", "json", strings.Repeat("[", 17)+strings.Repeat("]", 17)),
		badBody("JSON, 5000 open lists", "B3", "json", strings.Repeat("[", 5000)),
		badBody("JSON, 1000 nested objects", "B3", "json", bodyOf(`,"tenant":`+strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1000))),
		badBody("YAML, 5000 open lists", "B3", "yaml", strings.Repeat("[", 5000)),
		badBody("YAML, 1000 nested lists", "B3", "yaml", "a: "+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)),
		badBody("a lone carriage return", "B5", "json", "{\"directives\":[]}\r"))
}
