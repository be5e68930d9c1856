package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// action is a change that a user asks for with a form.
type action struct {
	review.Change
	// title is the heading of its review, and command the same as a command line.
	title, command string
	// inputs are the fields of the form that ask for the same again.
	inputs []input
	// endsOthers says that the change may end directives of others, of which the user is asked.
	endsOthers bool
	// isDirect says that the change is made at once if there is nothing to confirm.
	isDirect bool
	// notesOf returns further lines of the review. It may be nil.
	notesOf func() []string
}

// input is a field of a form.
type input struct{ Name, Value string }

// reviewData is what the page of a review shows.
type reviewData struct {
	Review  review.Review
	Action  string // the URL of the form
	Inputs  []input
	Notes   []string
	Reason  string
	Command string
	// Expect names the current revision, and At the time from which TTLs count, in Unix ms.
	Expect string
	At     int64
	// Error is why the change was not made.
	Error string
}

// formTime is how long the time of a form counts. After that, TTLs count from the request.
const formTime = time.Hour

// maxFormBytes limits the body of a request: a publish body in which every byte is escaped, and the
// other fields.
const maxFormBytes = 3*fleetdial.MaxBodyBytes + 1<<16

// parseForm reads the form of a request that changes a fleet.
func (c *Console) parseForm(w http.ResponseWriter, r *http.Request) error {
	if !c.mayPublish(r) {
		return errReadOnly
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf(
				"nothing was written: the request is too large (a publish body has at most %d bytes)", fleetdial.MaxBodyBytes)}
		}
		return badRequest("nothing was written: the form cannot be read: " + err.Error())
	}
	return nil
}

// timeOf returns the time from which TTLs count: that of the review which the form confirms, or the
// clock of Redis.
func timeOf(ctx context.Context, r *http.Request, pub *fleetdial.Publisher) (time.Time, error) {
	now, err := pub.Now(ctx)
	if err != nil {
		return now, fmt.Errorf("nothing was written: %w", err)
	}
	ms, err := strconv.ParseInt(r.PostForm.Get("at"), 10, 64)
	if at := time.UnixMilli(ms); err == nil && !at.After(now) && now.Sub(at) < formTime {
		return at, nil
	}
	return now, nil
}

// act shows the review of a change or, once it is confirmed, makes the change. What was shown is
// what is published: if another revision came in between, act shows the new difference. A
// mistake in the form is an error of build.
func (c *Console) act(
	w http.ResponseWriter, r *http.Request, p *page, build func(ctx context.Context, pub *fleetdial.Publisher, at time.Time) (action, error),
) error {
	ctx, cancel := context.WithTimeout(r.Context(), redisTime)
	defer cancel()
	pub, err := c.cfg.publisher(p.Fleet, p.User.Name)
	if err != nil {
		return err
	}
	at, err := timeOf(ctx, r, pub)
	if err != nil {
		return err
	}
	a, err := build(ctx, pub, at)
	if err != nil {
		return err
	}
	draft, shown, err := c.review(ctx, pub, p, &a)
	if err != nil {
		return err
	}
	data := reviewData{
		Review: shown, Action: r.URL.EscapedPath(), Inputs: a.inputs, Reason: r.PostForm.Get("reason"),
		Command: a.command, Expect: expectation(&draft), At: at.UnixMilli(),
	}
	if a.notesOf != nil {
		data.Notes = a.notesOf()
	}
	isConfirmed, problem := confirmation(r, p, &data)
	if isConfirmed || a.isDirect && len(shown.Questions) == 0 && r.PostForm.Get("step") == "" {
		opts := fleetdial.PublishOptions{Reason: data.Reason}
		rev, err := draft.Publish(ctx, pub, opts)
		if err == nil {
			return c.published(w, r, p, rev)
		}
		if _, ok := errors.AsType[*fleetdial.ConflictError](err); !ok {
			return c.unpublished(p, err)
		}
		problem = "Nothing was written, because " + review.Overtaken(err) + ". Review the change again."
		if draft, data.Review, err = c.review(ctx, pub, p, &a); err != nil {
			return err
		}
		data.Expect = expectation(&draft)
	}
	data.Error = problem
	p.Title, p.Data = a.title, data
	c.render(w, http.StatusOK, "review", p)
	return nil
}

// review drafts a change, and returns what the user is told and asked.
func (c *Console) review(ctx context.Context, pub *fleetdial.Publisher, p *page, a *action) (review.Draft, review.Review, error) {
	draft, err := review.NewDraft(ctx, pub, a.Change, fleetdial.PublishOptions{})
	if err != nil {
		return draft, review.Review{}, err
	}
	var roster *fleetdial.Roster
	if p.State != nil {
		roster = &p.State.Roster
	}
	shown := review.Of(draft.From, draft.To, roster, draft.Format)
	if a.endsOthers && review.EndsAny(shown.Diff, p.Now) {
		entries, _ := pub.History(ctx) // an error leaves the authors unknown
		shown.Ask(review.OthersEnded(draft.From, entries, shown.Diff, p.User.Name, p.Now)...)
	}
	if draft.Unreadable != nil {
		shown.Ask(fmt.Sprintf("the key holds an unreadable value, which is replaced: %v", draft.Unreadable))
	}
	if draft.From.ID == "" && draft.Unreadable == nil && p.Fleet != "default" {
		if exists, err := pub.Exists(ctx); err == nil && !exists {
			shown.Ask("the fleet does not exist yet")
		}
	}
	return draft, shown, nil
}

// expectation names the revision that a draft was computed from.
func expectation(d *review.Draft) string {
	switch {
	case d.Unreadable != nil:
		return "unreadable"
	case d.From.ID == "":
		return "none"
	}
	return d.From.ID
}

// confirmation reports whether a form confirms the review. If it tries to, and does not, problem
// says why.
func confirmation(r *http.Request, p *page, data *reviewData) (isConfirmed bool, problem string) {
	if r.PostForm.Get("step") != "apply" {
		return false, ""
	}
	given := r.PostForm.Get("confirm")
	switch {
	case r.PostForm.Get("expect") != data.Expect:
		current := "the current revision was removed"
		if from := data.Review.From; from.Version > 0 {
			current = fmt.Sprintf("version %d was published", from.Version)
			if from.PublishedBy != "" {
				current += " by " + plain.Printable(from.PublishedBy)
			}
		}
		return false, "Nothing was written, because " + current + " since you saw the difference. Review the change again."
	case data.Review.IsBroad() && given != p.Fleet:
		return false, fmt.Sprintf("Nothing was written: to confirm, type the name of the fleet, %s.", p.Fleet)
	case !data.Review.IsBroad() && len(data.Review.Questions) > 0 && given == "":
		return false, "Nothing was written: tick the box to confirm."
	}
	return true, ""
}

// published shows the rollout of a revision that was published.
func (c *Console) published(w http.ResponseWriter, r *http.Request, p *page, rev fleetdial.Revision) error {
	c.hub.Refresh(p.Fleet)
	c.cfg.Logger.Info("revision published", "fleet", p.Fleet, "version", rev.Version, "id", rev.ID, "by", p.User.Name)
	http.Redirect(w, r, p.URL("rollout", strconv.FormatInt(rev.Version, 10)), http.StatusSeeOther)
	return nil
}

// unpublished describes the error of a publish.
func (c *Console) unpublished(p *page, err error) error {
	c.hub.Refresh(p.Fleet)
	if errors.Is(err, fleetdial.ErrOutcomeUnknown) {
		return fmt.Errorf("%w: see the history for whether the revision is there before you publish again", err)
	}
	return err
}

// commandLine returns a command line that reaches the same fleet.
func (c *Console) commandLine(p *page, command string) string {
	if p.Fleet != "default" {
		command += " --fleet " + plain.ShellWord(p.Fleet)
	}
	if c.cfg.CommandFlags != "" {
		command += " " + c.cfg.CommandFlags
	}
	return command
}

// previousVersion returns the version before the current one.
func previousVersion(p *page) (int64, error) {
	if p.State == nil {
		return 0, fleetdial.ErrUnavailable
	}
	earlier := overview.Earlier(p.State.History, p.State.Revision)
	if len(earlier) == 0 {
		return 0, notFound("rollback: the history holds no earlier revision")
	}
	return earlier[0].Revision.Version, nil
}
