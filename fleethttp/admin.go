package fleethttp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
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
	// minAdminTokenBytes keeps tokens from being guessed.
	minAdminTokenBytes = 16
	// publishTimeout bounds how long a POST waits for Redis; settling a lost reply may take three seconds more.
	publishTimeout = 10 * time.Second
)

var errAdminToken = errors.New("fleethttp: an admin token has at least 16 bytes")

// AdminConfig says who may use an AdminHandler, and what for.
type AdminConfig struct {
	// Token is what requests have to bear, in "Authorization: Bearer TOKEN": at least 16 bytes. While it is empty, every
	// request is answered with 404.
	Token string
	// Publisher is what POST publishes through. Where it is nil, POST goes into the store if that is a *fleetdial.Memory,
	// and is answered with 404 otherwise.
	Publisher *fleetdial.Publisher
	// AllowPlainHTTP takes requests that did not come over TLS, for proxies behind something that ends it.
	AllowPlainHTTP bool
}

// AdminHandler returns a handler for a path such as /admin/directives.
//
// GET shows the store's set: "directives", each with "expired" and the fields of a publish body, and of a Subscriber also
// "revision" and "status". POST makes the set of its body, osproxy's publish body in JSON, the store's or the fleet's. Its query
// may have "reason", and "if_version", which publishes over that version only, 0 being none. It answers with how many
// directives were published, as "directives" and, as osproxy does, "published"; through a Publisher also with the "revision".
//
// Whatever is refused is answered with problem details after RFC 9457, whose member "error" is a Reason. Of a POST that
// is refused nothing is written. The error is that of a token that is too short.
func AdminHandler(store fleetdial.Store, cfg AdminConfig) (http.Handler, error) {
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
	if p, refused := h.refuses(w, r); refused {
		p.write(w)
		return
	}
	if r.Method == http.MethodPost {
		h.publish(w, r)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, h.introspect(time.Now()))
}

// refuses says why a request is not served, before anything of it is looked at.
func (h *admin) refuses(w http.ResponseWriter, r *http.Request) (problem, bool) {
	switch {
	case h.cfg.Token == "":
		return problem{Status: http.StatusNotFound, Error: ReasonNotEnabled}, true
	case r.TLS == nil && !h.cfg.AllowPlainHTTP:
		return problem{Status: http.StatusForbidden, Error: ReasonTLSRequired, Detail: "plain HTTP would show the token"}, true
	case !h.authorized(r):
		w.Header().Set("WWW-Authenticate", `Bearer realm="directives"`)
		return problem{Status: http.StatusUnauthorized, Error: ReasonUnauthorized}, true
	case !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost}, r.Method):
		w.Header().Set("Allow", "GET, HEAD, POST")
		return problem{Status: http.StatusMethodNotAllowed, Error: ReasonMethod}, true
	}
	return problem{}, false
}

// authorized compares digests, so that the time it takes tells neither the token nor its length.
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
	// An explanation knows of each directive whether it is over by the clock that the set goes by.
	grounds := h.store.Load().Explain(fleetdial.Request{}, now).Directives
	out := introspection{Directives: make([]directiveView, len(grounds))}
	for i, g := range grounds {
		d := g.Directive
		view := directiveView{
			ID: d.ID, Level: d.Level.String(), SamplePerMille: d.SamplePerMille, ExpiresAt: d.ExpiresAt.UTC(),
			RingBuffer: d.RingBuffer, Capture: d.Capture, Expired: g.Expired,
			Tenant: d.Match.Tenant, Index: d.Match.Index, Principal: d.Match.Principal,
		}
		if d.Match.Endpoint != fleetdial.AnyEndpoint {
			view.Endpoint = d.Match.Endpoint.String()
		}
		out.Directives[i] = view
	}
	if s, ok := h.store.(statuser); ok {
		status := s.Status()
		view, revision := newStatusView(status), newRevisionView(status.Revision)
		out.Status, out.Revision = &view, &revision
	}
	return out
}

func newRevisionView(rev fleetdial.Revision) revisionView {
	return revisionView{
		Version: rev.Version, ID: rev.ID, PublishedAt: moment(rev.PublishedAt), PublishedBy: rev.PublishedBy,
		Reason: rev.Reason, SignedBy: rev.SignedBy,
	}
}

// published is what POST answers. Published is osproxy's word for Directives.
type published struct {
	Directives int           `json:"directives"`
	Published  int           `json:"published"`
	Revision   *revisionView `json:"revision,omitempty"`
}

func (h *admin) publish(w http.ResponseWriter, r *http.Request) {
	memory, isMemory := h.store.(*fleetdial.Memory)
	if h.cfg.Publisher == nil && !isMemory {
		problem{Status: http.StatusNotFound, Error: ReasonNotEnabled, Detail: "this proxy publishes nothing"}.write(w)
		return
	}
	opts, err := publishOptions(r.URL.RawQuery)
	if err == nil && h.cfg.Publisher == nil && opts.IfVersion != 0 {
		err = errors.New("if_version: this store has no versions")
	}
	if err != nil {
		problem{Status: http.StatusBadRequest, Error: ReasonParameter, Detail: err.Error()}.write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, fleetdial.MaxBodyBytes))
	if err != nil {
		refusal(err, ReasonBody).write(w)
		return
	}
	var out published
	if h.cfg.Publisher != nil {
		out, err = h.publishToFleet(r.Context(), body, opts)
	} else {
		out, err = publishToMemory(memory, body)
	}
	if err != nil {
		refusal(err, ReasonFailed).write(w)
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
	if err != nil {
		return out, err
	}
	return published{Directives: set.Len(), Published: set.Len(), Revision: new(newRevisionView(rev))}, nil
}

func publishToMemory(memory *fleetdial.Memory, body []byte) (out published, err error) {
	set, err := fleetdial.ParseSet(body, time.Now())
	if err != nil {
		return out, err
	}
	memory.Publish(set)
	return published{Directives: set.Len(), Published: set.Len()}, nil
}

// publishOptions reads the query of a POST, in which nothing may be mistaken: a condition that is not understood would
// publish without it.
func publishOptions(query string) (opts fleetdial.PublishOptions, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return opts, errors.New("the query is malformed")
	}
	for name, all := range values {
		switch {
		case len(all) > 1:
			return opts, errors.New(name + ": is repeated")
		case name == "reason":
			opts.Reason = all[0]
		case name == "if_version":
			version, err := strconv.ParseInt(all[0], 10, 64)
			switch {
			case err != nil || version < 0:
				return opts, errors.New("if_version: must be a version")
			case version == 0:
				version = fleetdial.IfAbsent
			}
			opts.IfVersion = version
		default:
			return opts, errors.New("unknown parameter: there are reason and if_version")
		}
	}
	return opts, nil
}

// refusal tells why a publish failed; otherwise is the reason where the error is of no kind that is known. What comes
// from Redis stays out of the answer: it names servers.
func refusal(err error, otherwise Reason) problem {
	if e, ok := errors.AsType[*fleetdial.ValidationError](err); ok {
		return problem{Status: http.StatusBadRequest, Error: ReasonInvalid, Field: e.Path, Detail: e.Error()}
	}
	if e, ok := errors.AsType[*fleetdial.ConflictError](err); ok {
		return problem{Status: http.StatusConflict, Error: ReasonConflict, Version: &e.Version}
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{
			Status: http.StatusRequestEntityTooLarge, Error: ReasonTooLarge,
			Detail: "the limit is " + strconv.FormatInt(e.Limit, 10) + " bytes",
		}
	}
	switch {
	case errors.Is(err, fleetdial.ErrOutcomeUnknown):
		return problem{Status: http.StatusGatewayTimeout, Error: ReasonOutcomeUnknown}
	case errors.Is(err, fleetdial.ErrUnavailable):
		return problem{Status: http.StatusServiceUnavailable, Error: ReasonUnavailable}
	case otherwise == ReasonBody:
		return problem{Status: http.StatusBadRequest, Error: ReasonBody}
	}
	return problem{Status: http.StatusInternalServerError, Error: otherwise}
}
