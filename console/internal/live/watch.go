package live

import "context"

// Watcher tells when there is a newer state of a fleet. All methods are safe for concurrent use.
type Watcher struct{}

// Next returns the newest state whose ID differs from after, and waits for one if there is none.
// An empty string, and the ID of another Hub's state, differ from all. Before Redis has answered
// for the first time, there is no state, and Next waits.
//
// A new ID appears at once if the revision, the history, the names or states of instances or the
// presence of State.Err changed, and when a directive expires. It appears at most once a second if
// only reports, hits or the text of the error changed. It does not appear because time passes.
//
// The error is that of ctx, or ErrClosed.
func (w *Watcher) Next(ctx context.Context, after string) (*State, error) { return nil, ErrClosed }

// Close ends the watcher and its calls of Next. Close is safe to call twice.
func (w *Watcher) Close() {}
