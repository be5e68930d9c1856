package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// waitingAfter is how long Redis may take to reply before the command says so on a terminal.
const waitingAfter = time.Second

// timed returns a context that ends after --timeout. If it does not end soon, a line on the
// terminal says for what the command waits.
func (a *app) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	if a.quiet || a.timeout <= waitingAfter || !tui.IsTerminal(a.stderr) {
		return ctx, cancel
	}
	line := time.AfterFunc(waitingAfter, func() {
		a.messagef("waiting for %s, for %v more", a.connection.Server(), a.timeout-waitingAfter)
	})
	return ctx, func() {
		line.Stop()
		cancel()
	}
}

// isOfRedis reports whether the cause of an error is that Redis is unavailable, or its reply.
func isOfRedis(err error) bool {
	_, isReply := errors.AsType[redis.Error](err)
	return isReply || errors.Is(err, fleetdial.ErrUnavailable)
}

// serverText returns the text of an error. For an error of Redis, or about a fleet that does not
// exist, it names the server, and what to do next.
func (a *app) serverText(err error) string {
	text := err.Error()
	_, isNoFleet := errors.AsType[*noFleetError](err)
	_, isUsage := errors.AsType[*usageError](err)
	if !isOfRedis(err) && !isNoFleet || isUsage {
		return text
	}
	text = strings.ReplaceAll(text, context.DeadlineExceeded.Error(), fmt.Sprintf("no reply within %v", a.timeout))
	server := a.connection.Server()
	denied := func(next string) string {
		text = strings.ReplaceAll(text, fleetdial.ErrUnavailable.Error(), "redis denied access")
		return "\n  " + next
	}
	next := ""
	switch {
	case redis.HasErrorPrefix(err, "NOPERM"):
		next = denied("publish acl prints the rights that a user needs")
	case redis.HasErrorPrefix(err, "NOAUTH"), redis.HasErrorPrefix(err, "WRONGPASS"):
		next = denied("check the user name and the password in the URL, redis://USER:PASSWORD@HOST:PORT")
	case exitCode(err) == exitUnavailable:
		next = "\n  check that the server runs: " + a.connection.Ping()
	}
	if a.connection.IsDefault() {
		server += ", the default (--redis-url or FLEETDIAL_REDIS_URL names another)"
	}
	return text + "\n  server " + server + next
}

// followers says how many instances follow the fleet, and on which server if that is not the
// default one. It is silent if the roster cannot be read, because the publish succeeded.
func (a *app) followers(ctx context.Context, p *fleetdial.Publisher) {
	timed, cancel := a.timed(ctx)
	defer cancel()
	roster, err := p.Roster(timed)
	if err != nil {
		return
	}
	live := 0
	for _, in := range roster.Instances {
		if in.State != fleetdial.InstanceGone {
			live++
		}
	}
	where := ""
	if !a.connection.IsDefault() {
		where = " on " + a.connection.Server()
	}
	switch live {
	case 0:
		a.messagef("no instance follows fleet %q%s", a.fleet, where)
	case 1:
		a.messagef("1 instance follows fleet %q%s", a.fleet, where)
	default:
		a.messagef("%d instances follow fleet %q%s", live, a.fleet, where)
	}
}
