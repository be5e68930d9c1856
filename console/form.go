package console

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// directiveForm is the form of a directive. Each field holds what the user has typed.
type directiveForm struct {
	ID, Level, Tenant, Index, Principal, Endpoint, TTL, Sample string
	RingBuffer, Capture                                        bool
	OnInstance, On, OnPerMille, MaxPerSecond                   string
	Reason                                                     string
	// Ends is the end of the directive that is changed, in Unix ms, and EndsTTL the TTL that the
	// form had at first. If the user leaves the TTL as it is, the directive keeps its end.
	Ends, EndsTTL string
	// Errors are the problems of the fields, by the name of the field.
	Errors map[string]string
}

// readDirectiveForm returns the form that a request sends.
func readDirectiveForm(r *http.Request) directiveForm {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	f := directiveForm{
		ID: get("id"), Level: get("level"), Tenant: r.PostForm.Get("tenant"), Index: r.PostForm.Get("index"),
		Principal: r.PostForm.Get("principal"), Endpoint: get("endpoint"), TTL: get("ttl"), Sample: get("sample"),
		RingBuffer: get("ring_buffer") != "", Capture: get("capture") != "",
		OnInstance: get("on_instance"), On: get("on"), OnPerMille: get("on_per_mille"), MaxPerSecond: get("max_per_second"),
		Reason: get("reason"), Ends: get("ends"), EndsTTL: get("ends_ttl"),
	}
	if f.ID == "" {
		var random [4]byte
		_, _ = rand.Read(random[:]) // never fails
		f.ID = "d-" + hex.EncodeToString(random[:])
	}
	return f
}

// formOf returns the form of a directive that exists. Its TTL is the time that is left, in whole
// seconds.
func formOf(d fleetdial.Directive, now time.Time) directiveForm {
	f := directiveForm{
		ID: d.ID, Level: d.Level.String(), Tenant: d.Match.Tenant, Index: d.Match.Index, Principal: d.Match.Principal,
		Endpoint: review.EndpointName(d.Match.Endpoint), Sample: strconv.Itoa(d.SamplePerMille), RingBuffer: d.RingBuffer, Capture: d.Capture,
	}
	if left := d.ExpiresAt.Sub(now).Truncate(time.Second); left > 0 {
		f.TTL = left.String()
		f.Ends, f.EndsTTL = strconv.FormatInt(d.ExpiresAt.UnixMilli(), 10), f.TTL
	}
	if d.MaxPerSecond > 0 {
		f.MaxPerSecond = strconv.Itoa(d.MaxPerSecond)
	}
	if in := d.Instances; in != nil {
		f.OnInstance = strings.Join(in.Names, "\n")
		for _, name := range slices.Sorted(maps.Keys(in.Labels)) {
			f.On += name + "=" + in.Labels[name] + "\n"
		}
		if in.PerMille != nil {
			f.OnPerMille = strconv.Itoa(*in.PerMille)
		}
	}
	return f
}

// directive returns the directive of the form, or sets its errors.
func (f *directiveForm) directive(at time.Time, maxTTL time.Duration) (d fleetdial.Directive, ok bool) {
	f.Errors = make(map[string]string)
	d = fleetdial.Directive{
		ID: f.ID, Match: fleetdial.Match{Tenant: f.Tenant, Index: f.Index, Principal: f.Principal},
		SamplePerMille: 1000, RingBuffer: f.RingBuffer, Capture: f.Capture,
	}
	fail := func(field string, err error) {
		if err != nil {
			f.Errors[field] = err.Error()
		}
	}
	var err error
	d.Level, err = fleetdial.ParseLevel(f.Level)
	fail("level", err)
	if f.Endpoint != "" {
		d.Match.Endpoint, err = fleetdial.ParseEndpoint(f.Endpoint)
		fail("endpoint", err)
	}
	if f.Sample != "" {
		d.SamplePerMille, err = review.ParsePerMille(f.Sample)
		fail("sample", err)
	}
	ttl, err := time.ParseDuration(f.TTL)
	if err != nil || ttl < time.Second || ttl > maxTTL {
		f.Errors["ttl"] = fmt.Sprintf("must be 1s to %v, such as 10m or 1h30m", maxTTL)
	}
	d.ExpiresAt = at.Add(ttl)
	if ends, err := strconv.ParseInt(f.Ends, 10, 64); err == nil && f.TTL == f.EndsTTL {
		if d.ExpiresAt = time.UnixMilli(ends); !d.ExpiresAt.After(at) {
			f.Errors["ttl"] = "the directive has ended, so that it needs another TTL"
		}
	}
	if f.MaxPerSecond != "" {
		if d.MaxPerSecond, err = strconv.Atoi(f.MaxPerSecond); err != nil || d.MaxPerSecond < 1 {
			f.Errors["max_per_second"] = "must be a positive integer, or empty for no limit"
		}
	}
	d.Instances = f.instances()
	if len(f.Errors) > 0 {
		return d, false
	}
	if invalid, ok := validation(d.Validate()); ok {
		f.Errors[fieldOf(invalid.Path)] = invalid.Reason
	}
	return d, len(f.Errors) == 0
}

// instances returns which instances evaluate the directive, nil for all.
func (f *directiveForm) instances() *fleetdial.Instances {
	var in fleetdial.Instances
	in.Names = fields(f.OnInstance)
	for _, label := range fields(f.On) {
		name, value, ok := strings.Cut(label, "=")
		if !ok || name == "" {
			f.Errors["on"] = "must be NAME=VALUE, one label on each line"
			continue
		}
		if _, twice := in.Labels[name]; twice {
			f.Errors["on"] = "label " + plain.Printable(name) + ": is given twice"
			continue
		}
		if in.Labels == nil {
			in.Labels = make(map[string]string)
		}
		in.Labels[name] = value
	}
	if f.OnPerMille != "" {
		n, err := review.ParsePerMille(f.OnPerMille)
		if err != nil {
			f.Errors["on_per_mille"] = err.Error()
		}
		in.PerMille = &n
	}
	if len(in.Names) == 0 && len(in.Labels) == 0 && in.PerMille == nil {
		return nil
	}
	return &in
}

// fields returns the lines of a text that are not empty.
func fields(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// fieldOf returns the field of the form for the path of a validation error.
func fieldOf(path string) string {
	switch first, rest, _ := strings.Cut(path, "."); {
	case first == "instances" && strings.HasPrefix(rest, "names"):
		return "on_instance"
	case first == "instances" && strings.HasPrefix(rest, "labels"):
		return "on"
	case first == "instances":
		return "on_per_mille"
	case first == "sample_per_mille":
		return "sample"
	case first == "expires_at":
		return "ttl"
	default:
		return first
	}
}

// inputs returns the fields of the form that are set.
func (f *directiveForm) inputs() (inputs []input) {
	for _, field := range []input{
		{"id", f.ID},
		{"level", f.Level},
		{"tenant", f.Tenant},
		{"index", f.Index},
		{"principal", f.Principal},
		{"endpoint", f.Endpoint},
		{"ttl", f.TTL},
		{"ends", f.Ends},
		{"ends_ttl", f.EndsTTL},
		{"sample", f.Sample},
		{"ring_buffer", checked(f.RingBuffer)},
		{"capture", checked(f.Capture)},
		{"on_instance", f.OnInstance},
		{"on", f.On},
		{"on_per_mille", f.OnPerMille},
		{"max_per_second", f.MaxPerSecond},
	} {
		if field.Value != "" {
			inputs = append(inputs, field)
		}
	}
	return inputs
}

func checked(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// command returns the form as a command line.
func (f *directiveForm) command() string {
	words := []string{"publish add"}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, "--"+flag+" "+plain.ShellWord(value))
		}
	}
	add("id", f.ID)
	add("level", f.Level)
	add("tenant", f.Tenant)
	add("index", f.Index)
	add("principal", f.Principal)
	add("endpoint", f.Endpoint)
	if f.Sample != "1000" {
		add("sample", f.Sample)
	}
	if f.RingBuffer {
		words = append(words, "--ring-buffer")
	}
	if f.Capture {
		words = append(words, "--capture")
	}
	for _, name := range fields(f.OnInstance) {
		add("on-instance", name)
	}
	for _, label := range fields(f.On) {
		add("on", label)
	}
	add("on-per-mille", f.OnPerMille)
	add("max-per-second", f.MaxPerSecond)
	add("ttl", f.TTL)
	add("reason", f.Reason)
	return strings.Join(words, " ")
}

// reasonFlag returns the flag of a reason.
func reasonFlag(form url.Values) string {
	if reason := strings.TrimSpace(form.Get("reason")); reason != "" {
		return " --reason " + plain.ShellWord(reason)
	}
	return ""
}
