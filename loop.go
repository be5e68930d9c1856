package fleetdial

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/report"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// loop gives the events of the timer and of Refresh to the follower, and calls the
// Logger. Sessions and fetches run on goroutines of their own, so that a Redis that hangs
// delays no other event. They give their events to the follower on their own goroutines,
// because a hand-over to this goroutine would delay every publish.
func (s *Subscriber) loop() {
	defer s.timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case r := <-s.refreshes:
			s.handle(r)
		case <-s.timer.C:
			s.handle(follow.Timer{})
		case <-s.toLog:
			s.writeLines()
		}
	}
}

// handle gives an event to the follower, and carries out the effects that the follower
// returns, one event at a time. handle runs on the goroutine that has the event. After
// Close has begun, handle does nothing.
func (s *Subscriber) handle(event any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	now := time.Now()
	if d := s.suspensions.Check(now); d > 0 {
		s.carryOut(s.follower.Handle(now, follow.Suspended{For: d}))
	}
	switch e := event.(type) {
	case refresh:
		s.asked++
		s.waiters[s.asked] = e.done
		event = follow.Refresh{Waiter: s.asked}
	case follow.SessionLost:
		s.endSession(e.Session)
	case follow.Timer:
		s.wakeAt = time.Time{}
	}
	out := s.follower.Handle(now, event)
	s.carryOut(out)
	// The timer is only set to an earlier time. A timer that fires too early costs less than
	// to set the timer at each event.
	if s.wakeAt.IsZero() || out.WakeAt.Before(s.wakeAt) {
		s.wakeAt = out.WakeAt
		s.timer.Reset(s.wakeAt.Sub(now))
	}
}

// carryOut carries out the effects of an event.
func (s *Subscriber) carryOut(out follow.Effects) {
	if out.Set != nil {
		local := out.Set.ForInstance(s.cfg.Instance, s.cfg.Labels)
		s.set.Store(directive.Metered(local, s.set.Load()))
	}
	s.show()
	if out.Applied != nil {
		s.listeners.Tell(*out.Applied)
	}
	for _, number := range out.EndSessions {
		s.endSession(number)
	}
	if out.OpenSession != 0 {
		ctx, end := context.WithCancel(s.ctx)
		s.sessions[out.OpenSession] = end
		s.remote.Go(func() { s.session(ctx, out.OpenSession) })
	}
	if out.Fetch != nil {
		s.fetches <- *out.Fetch // there is room, because there is one fetch at a time
	}
	for _, answer := range out.Answers {
		s.waiters[answer.Waiter] <- answer.Err
		delete(s.waiters, answer.Waiter)
	}
	if out.Started {
		s.started <- out.StartErr
	}
	if out.Report && s.reporter != nil {
		s.reporter.Ask(out.ReportSpread)
	}
	if out.Save != nil && s.snapshot != nil {
		s.snapshot.Save(out.Save.Value, out.Save.Epoch)
	}
	for _, line := range out.Log {
		if len(s.lines) < maxLines && s.log.Enabled(context.Background(), levelOf(line)) {
			s.lines = append(s.lines, line)
		}
	}
	if len(s.lines) > 0 {
		select {
		case s.toLog <- struct{}{}:
		default:
		}
	}
}

// maxLines is the number of lines that wait for a Logger that blocks. Further lines are
// dropped.
const maxLines = 256

func levelOf(line follow.Line) slog.Level {
	if line.Warn {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// writeLines writes the waiting lines.
func (s *Subscriber) writeLines() {
	s.mu.Lock()
	lines := s.lines
	s.lines = nil
	s.mu.Unlock()
	for _, line := range lines {
		s.log.Log(context.Background(), levelOf(line), "fleetdial: "+line.Message, line.Attrs...)
	}
}

// show stores the status of the follower for Status and for reports.
func (s *Subscriber) show() {
	v := &report.View{Status: s.follower.Status(), Digest: s.follower.Digest(), Set: s.set.Load()}
	v.Epoch, v.RoundTrip = s.follower.Clock()
	s.view.Store(v)
}

// endSession ends a session, unless it has ended already.
func (s *Subscriber) endSession(number uint64) {
	if end := s.sessions[number]; end != nil {
		end()
		delete(s.sessions, number)
	}
}

// session runs one session, and handles its events.
func (s *Subscriber) session(ctx context.Context, number uint64) {
	if number > 1 {
		s.client.RefreshTopology(ctx)
	}
	err := s.client.Subscribe(ctx, s.cfg.SubscriptionTimeout/2, func(reply any) {
		s.handle(sessionEvent(number, reply))
	})
	s.handle(follow.SessionLost{Session: number, Err: err})
}

// sessionEvent returns the event of a reply on a session.
func sessionEvent(number uint64, reply any) follow.Event {
	switch reply := reply.(type) {
	case *redis.Subscription:
		if reply.Kind == "subscribe" {
			return follow.Subscribed{Session: number}
		}
		return follow.Unsubscribed{Session: number}
	case *redis.Message:
		return follow.Message{Session: number, Payload: reply.Payload}
	case error:
		return follow.ErrorReply{Session: number, Err: reply}
	}
	return follow.Pong{Session: number}
}

// fetcher runs one fetch after another. All fetches run on one goroutine, because a new
// goroutine would have to grow its stack for each fetch.
func (s *Subscriber) fetcher() {
	for f := range s.fetches {
		s.fetch(f)
	}
}

// fetch runs one fetch and handles its result.
func (s *Subscriber) fetch(f follow.Fetch) {
	ctx, cancel := context.WithTimeout(s.ctx, f.Timeout)
	defer cancel()
	var event follow.Fetched
	switch {
	case f.Mode == follow.FetchClock:
		var m store.Measurement
		m, event.Err = s.client.ReadClock(ctx)
		event.Reading.Clock = &m
	case f.Mode == follow.FetchHeader:
		event.Reading, event.Err = s.client.ReadHeader(ctx, wire.HeaderBytes)
	case f.Clock:
		event.Reading, event.Err = s.client.ReadValue(ctx, s.cfg.MaxBytes+1)
	default:
		event.Reading, event.Err = s.client.ReadBare(ctx, s.cfg.MaxBytes+1)
	}
	s.handle(event)
}
