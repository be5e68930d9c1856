package fleethttp

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"sync"
)

const (
	// RequestIDHeader is the header with the id of a request. Sampling hashes this id.
	RequestIDHeader = "X-Request-Id"
	// maxRequestIDBytes is longer than the ids of all common tracing systems.
	maxRequestIDBytes = 128
	// newIDBytes is the number of random bytes in a generated id, as in a W3C trace id.
	newIDBytes = 16
	// idBatch is the number of ids that one allocation generates, so that most generated
	// ids need no allocation. A header that stays in memory keeps its batch, 1.5 KB.
	idBatch = 32
)

// idChange is the change that requestID made to the X-Request-Id header.
type idChange uint8

const (
	idUnchanged idChange = iota
	idGenerated          // the header has a generated id
	idsRemoved           // the header had several ids, and has only the first one
)

// requestID returns the id of the request, and how requestID changed the request header.
// It generates an id if the request has no id that is safe to log.
func requestID(r *http.Request) (id string, change idChange) {
	ids := r.Header[RequestIDHeader]
	switch {
	case len(ids) == 0 || !isRequestID(ids[0]):
		change, ids = idGenerated, newRequestID()
		if r.Header == nil {
			r.Header = make(http.Header)
		}
		r.Header[RequestIDHeader] = ids
	case len(ids) > 1:
		change = idsRemoved
		r.Header[RequestIDHeader] = ids[:1:1]
	}
	removeOption(r.Header, "Connection", RequestIDHeader)
	return ids[0], change
}

// RequestID returns the id in the header of a request, and whether the request has an id
// that [Middleware] accepts. Otherwise the Middleware generates an id.
func RequestID(h http.Header) (id string, ok bool) {
	if ids := h[RequestIDHeader]; len(ids) > 0 && isRequestID(ids[0]) {
		return ids[0], true
	}
	return "", false
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

// unusedIDs holds generated ids that no request has yet.
type unusedIDs struct{ ids []string }

var unusedPool = sync.Pool{New: func() any { return new(unusedIDs) }}

// newRequestID returns a unique id as the value of a header. The slice belongs to the
// caller. The id is not secret, because its random source is not cryptographic.
func newRequestID() []string {
	unused := unusedPool.Get().(*unusedIDs)
	if len(unused.ids) == 0 {
		unused.ids = newRequestIDs()
	}
	id := unused.ids[:1:1]
	unused.ids = unused.ids[1:]
	unusedPool.Put(unused)
	return id
}

// newRequestIDs returns a batch of ids, which share one allocation.
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
