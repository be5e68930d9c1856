package main

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
)

// certificates holds the certificate of the listeners. It reads the files again when they
// have changed. While the files are invalid, for example because only one of them has
// been replaced, it keeps the certificate that it has. It is safe for concurrent use.
type certificates struct {
	files    [2]string // certificate and key
	readFile func(name string) ([]byte, error)
	log      *slog.Logger

	mu      sync.Mutex
	read    [2]os.FileInfo // the files when they were read last
	invalid error          // why the files that were read last are not valid
	current *tls.Certificate
	failing bool
}

func loadCertificates(certFile, keyFile string, log *slog.Logger) (*certificates, error) {
	c := &certificates{files: [2]string{certFile, keyFile}, readFile: os.ReadFile, log: log}
	if _, err := c.reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// get returns the certificate for a handshake.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch changed, err := c.reload(); {
	case err != nil && !c.failing:
		c.failing = true
		c.log.Warn("certificate reload failed", "err", err)
	case err == nil && changed:
		c.failing = false
		c.log.Info("certificate reloaded")
	case err == nil && c.failing:
		c.failing = false // the files are back, as they were
	}
	return c.current, nil
}

// reload reads the files if they have changed. Invalid files are read once, not at each handshake.
func (c *certificates) reload() (changed bool, err error) {
	var found [2]os.FileInfo
	for i, file := range c.files {
		if found[i], err = os.Stat(file); err != nil {
			return false, err
		}
		changed = changed || isChanged(c.read[i], found[i])
	}
	if !changed {
		return false, c.invalid
	}
	var pem [2][]byte
	for i, file := range c.files {
		if pem[i], err = c.readFile(file); err != nil {
			return true, err // it may pass without a change of the files
		}
	}
	cert, err := tls.X509KeyPair(pem[0], pem[1])
	c.read, c.invalid = found, err
	if err == nil {
		c.current = &cert
	}
	return true, err
}

func isChanged(before, now os.FileInfo) bool {
	return before == nil || !os.SameFile(before, now) || !before.ModTime().Equal(now.ModTime()) || before.Size() != now.Size()
}
