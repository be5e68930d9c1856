package fleethttp

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"sync"
)

const (
	// RequestIDHeader carries a request's id, from which samples are drawn.
	RequestIDHeader = "X-Request-Id"
	// maxRequestIDBytes is more than any tracing system's ids have.
	maxRequestIDBytes = 128
	// newIDBytes is how much of an id is random, as in a trace id after W3C.
	newIDBytes = 16
	// idBatch is how many ids are made at once, so that a request that is given one pays for no allocation. A header that
	// is kept keeps its batch, 1.5 KB.
	idBatch = 32
)

// requestID returns the request's id, and whether it was given one for want of one that is fit to be logged.
func requestID(r *http.Request) (id string, given bool) {
	if ids := r.Header[RequestIDHeader]; len(ids) > 0 && isRequestID(ids[0]) {
		return ids[0], false
	}
	ids := newRequestID()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header[RequestIDHeader] = ids
	return ids[0], true
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestIDBytes {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// idsAhead are ids that no request has been given yet.
type idsAhead struct{ ids []string }

var aheadPool = sync.Pool{New: func() any { return new(idsAhead) }}

// newRequestID returns an id that is unique, and no secret, as the value of a header that nobody else has.
func newRequestID() []string {
	ahead := aheadPool.Get().(*idsAhead)
	if len(ahead.ids) == 0 {
		ahead.ids = newRequestIDs()
	}
	id := ahead.ids[:1:1]
	ahead.ids = ahead.ids[1:]
	aheadPool.Put(ahead)
	return id
}

func newRequestIDs() []string {
	var raw [idBatch * newIDBytes]byte
	for i := 0; i < len(raw); i += 8 {
		binary.LittleEndian.PutUint64(raw[i:], rand.Uint64())
	}
	var digits [2 * len(raw)]byte
	hex.Encode(digits[:], raw[:])
	text, ids := string(digits[:]), make([]string, idBatch)
	for i := range ids {
		ids[i] = text[i*2*newIDBytes : (i+1)*2*newIDBytes]
	}
	return ids
}
