package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// beatTime is the time between two beats of a stream of events, so that a proxy does not take the
// stream for dead, and a page notices that nothing arrives.
const beatTime = 15 * time.Second

// serveEvents sends an event for each newer state of the fleet: server-sent events, as the HTML
// standard describes them. The page then fetches what it shows.
func (c *Console) serveEvents(w http.ResponseWriter, r *http.Request) {
	fleet := segment(r, "fleet")
	if _, err := c.cfg.publisher(fleet, ""); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	watcher, err := c.hub.Watch(r.Context(), fleet)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer watcher.Close()
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // a server without deadlines has none to remove
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.URL.Query().Get("after")
	}
	send := func(format string, args ...any) error {
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return err
		}
		return out.Flush()
	}
	// The first beat tells the page at once that events arrive.
	err = send("retry: 1000\nevent: beat\ndata:\n\n")
	for err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), beatTime)
		state, waitErr := watcher.Next(ctx, after)
		cancel()
		switch {
		case waitErr == nil:
			after = state.ID
			err = send("id: %s\nevent: change\ndata:\n\n", after)
		case errors.Is(waitErr, context.DeadlineExceeded) && r.Context().Err() == nil:
			err = send(": beat\nevent: beat\ndata:\n\n")
		default:
			return
		}
	}
}
