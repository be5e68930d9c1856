package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/process"
)

// maxAnswerBytes bounds a line of the program. A revision of the largest value takes less.
const maxAnswerBytes = 64 << 20

// ProgramError is the error of a program under test that breaks the driver protocol.
type ProgramError struct {
	Problem string
	// Stderr is the end of what the program wrote to its standard error.
	Stderr string
}

func (e *ProgramError) Error() string {
	if e.Stderr == "" {
		return "the program " + e.Problem
	}
	return fmt.Sprintf("the program %s; its last messages:\n%s", e.Problem, e.Stderr)
}

// program is a running program under test, which answers lines of JSON.
type program struct {
	process *process.Process
	in      io.WriteCloser
	out     *os.File
	stderr  tail
	limit   time.Duration
	// answers gets the lines of the program. It is closed at the end of the output.
	answers chan []byte
	// end is why the output ended: io.EOF, or an answer that is too long. It is valid once
	// answers is closed.
	end error
	// closing is closed by close, and ends the goroutine that reads.
	closing  chan struct{}
	reader   sync.WaitGroup
	closeOne sync.Once
}

// startProgram starts the program. The caller has to call close.
func startProgram(command []string, limit time.Duration) (*program, error) {
	out, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(command[0], command[1:]...)
	p := &program{out: out, limit: limit, answers: make(chan []byte), closing: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = write, &p.stderr
	// A child that has left the process group may hold the standard error open.
	cmd.WaitDelay = time.Second
	if p.in, err = cmd.StdinPipe(); err == nil {
		p.process, err = process.Start(cmd)
	}
	_ = write.Close()
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("start the program: %w", err)
	}
	p.reader.Go(p.read)
	return p, nil
}

// read sends the lines of the program to answers.
func (p *program) read() {
	defer close(p.answers)
	lines := bufio.NewScanner(p.out)
	lines.Buffer(nil, maxAnswerBytes)
	for lines.Scan() {
		select {
		case p.answers <- bytes.Clone(lines.Bytes()):
		case <-p.closing:
			return
		}
	}
	if p.end = lines.Err(); p.end == nil {
		p.end = io.EOF
	}
}

// ask sends a request, and decodes the answer. op names the request in errors. The error is a
// *[ProgramError], a *[noAnswer] or that of ctx. After a *ProgramError or the end of ctx, the
// program has been killed.
func (p *program) ask(ctx context.Context, op string, request, answer any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	timed, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	// Killing the program ends a write to a program that does not read.
	defer context.AfterFunc(timed, p.process.Kill)()
	select {
	case text, ok := <-p.answers:
		if ok {
			return p.fail("wrote a line without a request: " + quoted(text))
		}
		return p.ended(ctx, timed, op)
	default:
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return p.ended(ctx, timed, op)
	}
	select {
	case text, ok := <-p.answers:
		if !ok {
			return p.ended(ctx, timed, op)
		}
		return p.decode(op, text, answer)
	case <-timed.Done():
		return p.ended(ctx, timed, op)
	}
}

// noAnswer is the error of a program that says that it cannot answer.
type noAnswer struct{ text string }

func (n *noAnswer) Error() string { return n.text }

// decode decodes an answer.
func (p *program) decode(op string, text []byte, answer any) error {
	var failed struct {
		Error *string `json:"error"`
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) || !json.Valid(text) {
		return p.fail(fmt.Sprintf("answered %s with something else than a JSON object: %s", op, quoted(text)))
	}
	if err := json.Unmarshal(text, &failed); err == nil && failed.Error != nil {
		return &noAnswer{*failed.Error}
	}
	if err := json.Unmarshal(text, answer); err != nil {
		problem := err.Error()
		if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			problem = fmt.Sprintf("%s must not be a %s", mistyped.Field, mistyped.Value)
		}
		return p.fail(fmt.Sprintf("answered %s with a wrong object: %s: %s", op, problem, quoted(text)))
	}
	return nil
}

// ended kills the program, and returns why it did not answer.
func (p *program) ended(ctx, timed context.Context, op string) error {
	if ctx.Err() != nil {
		p.close()
		return ctx.Err()
	}
	if timed.Err() != nil {
		return p.fail(fmt.Sprintf("did not answer %s within %v", op, p.limit))
	}
	// The program has closed a pipe, which it does by ending, in most cases.
	select {
	case <-p.process.Done():
	case <-time.After(time.Second):
	}
	ended := p.process.HasEnded()
	p.close()
	switch {
	case errors.Is(p.end, bufio.ErrTooLong):
		return p.fail(fmt.Sprintf("answered %s with a line of more than %d bytes", op, maxAnswerBytes))
	case !ended:
		return p.fail("closed its input or output before it answered " + op)
	}
	return p.fail(fmt.Sprintf("ended before it answered %s: %s", op, p.process.Exit()))
}

// fail kills the program, and returns an error with what the program wrote last.
func (p *program) fail(problem string) error {
	p.close()
	return &ProgramError{Problem: problem, Stderr: p.stderr.String()}
}

// finish ends the input of the program, and waits until the program has ended.
func (p *program) finish(ctx context.Context) error {
	_ = p.in.Close()
	limit := time.NewTimer(p.limit)
	defer limit.Stop()
	select {
	case <-p.process.Done():
	case <-ctx.Done():
		return ctx.Err()
	case <-limit.C:
		return p.fail(fmt.Sprintf("did not end within %v of the end of its input", p.limit))
	}
	return nil
}

// close kills the program and its children. It is safe to call twice.
func (p *program) close() {
	p.closeOne.Do(func() {
		close(p.closing)
		p.process.Kill()
		_ = p.in.Close()
		_ = p.out.Close()
		p.reader.Wait()
	})
}

// quoted returns the beginning of what a program wrote, safe for a terminal.
func quoted(text []byte) string {
	const limit = 200
	if len(text) > limit {
		return fmt.Sprintf("%q…", text[:limit])
	}
	return fmt.Sprintf("%q", text)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const limit = 2 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-limit):])
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.text), "�"))
}
