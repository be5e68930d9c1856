//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// lockDirectory locks a directory with a file that must not exist, because this system has
// no flock. If a proxy is killed, the operator must remove the file. The result locked is
// false if the file exists.
func lockDirectory(dir string) (unlock func(), locked bool, err error) {
	name := filepath.Join(dir, "lock")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return func() {
		_ = file.Close()
		_ = os.Remove(name)
	}, true, nil
}
