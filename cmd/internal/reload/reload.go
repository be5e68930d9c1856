// Package reload keeps what files hold, and reads the files again when they have changed.
package reload

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
)

// Value is what files hold. Get reads the files again when they have changed. While the files
// are invalid, for example because only one of two has been replaced, Value keeps what they
// held. It is safe for concurrent use.
type Value[T any] struct {
	noun     string
	files    []string
	parse    func(contents [][]byte) (T, error)
	readFile func(name string) ([]byte, error)
	log      *slog.Logger

	mu      sync.Mutex
	read    []os.FileInfo // the files when they were read last
	invalid error         // why the files that were read last are not valid
	current T
	failing bool
}

// New reads the files. parse gets their contents in the order of the files. The noun names the
// value in log lines.
func New[T any](noun string, log *slog.Logger, parse func(contents [][]byte) (T, error), files ...string) (*Value[T], error) {
	v := &Value[T]{
		noun: noun, files: files, parse: parse, readFile: os.ReadFile, log: log, read: make([]os.FileInfo, len(files)),
	}
	if _, err := v.reload(); err != nil {
		return nil, err
	}
	return v, nil
}

// Get returns what the files hold. It logs the first of several failures, and each change.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch changed, err := v.reload(); {
	case err != nil && !v.failing:
		v.failing = true
		v.log.Warn(v.noun+" reload failed", "err", err)
	case err == nil && changed:
		v.failing = false
		v.log.Info(v.noun + " reloaded")
	case err == nil && v.failing:
		v.failing = false // the files are back, as they were
	}
	return v.current
}

// reload reads the files if they have changed. Invalid files are read once, not at each Get.
func (v *Value[T]) reload() (changed bool, err error) {
	found := make([]os.FileInfo, len(v.files))
	for i, file := range v.files {
		if found[i], err = os.Stat(file); err != nil {
			return false, err
		}
		changed = changed || isChanged(v.read[i], found[i])
	}
	if !changed {
		return false, v.invalid
	}
	contents := make([][]byte, len(v.files))
	for i, file := range v.files {
		if contents[i], err = v.readFile(file); err != nil {
			return true, err // it may pass without a change of the files
		}
	}
	value, err := v.parse(contents)
	v.read, v.invalid = found, err
	if err == nil {
		v.current = value
	}
	return true, err
}

func isChanged(before, now os.FileInfo) bool {
	return before == nil || !os.SameFile(before, now) || !before.ModTime().Equal(now.ModTime()) || before.Size() != now.Size()
}

// Certificate returns the certificate of a listener, from two PEM files.
func Certificate(certFile, keyFile string, log *slog.Logger) (*Value[*tls.Certificate], error) {
	return New("certificate", log, func(pem [][]byte) (*tls.Certificate, error) {
		cert, err := tls.X509KeyPair(pem[0], pem[1])
		return &cert, err
	}, certFile, keyFile)
}
