package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/redisserver"
)

// The fleet that scenarios follow. Signed values name its key.
const (
	fleet    = "conformance"
	redisKey = "fleetdial:{" + fleet + "}"
)

// The intervals of the subscriber, in ms.
const resyncMillis, timeoutMillis = 1000, 1000

// scenario is a line of scenarios.jsonl.
type scenario struct {
	Keys     []hexBytes        `json:"keys_hex"`
	SignKeys []hexBytes        `json:"sign_keys_hex"`
	Instance json.RawMessage   `json:"instance"`
	Steps    []json.RawMessage `json:"steps"`
}

// step is one step of a scenario. One field is set.
type step struct {
	Set               *stepRevision `json:"set"`
	Publish           *stepRevision `json:"publish"`
	Announce          *stepMessage  `json:"announce"`
	Delete            bool          `json:"delete"`
	WrongType         bool          `json:"wrong_type"`
	Server            string        `json:"server"`
	DropConnections   bool          `json:"drop_connections"`
	RestartSubscriber bool          `json:"restart_subscriber"`
	Expect            *expectation  `json:"expect"`
}

// stepMessage is what announce sends.
type stepMessage struct {
	Payload *hexBytes `json:"payload_hex"`
	announcement
}

// stage is a scenario that runs: its server and its program.
type stage struct {
	scenario
	server  *redisserver.Server
	program *program
}

// runScenario runs a scenario. The mismatch says which step failed.
func runScenario(ctx context.Context, start func(context.Context) (*program, error), v *vector) (*mismatch, error) {
	s := &stage{}
	if err := v.decode(&s.scenario); err != nil {
		return nil, err
	}
	var err error
	if s.server, err = redisserver.Start(ctx, redisserver.Config{Durable: true}); err != nil {
		return nil, err
	}
	defer s.server.Close()
	if s.program, err = start(ctx); err != nil {
		return nil, inVector(v, err)
	}
	defer s.program.close()
	m, err := answered(s.run(ctx, v))
	if err != nil || m != nil {
		return m, inVector(v, err)
	}
	return nil, inVector(v, s.program.finish(ctx))
}

func (s *stage) run(ctx context.Context, v *vector) (*mismatch, error) {
	if err := s.follow(ctx); err != nil {
		return nil, err
	}
	for i, text := range s.Steps {
		var next step
		if err := strictly(text, &next); err != nil {
			return nil, v.wrong(fmt.Errorf("steps[%d]: %w", i, err))
		}
		m, err := s.do(ctx, &next)
		if _, declined := errors.AsType[*noAnswer](err); declined {
			m, err = answered(nil, err)
		}
		if _, broken := errors.AsType[*ProgramError](err); err != nil && !broken && ctx.Err() == nil {
			return nil, v.wrong(fmt.Errorf("steps[%d]: %w", i, err))
		}
		if m != nil {
			m.what = fmt.Sprintf("steps[%d]: %s", i, m.what)
		}
		if err != nil || m != nil {
			return m, err
		}
	}
	return nil, s.stop(ctx)
}

// follow starts the subscriber.
func (s *stage) follow(ctx context.Context) error {
	request := struct {
		Op       string          `json:"op"`
		Redis    string          `json:"redis"`
		Fleet    string          `json:"fleet"`
		Resync   int             `json:"resync_ms"`
		Timeout  int             `json:"timeout_ms"`
		Keys     []hexBytes      `json:"keys_hex,omitempty"`
		Instance json.RawMessage `json:"instance,omitempty"`
	}{"follow", s.server.URL(), fleet, resyncMillis, timeoutMillis, s.Keys, s.Instance}
	var answer struct {
		Following bool `json:"following"`
	}
	err := s.program.ask(ctx, "follow", request, &answer)
	if err == nil && !answer.Following {
		return s.program.fail(`answered follow without "following":true`)
	}
	return err
}

// stop ends the subscriber.
func (s *stage) stop(ctx context.Context) error {
	request := struct {
		Op string `json:"op"`
	}{"stop"}
	var answer struct {
		Stopped bool `json:"stopped"`
	}
	err := s.program.ask(ctx, "stop", request, &answer)
	if err == nil && !answer.Stopped {
		return s.program.fail(`answered stop without "stopped":true`)
	}
	return err
}

// do does one step.
func (s *stage) do(ctx context.Context, next *step) (*mismatch, error) {
	if next.Expect != nil {
		return s.expect(ctx, next.Expect)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*redisserver.DefaultLimit, fmt.Errorf("%w: does not reply", redisserver.ErrServer))
	defer cancel()
	switch {
	case next.Set != nil:
		return nil, s.write(ctx, next.Set, false)
	case next.Publish != nil:
		return nil, s.write(ctx, next.Publish, true)
	case next.Announce != nil:
		payload, err := next.Announce.payload()
		if err != nil {
			return nil, err
		}
		return nil, s.server.Client().Publish(ctx, redisKey, payload).Err()
	case next.Delete:
		return nil, s.server.Client().Del(ctx, redisKey).Err()
	case next.WrongType:
		_, err := s.server.Client().TxPipelined(ctx, func(tx redis.Pipeliner) error {
			tx.Del(ctx, redisKey)
			tx.RPush(ctx, redisKey, "a list")
			return nil
		})
		return nil, err
	case next.Server != "":
		return nil, s.control(ctx, next.Server)
	case next.DropConnections:
		return nil, dropConnections(ctx, s.server.Client())
	case next.RestartSubscriber:
		if err := s.stop(ctx); err != nil {
			return nil, err
		}
		return nil, s.follow(ctx)
	}
	return nil, errors.New("does nothing")
}

// write writes the key and, if announced is set, sends the announcement.
func (s *stage) write(ctx context.Context, r *stepRevision, announced bool) error {
	value, named, err := r.encode(time.Now(), redisKey, s.SignKeys)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(named)
	if err != nil {
		return err
	}
	_, err = s.server.Client().TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.Set(ctx, redisKey, value, 0)
		if announced {
			tx.Publish(ctx, redisKey, payload)
		}
		return nil
	})
	return err
}

// payload returns the bytes of the message.
func (m *stepMessage) payload() ([]byte, error) {
	if m.Payload != nil {
		return *m.Payload, nil
	}
	return json.Marshal(m.announcement)
}

// control does a step of the server.
func (s *stage) control(ctx context.Context, what string) error {
	switch what {
	case "kill":
		s.server.Kill()
		return nil
	case "restart":
		return s.server.Restart(ctx)
	case "restart_empty":
		return s.server.RestartEmpty(ctx)
	case "pause":
		return s.server.Pause()
	case "resume":
		return s.server.Resume()
	}
	return fmt.Errorf("server: unknown word %q (kill, restart, restart_empty, pause or resume)", what)
}

// dropConnections ends all connections except the one of this command.
func dropConnections(ctx context.Context, client *redis.Client) error {
	for _, kind := range []string{"normal", "pubsub"} {
		if err := client.Do(ctx, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes").Err(); err != nil {
			return err
		}
	}
	return nil
}
