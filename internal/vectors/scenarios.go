package vectors

import (
	"encoding/json"
	"slices"
	"strings"
)

// scenario is a line of scenarios.jsonl.
type scenario struct {
	vector
	Level    string     `json:"level"`
	Keys     []hexBytes `json:"keys_hex,omitempty"`
	SignKeys []hexBytes `json:"sign_keys_hex,omitempty"`
	Instance *instance  `json:"instance,omitempty"`
	Steps    []step     `json:"steps"`
}

// step has one key.
type step struct {
	Set               *written `json:"set,omitempty"`
	Publish           *written `json:"publish,omitempty"`
	Announce          *message `json:"announce,omitempty"`
	Delete            bool     `json:"delete,omitempty"`
	WrongType         bool     `json:"wrong_type,omitempty"`
	Server            string   `json:"server,omitempty"`
	DropConnections   bool     `json:"drop_connections,omitempty"`
	RestartSubscriber bool     `json:"restart_subscriber,omitempty"`
	Expect            *expect  `json:"expect,omitempty"`
}

// written is a value or a revision that a step writes.
type written struct {
	Value hexBytes
	*published
}

// published is a revision whose directives have a TTL.
type published struct {
	Version      int64            `json:"version"`
	ID           string           `json:"id"`
	Directives   []map[string]any `json:"directives"`
	Sign         *int             `json:"sign,omitempty"`
	PublishedAgo int64            `json:"published_ago_ms,omitempty"`
}

// MarshalJSON returns the bytes of a value, or the revision.
func (w *written) MarshalJSON() ([]byte, error) {
	if w.published == nil {
		return json.Marshal(map[string]hexBytes{"value_hex": w.Value})
	}
	return json.Marshal(w.published)
}

// message is an announcement, or any other message.
type message struct {
	Payload hexBytes
	Version int64
	ID      string
}

// MarshalJSON returns the announcement, or the bytes of another message.
func (m *message) MarshalJSON() ([]byte, error) {
	if m.ID != "" {
		return json.Marshal(announced{m.Version, m.ID})
	}
	return json.Marshal(map[string]hexBytes{"payload_hex": m.Payload})
}

// expect is what must hold within a time, and then for a while.
type expect struct {
	Within    int64    `json:"within_ms"`
	Hold      int64    `json:"hold_ms,omitempty"`
	State     string   `json:"state,omitempty"`
	Version   *int64   `json:"version,omitempty"`
	ID        string   `json:"id,omitempty"`
	Decisions []answer `json:"decisions,omitempty"`
}

type answer struct {
	Request  request  `json:"request"`
	Decision decision `json:"decision"`
}

// The times of the scenarios. A busy machine needs more than the protocol.
const (
	soon   = 4000
	reach  = 6000  // for a connection after a backoff, too
	resync = 12000 // ten resyncs, and some time more
	long   = 600_000
)

// scenarios returns the lines of scenarios.jsonl.
func scenarios() []scenario {
	return slices.Concat(
		announcementScenarios(), keyScenarios(), rejectionScenarios(), serverScenarios(), expiryScenarios(),
		instanceScenarios(), signedScenarios(),
	)
}

// follow returns a scenario of a subscriber without trusted keys.
func follow(name, rules string, steps ...step) scenario {
	return scenario{vector: named(name, rules), Level: "L2", Steps: steps}
}

// id returns the id of a revision with a number.
func id(n int) string { return strings.Repeat(string("0123456789abcdef"[n]), 32) }

// ttl returns a directive for a tenant.
func ttl(tenant, level string, ms int64) map[string]any {
	return map[string]any{
		"id": "for " + tenant, "level": level, "sample_per_mille": 1000, "ttl_ms": ms, "ring_buffer": false, "capture": false,
		"tenant": tenant,
	}
}

// shaping is a revision with one directive, for the tenant acme.
func shaping(version int) *published { return shapingFor(version, "acme", long) }

func shapingFor(version int, tenant string, ms int64) *published {
	return &published{Version: int64(version), ID: id(version), Directives: []map[string]any{ttl(tenant, "Shape", ms)}}
}

func set(p *published) step     { return step{Set: &written{published: p}} }
func publish(p *published) step { return step{Publish: &written{published: p}} }
func setValue(b []byte) step    { return step{Set: &written{Value: b}} }

func announce(version int, id string) step {
	return step{Announce: &message{Version: int64(version), ID: id}}
}

func send(payload string) step { return step{Announce: &message{Payload: hexBytes(payload)}} }

// server does something to the server.
func server(what string) step { return step{Server: what} }

// holds is a step that waits for a state.
func holds(within int64, state string, more ...func(*expect)) step {
	e := &expect{Within: within, State: state}
	for _, m := range more {
		m(e)
	}
	return step{Expect: e}
}

// lives is a step that waits for a revision of shaping.
func lives(version int) step { return holds(soon, "live", of(version), shapes("acme")) }

// keeps is a step that waits for a state in which the revision of shaping stays in force.
func keeps(within int64, state string, version int, more ...func(*expect)) step {
	return holds(within, state, append(more, of(version), shapes("acme"))...)
}

func of(version int) func(*expect) {
	return func(e *expect) {
		e.Version, e.ID = pointer(int64(version)), id(version)
		if version == 0 {
			e.ID = ""
		}
	}
}

func hold(ms int64) func(*expect) { return func(e *expect) { e.Hold = ms } }

// shapes says that a directive for a tenant applies.
func shapes(tenant string) func(*expect) {
	return func(e *expect) {
		e.Decisions = append(e.Decisions, answer{request{Tenant: tenant, ID: "1"}, decision{Level: "Shape", By: "for " + tenant}})
	}
}

// nothing says that no directive for a tenant applies.
func nothing(tenant string) func(*expect) {
	return func(e *expect) {
		e.Decisions = append(e.Decisions, answer{request{Tenant: tenant, ID: "1"}, decision{Level: "Off"}})
	}
}
