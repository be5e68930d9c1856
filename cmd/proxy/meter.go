package main

import (
	"io"
	"sync"
)

// meter counts the bytes of a body, and keeps its first bytes.
type meter struct {
	mu   sync.Mutex
	n    int64
	keep int // maximum number of bytes to keep
	kept []byte
}

func (m *meter) size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// start returns the kept bytes, and whether they are the complete body.
func (m *meter) start() ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]byte(nil), m.kept...), m.n == int64(len(m.kept))
}

// metered is a body whose reads update a meter.
type metered struct {
	io.ReadCloser
	m *meter
	// failed is called with each read error except io.EOF.
	failed func(error)
}

func (b metered) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.failed(err)
	}
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	b.m.n += int64(n)
	if room := b.m.keep - len(b.m.kept); room > 0 {
		b.m.kept = append(b.m.kept, p[:min(n, room)]...)
	}
	return n, err
}
