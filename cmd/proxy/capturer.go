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
	// captureQueue bounds the captures that wait to be written; a capture says how large one can be.
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
		return usagef("--capture-age: must be at least a second")
	case c.maxBody < 0 || c.maxBody > 1<<20:
		return usagef("--capture-body-bytes: must be 0 to 1048576")
	case 2*int64(c.maxBody) > c.maxFile:
		return usagef("--capture-body-bytes: must be at most half of --capture-file-bytes")
	}
	return nil
}

// capturer writes captures to files, on a goroutine of its own, so that no request waits for a disk. What comes while
// the queue is full is dropped, and counted.
type capturer struct {
	cfg     captureConfig
	log     *slog.Logger
	queue   chan capture
	stop    chan struct{}
	done    chan struct{}
	written atomic.Int64
	dropped atomic.Int64

	// What follows is the goroutine's.
	file    *os.File
	size    int64
	opened  time.Time
	failing bool
}

// newCapturer makes the folder if it is not there. Whoever gets it closes it.
func newCapturer(cfg captureConfig, log *slog.Logger) (*capturer, error) {
	if err := os.MkdirAll(cfg.dir, 0o700); err != nil {
		return nil, err
	}
	c := &capturer{cfg: cfg, log: log, queue: make(chan capture, captureQueue), stop: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c, nil
}

// add hands a capture over; it never blocks.
func (c *capturer) add(one capture) {
	select {
	case c.queue <- one:
	default:
		c.dropped.Add(1)
	}
}

// close writes what waits, and returns when it is written. What is added later, by a request that was cut off, is lost.
func (c *capturer) close() {
	close(c.stop)
	<-c.done
}

func (c *capturer) run() {
	defer close(c.done)
	// Files also grow too old while nothing is captured.
	tidy := time.NewTicker(min(c.cfg.maxAge, time.Minute))
	defer tidy.Stop()
	for {
		select {
		case one := <-c.queue:
			c.tell(c.write(one))
		case <-tidy.C:
			if c.file != nil && time.Since(c.opened) > c.cfg.maxAge/2 {
				c.shut()
			}
			c.tell(c.prune())
		case <-c.stop:
			for range len(c.queue) {
				c.tell(c.write(<-c.queue))
			}
			c.shut()
			return
		}
	}
}

// tell logs one line when writing begins to fail, and one when it works again.
func (c *capturer) tell(err error) {
	switch failing := err != nil; {
	case failing && !c.failing:
		c.log.Warn("captures cannot be written", "err", err)
	case !failing && c.failing:
		c.log.Info("captures are written again")
	}
	c.failing = err != nil
}

// write appends a capture to the file, or counts it as dropped: one that no file may hold is no failure to write.
func (c *capturer) write(one capture) error {
	line, err := json.Marshal(one)
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
		c.shut()
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

func (c *capturer) shut() {
	if c.file != nil {
		c.tell(c.file.Close())
		c.file = nil
	}
}

// prune removes the files that are too old, and the oldest while another full one would be too much.
func (c *capturer) prune() error {
	entries, err := os.ReadDir(c.cfg.dir) // by name, and so by age
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
			continue // gone meanwhile
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
