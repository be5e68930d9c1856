package main

import (
	"encoding/json"
	"net/http"
	"sync"
)

// ring is a ring buffer of the latest records. It is safe for concurrent use.
type ring struct {
	mu   sync.Mutex
	all  []record
	next int
	full bool
}

func newRing(size int) *ring { return &ring{all: make([]record, size)} }

func (r *ring) add(rec record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[r.next] = rec
	r.next++
	if r.next == len(r.all) {
		r.next, r.full = 0, true
	}
}

// records returns the records in the ring buffer, oldest first.
func (r *ring) records() []record {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]record, 0, len(r.all))
	if r.full {
		out = append(out, r.all[r.next:]...)
	}
	return append(out, r.all[:r.next]...)
}

// ServeHTTP responds with the records as a JSON array.
func (r *ring) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed (accepted: GET, HEAD)", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(r.records())
}
