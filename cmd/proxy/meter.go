package main

import (
	"io"
	"sync"
)

// meter counts what is read of a body, and keeps its beginning if it is told to.
type meter struct {
	mu   sync.Mutex
	n    int64
	keep int
	kept []byte
}

func (m *meter) size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// beginning returns what was kept, and whether that is all.
func (m *meter) beginning() ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]byte(nil), m.kept...), m.n == int64(len(m.kept))
}

// metered is a body that a meter reads along.
type metered struct {
	io.ReadCloser
	m *meter
	// failed is told of an error that is not the body's end.
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
