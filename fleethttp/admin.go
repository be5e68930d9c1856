package fleethttp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
)

const (
	// minAdminTokenBytes is the shortest token that AdminHandler accepts, because a
	// shorter token could be guessed.
	minAdminTokenBytes = 16
	// publishTimeout is the longest time that a POST waits for Redis. If the reply to the
	// publish is lost, the POST may take three seconds more.
	publishTimeout = 10 * time.Second
)

var errAdminToken = errors.New("fleethttp: AdminConfig.Token: must be at least 16 bytes")

// AdminConfig configures [AdminHandler].
type AdminConfig struct {
	// Token is the bearer token of admin requests ("Authorization: Bearer TOKEN"), at
	// least 16 bytes. If Token is empty, the handler answers every request with 404.
	Token string
	// Publisher publishes the body of a POST to the fleet. If Publisher is nil and the
	// store is a [*fleetdial.Memory], POST publishes to the store. If Publisher is nil
	// and the store is of any other type, the handler answers POST with 404.
	Publisher *fleetdial.Publisher
	// AllowPlainHTTP accepts requests without TLS, for a proxy behind a TLS terminator.
	AllowPlainHTTP bool
}

// AdminHandler returns a handler that shows and publishes directives, for a path such as
// /admin/directives. The error reports a store that is nil, or a Token that is too short.
//
// GET returns the set of the store as "directives". They are the directives that this
// instance evaluates. Each directive has the fields of a publish body and "expired". If
// the store counts, a directive also has "hits": "applied" is the number of requests to
// which the directive applied, and "capped" the number of requests to which it did not
// apply because of its max_per_second. If the store is a [fleetdial.StatusStore], such as
// a [fleetdial.Subscriber], the response also has "revision" and "status".
//
// POST publishes its body, which is osproxy's publish body in JSON. The query accepts
// three parameters. "reason" is the reason for the change. "if_version" publishes only if
// the current revision has this version, where 0 means no current revision.
// "any_format=true" publishes also if a live instance does not read the format of the
// set. The response has the number of directives twice: as "directives", and as
// "published" for clients of osproxy. If the handler has a Publisher, the response also
// has the "revision".
//
// The handler answers a rejected request with problem details (RFC 9457), whose member
// "error" is a [Reason]. A POST that fails writes nothing, with two exceptions: after
// [ReasonOutcomeUnknown], the set may be published, and after [ReasonIncomplete], the set
// is published.
func AdminHandler(store fleetdial.Store, cfg AdminConfig) (http.Handler, error) {
	if isNil(store) {
		return nil, fmt.Errorf("fleethttp: %w", errNoStore)
	}
	if cfg.Token != "" && len(cfg.Token) < minAdminTokenBytes {
		return nil, errAdminToken
	}
	return &admin{store: store, cfg: cfg, token: sha256.Sum256([]byte(cfg.Token))}, nil
}

type admin struct {
	store fleetdial.Store
	cfg   AdminConfig
	token [sha256.Size]byte
}

func (h *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p, rejected := h.reject(w, r); rejected {
		p.write(w)
		return
	}
	if r.Method == http.MethodPost {
		h.publish(w, r)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, h.introspect(time.Now()))
}

// reject returns the problem of a request that the handler does not serve. It reads only
// the method and the header of the request.
func (h *admin) reject(w http.ResponseWriter, r *http.Request) (problem, bool) {
	switch {
	case h.cfg.Token == "":
		return problem{Status: http.StatusNotFound, Error: ReasonNotEnabled}, true
	case r.TLS == nil && !h.cfg.AllowPlainHTTP:
		return problem{Status: http.StatusForbidden, Error: ReasonTLSRequired, Detail: "use HTTPS, because plain HTTP exposes the token"}, true
	case !h.authorized(r):
		w.Header().Set("WWW-Authenticate", `Bearer realm="directives"`)
		return problem{Status: http.StatusUnauthorized, Error: ReasonUnauthorized}, true
	case !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost}, r.Method):
		w.Header().Set("Allow", "GET, HEAD, POST")
		return problem{Status: http.StatusMethodNotAllowed, Error: ReasonMethod}, true
	}
	return problem{}, false
}

// authorized compares digests in constant time, so that the time of the comparison
// reveals neither the token nor its length.
func (h *admin) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given := sha256.Sum256([]byte(token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(given[:], h.token[:]) == 1
}

type directiveView struct {
	ID             string    `json:"id"`
	Level          string    `json:"level"`
	SamplePerMille int       `json:"sample_per_mille"`
	ExpiresAt      time.Time `json:"expires_at"`
	RingBuffer     bool      `json:"ring_buffer"`
	Capture        bool      `json:"capture"`
	Tenant         string    `json:"tenant,omitempty"`
	Index          string    `json:"index,omitempty"`
	Principal      string    `json:"principal,omitempty"`
	Endpoint       string    `json:"endpoint,omitempty"`
	Expired        bool      `json:"expired"`

	Instances    *instancesView `json:"instances,omitempty"`
	MaxPerSecond int            `json:"max_per_second,omitempty"`
	Hits         *hitsView      `json:"hits,omitempty"`
}

// instancesView is which instances evaluate a directive, as in a publish body.
type instancesView struct {
	Names    []string          `json:"names,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	PerMille *int              `json:"per_mille,omitempty"`
}

// hitsView is what a directive has counted on this instance.
type hitsView struct {
	Applied int64 `json:"applied"`
	Capped  int64 `json:"capped"`
}

type revisionView struct {
	Version     int64      `json:"version"`
	ID          string     `json:"id,omitempty"`
	PublishedAt *time.Time `json:"published_at,omitempty"`
	PublishedBy string     `json:"publisher,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	SignedBy    string     `json:"signed_by,omitempty"`
}

type introspection struct {
	Directives []directiveView `json:"directives"`
	Revision   *revisionView   `json:"revision,omitempty"`
	Status     *statusView     `json:"status,omitempty"`
}

func (h *admin) introspect(now time.Time) introspection {
	// Explain uses the clock of the set to determine whether a directive has expired.
	set := h.store.Load()
	explained := set.Explain(fleetdial.Request{}, now).Directives
	hits := hitsOf(set)
	out := introspection{Directives: make([]directiveView, len(explained))}
	for i, e := range explained {
		out.Directives[i] = newDirectiveView(e.Directive, e.Expired)
		if hits != nil {
			out.Directives[i].Hits = new(hits[e.Directive.ID])
		}
	}
	if s, ok := h.store.(fleetdial.StatusStore); ok {
		status := s.Status()
		view, revision := newStatusView(status), newRevisionView(status.Revision)
		out.Status, out.Revision = &view, &revision
	}
	return out
}

// hitsOf returns the hits of the directives by their ids, nil if the set does not count.
func hitsOf(set *fleetdial.Set) map[string]hitsView {
	if set.LevelHits() == nil {
		return nil
	}
	hits := make(map[string]hitsView)
	for _, h := range set.Hits() {
		hits[h.ID] = hitsView(h.Hits)
	}
	return hits
}

func newDirectiveView(d fleetdial.Directive, expired bool) directiveView {
	view := directiveView{
		ID: d.ID, Level: d.Level.String(), SamplePerMille: d.SamplePerMille, ExpiresAt: d.ExpiresAt.UTC(),
		RingBuffer: d.RingBuffer, Capture: d.Capture, Expired: expired,
		Tenant: d.Match.Tenant, Index: d.Match.Index, Principal: d.Match.Principal, MaxPerSecond: d.MaxPerSecond,
	}
	if d.Match.Endpoint != fleetdial.AnyEndpoint {
		view.Endpoint = d.Match.Endpoint.String()
	}
	if d.Instances != nil {
		view.Instances = new(instancesView(*d.Instances))
	}
	return view
}

func newRevisionView(rev fleetdial.Revision) revisionView {
	return revisionView{
		Version: rev.Version, ID: rev.ID, PublishedAt: utcOrNil(rev.PublishedAt), PublishedBy: rev.PublishedBy,
		Reason: rev.Reason, SignedBy: rev.SignedBy,
	}
}

// published is the response to a POST. Published repeats Directives under osproxy's name.
type published struct {
	Directives int           `json:"directives"`
	Published  int           `json:"published"`
	Revision   *revisionView `json:"revision,omitempty"`
}

func (h *admin) publish(w http.ResponseWriter, r *http.Request) {
	memory, isMemory := h.store.(*fleetdial.Memory)
	if h.cfg.Publisher == nil && !isMemory {
		problem{Status: http.StatusNotFound, Error: ReasonNotEnabled, Detail: "publishing is not configured on this proxy"}.write(w)
		return
	}
	opts, err := publishOptions(r.URL.RawQuery)
	if err == nil && h.cfg.Publisher == nil && opts.IfVersion != 0 {
		err = errors.New("if_version: not supported, because the store of this proxy has no versions")
	}
	if err != nil {
		problem{Status: http.StatusBadRequest, Error: ReasonParameter, Detail: err.Error()}.write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, fleetdial.MaxBodyBytes))
	if err != nil {
		problemOf(err, ReasonBody).write(w)
		return
	}
	var out published
	if h.cfg.Publisher != nil {
		out, err = h.publishToFleet(r.Context(), body, opts)
	} else {
		out, err = publishToMemory(memory, body)
	}
	if err != nil {
		problemOf(err, ReasonFailed).write(w)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, out)
}

func (h *admin) publishToFleet(ctx context.Context, body []byte, opts fleetdial.PublishOptions) (out published, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	now, err := h.cfg.Publisher.Now(ctx)
	if err != nil {
		return out, err
	}
	set, err := fleetdial.ParseSet(body, now)
	if err != nil {
		return out, err
	}
	rev, err := h.cfg.Publisher.Publish(ctx, set, opts)
	if err != nil && rev.ID != "" {
		return out, &incompleteError{rev.Version}
	}
	if err != nil {
		return out, err
	}
	return published{Directives: set.Len(), Published: set.Len(), Revision: new(newRevisionView(rev))}, nil
}

// incompleteError reports that a revision is published, and that Redis rejected a command
// after the write.
type incompleteError struct{ version int64 }

func (*incompleteError) Error() string { return "the set is published, but a later command failed" }

func publishToMemory(memory *fleetdial.Memory, body []byte) (out published, err error) {
	set, err := fleetdial.ParseSet(body, time.Now())
	if err != nil {
		return out, err
	}
	memory.Publish(set)
	return published{Directives: set.Len(), Published: set.Len()}, nil
}

// publishOptions returns the options in the query of a POST. It rejects every parameter
// that it does not know, because ignoring a misspelled condition would publish without
// the condition.
func publishOptions(query string) (opts fleetdial.PublishOptions, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return opts, errors.New("query: must be URL-encoded")
	}
	for name, all := range values {
		switch {
		case len(all) > 1:
			return opts, fmt.Errorf("%s: must be given once", name)
		case name == "reason":
			opts.Reason = all[0]
		case name == "if_version":
			version, err := strconv.ParseInt(all[0], 10, 64)
			switch {
			case err != nil || version < 0:
				return opts, errors.New("if_version: must be a non-negative integer")
			case version == 0:
				version = fleetdial.IfAbsent
			}
			opts.IfVersion = version
		case name == "any_format":
			if all[0] != "true" && all[0] != "false" {
				return opts, errors.New("any_format: must be true or false")
			}
			opts.AnyFormat = all[0] == "true"
		default:
			return opts, fmt.Errorf("%s: unknown parameter (accepted: reason, if_version, any_format)", name)
		}
	}
	return opts, nil
}

// problemOf returns the problem for the error of a publish. The reason of an error of an
// unknown kind is fallback. The text of a Redis error is not part of the problem, because
// it names servers.
func problemOf(err error, fallback Reason) problem {
	if e, ok := errors.AsType[*fleetdial.ValidationError](err); ok {
		return problem{Status: http.StatusBadRequest, Error: ReasonInvalid, Field: e.Path, Detail: e.Error()}
	}
	if e, ok := errors.AsType[*fleetdial.ConflictError](err); ok {
		return problem{Status: http.StatusConflict, Error: ReasonConflict, Version: &e.Version}
	}
	if e, ok := errors.AsType[*incompleteError](err); ok {
		return problem{Status: http.StatusInternalServerError, Error: ReasonIncomplete, Detail: e.Error(), Version: &e.version}
	}
	if e, ok := errors.AsType[*fleetdial.FormatError](err); ok && e.Err == nil {
		return problem{Status: http.StatusConflict, Error: ReasonFormat, Detail: e.Error()}
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{
			Status: http.StatusRequestEntityTooLarge, Error: ReasonTooLarge,
			Detail: fmt.Sprintf("body: must be at most %d bytes", e.Limit),
		}
	}
	switch {
	case errors.Is(err, fleetdial.ErrOutcomeUnknown):
		return problem{Status: http.StatusGatewayTimeout, Error: ReasonOutcomeUnknown}
	case errors.Is(err, fleetdial.ErrUnavailable):
		return problem{Status: http.StatusServiceUnavailable, Error: ReasonUnavailable}
	case fallback == ReasonBody:
		return problem{Status: http.StatusBadRequest, Error: ReasonBody}
	}
	return problem{Status: http.StatusInternalServerError, Error: fallback}
}
