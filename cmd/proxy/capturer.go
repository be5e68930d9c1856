package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// captureQueue is the maximum number of captures that wait for the writer. The
	// comment of capture states the size of each.
	captureQueue  = 64
	captureSuffix = ".ndjson"
)

type captureConfig struct {
	dir               string
	maxFile, maxTotal int64
	maxAge            time.Duration
	maxBody           int
}

func (c captureConfig) check() error {
	switch {
	case c.maxFile < 1<<10:
		return usagef("--capture-file-bytes: must be at least 1024")
	case c.maxTotal < c.maxFile:
		return usagef("--capture-total-bytes: must be at least --capture-file-bytes")
	case c.maxAge < time.Second:
		return usagef("--capture-age: must be at least 1s")
	case c.maxBody < 0 || c.maxBody > 1<<20:
		return usagef("--capture-body-bytes: must be 0 to 1048576")
	case 2*int64(c.maxBody) > c.maxFile:
		return usagef("--capture-body-bytes: must be at most half of --capture-file-bytes")
	}
	return nil
}

// capturer writes captures to files on its own goroutine, so that no request waits for a
// disk. If the queue is full, the capturer drops and counts the capture.
type capturer struct {
	cfg     captureConfig
	log     *slog.Logger
	queue   chan capture
	stop    chan struct{}
	done    chan struct{}
	unlock  func()
	written atomic.Int64
	dropped atomic.Int64

	// Only the goroutine of run uses the fields below.
	file    *os.File
	size    int64
	opened  time.Time
	failing bool
}

// newCapturer creates the capture directory if it is missing, locks it, and starts a
// capturer. The lock is necessary, because two capturers in one directory would remove
// each other's files. The caller must call close.
func newCapturer(cfg captureConfig, log *slog.Logger) (*capturer, error) {
	if err := os.MkdirAll(cfg.dir, 0o700); err != nil {
		return nil, fmt.Errorf("--capture-dir: %w", err)
	}
	unlock, locked, err := lockDirectory(cfg.dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--capture-dir: %w", err)
	case !locked:
		return nil, fmt.Errorf("--capture-dir: %s: another process uses this directory (each proxy needs its own)", cfg.dir)
	}
	c := &capturer{
		cfg: cfg, log: log, queue: make(chan capture, captureQueue), stop: make(chan struct{}), done: make(chan struct{}), unlock: unlock,
	}
	go c.run()
	return c, nil
}

// add puts a capture into the queue. It never blocks.
func (c *capturer) add(item capture) {
	select {
	case c.queue <- item:
	default:
		c.dropped.Add(1)
	}
}

// close writes the captures in the queue, and waits for the goroutine. A capture that is
// added after close is lost. This happens only for a request that outlives the shutdown.
func (c *capturer) close() {
	close(c.stop)
	<-c.done
	c.unlock()
}

func (c *capturer) run() {
	defer close(c.done)
	// The ticker is necessary, because files expire also while no request is captured.
	ticker := time.NewTicker(min(c.cfg.maxAge, time.Minute))
	defer ticker.Stop()
	for {
		select {
		case item := <-c.queue:
			c.logOutcome(c.write(item))
		case <-ticker.C:
			if c.file != nil && time.Since(c.opened) > c.cfg.maxAge/2 {
				c.closeFile()
			}
			c.logOutcome(c.prune())
		case <-c.stop:
			for range len(c.queue) {
				c.logOutcome(c.write(<-c.queue))
			}
			c.closeFile()
			return
		}
	}
}

// logOutcome logs one line when the first of several operations fails, and one line when
// an operation succeeds again.
func (c *capturer) logOutcome(err error) {
	switch failing := err != nil; {
	case failing && !c.failing:
		c.log.Warn("capture write failed", "err", err)
	case !failing && c.failing:
		c.log.Info("capture write recovered")
	}
	c.failing = err != nil
}

// write appends a capture to the file. If the write fails, the capture is counted as
// dropped. A capture that is larger than a file is dropped too, but is not an error.
func (c *capturer) write(item capture) error {
	line, err := json.Marshal(item)
	if err != nil || int64(len(line)) >= c.cfg.maxFile {
		c.dropped.Add(1)
		return err
	}
	if err := c.append(append(line, '\n')); err != nil {
		c.dropped.Add(1)
		return err
	}
	c.written.Add(1)
	return nil
}

func (c *capturer) append(line []byte) (err error) {
	if c.file != nil && (c.size+int64(len(line)) > c.cfg.maxFile || time.Since(c.opened) > c.cfg.maxAge/2) {
		c.closeFile()
	}
	if c.file == nil {
		if err := c.prune(); err != nil {
			return err
		}
		name := fmt.Sprintf("capture-%s-%d%s", time.Now().UTC().Format("20060102T150405.000000000"), os.Getpid(), captureSuffix)
		c.file, err = os.OpenFile(filepath.Join(c.cfg.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			c.file = nil
			return err
		}
		c.size, c.opened = 0, time.Now()
	}
	n, err := c.file.Write(line)
	c.size += int64(n)
	return err
}

func (c *capturer) closeFile() {
	if c.file != nil {
		c.logOutcome(c.file.Close())
		c.file = nil
	}
}

// prune removes the files that are older than maxAge. It also removes the oldest files
// until another full file fits into maxTotal.
func (c *capturer) prune() error {
	entries, err := os.ReadDir(c.cfg.dir) // sorted by name, and therefore by age
	if err != nil {
		return err
	}
	var files []os.FileInfo
	var total int64
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "capture-") || !strings.HasSuffix(entry.Name(), captureSuffix) {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			continue // the file was removed in the meantime
		}
		files = append(files, info)
		total += info.Size()
	}
	for _, info := range files {
		tooOld := time.Since(info.ModTime()) > c.cfg.maxAge
		if tooMuch := total+c.cfg.maxFile > c.cfg.maxTotal; !tooOld && !tooMuch {
			continue
		}
		if c.file != nil && filepath.Base(c.file.Name()) == info.Name() {
			continue
		}
		if err := os.Remove(filepath.Join(c.cfg.dir, info.Name())); err != nil && !os.IsNotExist(err) {
			return err
		}
		total -= info.Size()
	}
	return nil
}
