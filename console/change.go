package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
	// Expect names the current revision, Seen what the page shows of the change, and At the time
	// from which TTLs count, in Unix ms.
	Expect, Seen string
	At           int64
	// Error is why the change was not made.
	Error string
}

// formTime is how long the time of a form counts. After that, TTLs count from the request.
const formTime = time.Hour

// maxReasonBytes limits the reason of a revision, see [fleetdial.PublishOptions].
const maxReasonBytes = 1024

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
		return now, err
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
		return unwritten(err)
	}
	a, err := build(ctx, pub, at)
	if err != nil {
		return unwritten(err)
	}
	data := &reviewData{
		Action: r.URL.EscapedPath(), Inputs: a.inputs, Reason: strings.TrimSpace(r.PostForm.Get("reason")),
		Command: a.command, At: at.UnixMilli(),
	}
	draft, err := c.review(ctx, pub, p, &a, data)
	if err != nil {
		return unwritten(err)
	}
	status, problem := confirmation(r, p, data)
	isDirect := a.isDirect && len(data.Review.Questions) == 0 && r.PostForm.Get("step") == ""
	if reason := reasonProblem(data.Reason); reason != "" {
		status, problem = http.StatusUnprocessableEntity, "Nothing was written: "+reason
	} else if status == http.StatusAccepted || isDirect {
		rev, err := draft.Publish(ctx, pub, fleetdial.PublishOptions{Reason: data.Reason})
		if err == nil {
			return c.published(w, r, p, rev)
		}
		if _, ok := errors.AsType[*fleetdial.ConflictError](err); !ok {
			return c.unpublished(p, rev, err)
		}
		status, problem = http.StatusConflict, "Nothing was written, because "+review.Overtaken(err)+". Review the change again."
		if _, err = c.review(ctx, pub, p, &a, data); err != nil {
			return unwritten(err)
		}
	}
	data.Error = problem
	p.Title, p.Data = a.title, data
	c.render(w, status, "review", p)
	return nil
}

// reasonProblem returns why a reason is not valid, empty if it is.
func reasonProblem(reason string) string {
	switch {
	case len(reason) > maxReasonBytes:
		return fmt.Sprintf("the reason has %d bytes, and the limit is %d.", len(reason), maxReasonBytes)
	case !utf8.ValidString(reason):
		return "the reason must be UTF-8."
	}
	return ""
}

// review drafts a change, and sets what the user is told and asked.
func (c *Console) review(
	ctx context.Context, pub *fleetdial.Publisher, p *page, a *action, data *reviewData,
) (review.Draft, error) {
	draft, err := review.NewDraft(ctx, pub, a.Change, fleetdial.PublishOptions{})
	if err != nil {
		return draft, err
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
	data.Review, data.Expect, data.Seen = shown, expectation(&draft), fingerprint(&shown)
	if a.notesOf != nil {
		data.Notes = a.notesOf()
	}
	return draft, nil
}

// fingerprint tells the sets and the questions of one review from those of any other. A form
// that confirms a review repeats it, so that nothing is published that was not shown.
func fingerprint(shown *review.Review) string {
	sum := sha256.New()
	sum.Write(fleetdial.AppendBody(nil, shown.To.Set))
	for _, question := range shown.Questions {
		fmt.Fprintf(sum, "%q", question.Text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
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

// confirmation returns the status StatusAccepted if a form confirms the review, and StatusOK if
// it does not try to. With another status, problem says why the form does not confirm the review.
func confirmation(r *http.Request, p *page, data *reviewData) (status int, problem string) {
	if r.PostForm.Get("step") != "apply" {
		return http.StatusOK, ""
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
		return http.StatusConflict, "Nothing was written, because " + current + " since you saw the difference. Review the change again."
	case r.PostForm.Get("seen") != data.Seen:
		return http.StatusConflict, "Nothing was written, because the change is no longer the one that you saw: " +
			"directives expired, the form is older than an hour, or other instances are live. Review the change again."
	case data.Review.IsBroad() && given != p.Fleet:
		return http.StatusUnprocessableEntity, fmt.Sprintf("Nothing was written: to confirm, type the name of the fleet, %s.", p.Fleet)
	case !data.Review.IsBroad() && len(data.Review.Questions) > 0 && given == "":
		return http.StatusUnprocessableEntity, "Nothing was written: tick the box to confirm."
	}
	return http.StatusAccepted, ""
}

// published shows the rollout of a revision that was published.
func (c *Console) published(w http.ResponseWriter, r *http.Request, p *page, rev fleetdial.Revision) error {
	c.hub.Refresh(p.Fleet)
	c.cfg.Logger.Info("revision published", "fleet", p.Fleet, "version", rev.Version, "id", rev.ID, "by", p.User.Name)
	http.Redirect(w, r, p.URL("rollout", strconv.FormatInt(rev.Version, 10)), http.StatusSeeOther)
	return nil
}

// unpublished describes the error of a publish. The revision is a zero one if nothing was written.
func (c *Console) unpublished(p *page, rev fleetdial.Revision, err error) error {
	c.hub.Refresh(p.Fleet)
	switch {
	case errors.Is(err, fleetdial.ErrOutcomeUnknown):
		return fmt.Errorf("%w: see the history for whether the revision is there before you publish again", err)
	case rev.ID != "":
		c.cfg.Logger.Warn("revision published, with an error", "fleet", p.Fleet, "version", rev.Version, "id", rev.ID, "by", p.User.Name, "error", err)
		return fmt.Errorf("version %d was published, but: %w", rev.Version, err)
	}
	return unwritten(err)
}

// unwritten adds to an error that nothing was written, if the error does not say it already.
func unwritten(err error) error {
	if strings.Contains(err.Error(), "nothing was written") {
		return err
	}
	return fmt.Errorf("nothing was written: %w", err)
}

// writeLine returns the command line of a command that publishes to the same fleet.
func (c *Console) writeLine(p *page, command string) string {
	line := c.commandLine(p, command)
	if c.cfg.WriteFlags != "" {
		line += " " + c.cfg.WriteFlags
	}
	return line
}

// idLine returns the command line of a command that changes one directive. An id that begins with
// a dash stands after all flags and --, because it would be a flag otherwise.
func (c *Console) idLine(p *page, command, id, flags string) string {
	if strings.HasPrefix(id, "-") {
		return c.writeLine(p, command+flags) + " -- " + plain.ShellWord(id)
	}
	return c.writeLine(p, command+" "+plain.ShellWord(id)+flags)
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
		return 0, unwritten(fleetdial.ErrUnavailable)
	}
	earlier := overview.Earlier(p.State.History, p.State.Revision)
	if len(earlier) == 0 {
		return 0, notFound("nothing was written: the history holds no earlier revision")
	}
	return earlier[0].Revision.Version, nil
}
