// Package conformance tests a program in any language against the specification of the
// protocol: it sends the test vectors to the program, and runs the program against real
// redis-servers.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Levels are the levels of conformance that can be tested.
var Levels = []string{"L1", "L2", "L3"}

// DefaultAnswerTime is how long a program may take for an answer.
const DefaultAnswerTime = 10 * time.Second

// protocol is the version of the driver protocol.
const protocol = 1

// Config is what Run tests, and how.
type Config struct {
	// Command is the program and its arguments.
	Command []string
	// Vectors holds the files of spec/vectors by their names.
	Vectors map[string][]byte
	// Levels are the levels to test; the default is those that the program claims. Each level
	// includes L1.
	Levels []string
	// AnswerTime is how long the program may take for an answer; the default is
	// DefaultAnswerTime.
	AnswerTime time.Duration
	// Progress is called with each message of the progress; nil for none.
	Progress func(string)
}

// hello is the program's answer to hello.
type hello struct {
	Name   string   `json:"name"`
	Levels []string `json:"levels"`
}

// runner is one run of the tests.
type runner struct {
	cfg Config

	mu     sync.Mutex
	report Report
}

// Run tests a program. The error is a *[ProgramError] if the program breaks the driver
// protocol, and wraps [redisserver.ErrServer] if a redis-server cannot be used. When Run
// returns, the program, its children and the redis-servers have ended.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.AnswerTime == 0 {
		cfg.AnswerTime = DefaultAnswerTime
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	r := &runner{cfg: cfg}
	err := r.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.report.finish()
	return &r.report, nil
}

// run sends all vectors to the program, and runs the scenarios.
func (r *runner) run(ctx context.Context) error {
	p, claimed, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	levels, err := r.levels(p, claimed.Levels)
	if err != nil {
		return err
	}
	all, err := load(r.cfg.Vectors, levels)
	if err != nil {
		return fmt.Errorf("read the test vectors: %w", err)
	}
	r.report = Report{Program: claimed.Name, Levels: levels, Failures: []Failure{}}
	for _, f := range fileLevels {
		vectors := all[f.file]
		if len(vectors) == 0 || checks[f.file] == nil {
			continue
		}
		r.cfg.Progress(fmt.Sprintf("%s: %d lines", f.file, len(vectors)))
		if err := checks[f.file](ctx, p, vectors, r.add); err != nil {
			return err
		}
	}
	if err := p.finish(ctx); err != nil {
		return err
	}
	return r.scenarios(ctx, all["scenarios.jsonl"])
}

// start starts the program, and says hello.
func (r *runner) start(ctx context.Context) (*program, hello, error) {
	var claimed hello
	p, err := startProgram(r.cfg.Command, r.cfg.AnswerTime)
	if err != nil {
		return nil, claimed, err
	}
	request := struct {
		Op       string `json:"op"`
		Protocol int    `json:"protocol"`
	}{"hello", protocol}
	err = p.ask(ctx, "hello", request, &claimed)
	if declined, ok := errors.AsType[*noAnswer](err); ok {
		err = p.fail("answered hello with an error: " + compact(declined.text))
	}
	if err != nil {
		p.close()
		return nil, claimed, err
	}
	return p, claimed, nil
}

// levels returns the levels to test, in order.
func (r *runner) levels(p *program, claimed []string) ([]string, error) {
	wanted := r.cfg.Levels
	if len(wanted) == 0 {
		if !slices.Contains(claimed, "L1") {
			return nil, p.fail(fmt.Sprintf("claims the levels %s, but each level includes L1", compact(claimed)))
		}
		wanted = claimed
	}
	levels := []string{"L1"}
	for _, level := range Levels[1:] {
		if slices.Contains(wanted, level) {
			levels = append(levels, level)
		}
	}
	return levels, nil
}

// add adds the result of a vector.
func (r *runner) add(v *vector, m *mismatch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.add(v, m)
}

// scenarios runs the scenarios, two at a time for each processor, because they mostly wait.
func (r *runner) scenarios(ctx context.Context, vectors []*vector) error {
	if len(vectors) == 0 {
		return nil
	}
	r.cfg.Progress(fmt.Sprintf("scenarios.jsonl: %d scenarios", len(vectors)))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan *vector)
	var workers sync.WaitGroup
	for range min(2*runtime.GOMAXPROCS(0), len(vectors)) {
		workers.Go(func() {
			for v := range next {
				m, err := runScenario(ctx, r.startAgain, v)
				if err != nil {
					cancel(err) // only the first error counts
					return
				}
				r.add(v, m)
			}
		})
	}
feed:
	for _, v := range vectors {
		select {
		case next <- v:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// startAgain starts the program once more.
func (r *runner) startAgain(ctx context.Context) (*program, error) {
	p, _, err := r.start(ctx)
	return p, err
}
