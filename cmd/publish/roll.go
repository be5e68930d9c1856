package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// rollFlags are the flags of a roll.
type rollFlags struct {
	steps            string
	pause            time.Duration
	check            string
	noRevert, resume bool
}

const rollHelp = `roll publishes directives in steps, each on more instances than the step before. A
step is a revision. roll waits until every live instance has the revision, as --wait
does, holds for --pause, runs --check, and goes on with the next step. The last step
publishes the directives as the command asks for them. It has no pause without --check.

A step is a number of instances, or a percentage of the instances that a directive
concerns: the whole fleet, or the instances that the file names. A percentage that would
concern no instance is raised. Each step keeps the instances of the step before.

The roll adds its directives to the set, or replaces those with the same ids, as add and
-f --merge do. The others stay as they are. Until the last step, a replaced directive
applies only on the instances of the step. TTLs count from the start of the roll.

The check is a command of sh. An exit code other than 0 fails the step. The check finds
FLEETDIAL_FLEET, FLEETDIAL_VERSION, FLEETDIAL_STEP, FLEETDIAL_STEPS and, with the names
of the instances of the step, FLEETDIAL_INSTANCES in its environment.

After a rejection (exit code 6), a time-out (5), a failed check (1) or Ctrl-C (1), roll
publishes the set from before the roll again, except with --no-revert. If somebody else
publishes, the roll stops and changes nothing of that revision (4). If the command was
killed, the same command with --resume continues from the step that the key holds, and
publish rollback VERSION, with the version from before the roll, ends the roll.`

func (a *app) rollCommand() *cobra.Command {
	var f rollFlags
	var w writeFlags
	var file string
	cmd := &cobra.Command{
		Use:   "roll -f FILE | roll add --level LEVEL --ttl DURATION",
		Short: "Publish directives in steps, on more and more instances",
		Long:  rollHelp,
		Example: `  publish roll -f incident.json --steps 1,10%,50%,100% --pause 1m
  publish roll add --id s --level Shape --tenant acme --ttl 1h --check './error-rate.sh'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("file") {
				return usagef("roll: no file: pass -f FILE, or use publish roll add (see publish roll --help)")
			}
			return a.rollFile(cmd.Context(), file, f, w)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file with the directives, JSON or YAML; - for stdin")
	a.registerRoll(cmd, &f, &w)
	cmd.AddCommand(a.rollAddCommand())
	return cmd
}

func (a *app) rollAddCommand() *cobra.Command {
	var f rollFlags
	var w writeFlags
	var add addFlags
	cmd := &cobra.Command{
		Use:     "add --level LEVEL --ttl DURATION",
		Short:   "Publish a directive in steps, or replace the directive with the same id",
		Long:    "roll add rolls one directive out. See publish roll --help.",
		Example: `  publish roll add --id s --level Shape --tenant acme --ttl 1h --steps 1,100%`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.rollAdd(cmd.Context(), add, f, w, cmd.Flags().Changed)
		},
	}
	cmd.Flags().StringVar(&add.id, "id", "", "id of the directive (default a random id)")
	add.register(cmd)
	a.registerInstances(cmd, &add.instances)
	a.registerRoll(cmd, &f, &w)
	return cmd
}

func (a *app) registerRoll(cmd *cobra.Command, f *rollFlags, w *writeFlags) {
	flags := cmd.Flags()
	flags.StringVar(&f.steps, "steps", "1,10%,100%", "steps: numbers of instances, then percentages up to 100%")
	flags.DurationVar(&f.pause, "pause", 30*time.Second, "time from a step to its check, or to the next step")
	flags.StringVar(&f.check, "check", "", "command of sh that decides whether the roll goes on (default no check)")
	flags.BoolVar(&f.noRevert, "no-revert", false, "no return to the set from before the roll if a step fails")
	flags.BoolVar(&f.resume, "resume", false, "continuation of a roll from the step that the key holds")
	a.registerWrite(cmd, w)
	w.registerMaxTTL(cmd)
	flags.Lookup("wait").Hidden = true // a roll always waits
	w.wait.wait = true
}

// rollFile rolls the directives of a file out.
func (a *app) rollFile(ctx context.Context, file string, f rollFlags, w writeFlags) error {
	steps, err := f.parse(w)
	if err != nil {
		return err
	}
	body, err := a.readBody(ctx, file)
	if err != nil {
		return err
	}
	// An invalid body is rejected even if Redis is unreachable.
	if _, err := body.parse(time.Now(), w.maxTTL); err != nil && !dependsOnTime(err) {
		return err
	}
	return a.roll(ctx, f, w, steps, func(now time.Time) ([]fleetdial.Directive, error) {
		set, err := body.parse(now, w.maxTTL)
		if err != nil {
			return nil, err
		}
		if set.Len() == 0 {
			return nil, &rejectedError{fmt.Errorf("%s: holds no directive; nothing was written", inputName(file))}
		}
		return set.Directives(), nil
	})
}

// rollAdd rolls one directive out.
func (a *app) rollAdd(
	ctx context.Context, add addFlags, f rollFlags, w writeFlags, changed func(flag string) bool,
) error {
	steps, err := f.parse(w)
	switch {
	case err != nil:
		return err
	case !changed("level") || !changed("ttl"):
		return usagef("roll add: --level and --ttl are required")
	case f.resume && !changed("id"):
		return usagef("roll add: --resume requires --id, the id of the directive that the roll has published")
	}
	d, err := add.directive(changed, w.maxTTL)
	if err != nil {
		return &rejectedError{err}
	}
	return a.roll(ctx, f, w, steps, func(now time.Time) ([]fleetdial.Directive, error) {
		d.ExpiresAt = now.Add(add.ttl)
		// The expiry that the key holds, in milliseconds, is the one that the roll counts with.
		d.ExpiresAt = time.UnixMilli(d.ExpiresAt.UnixMilli())
		return []fleetdial.Directive{d}, nil
	})
}

// revertedReason begins the reason of the revision with which a roll takes its directives back.
const revertedReason = "reverted: "

// parse checks the flags that need nothing else, and returns the steps.
func (f *rollFlags) parse(w writeFlags) ([]rollStep, error) {
	steps, err := parseRollSteps(f.steps)
	switch {
	case err != nil:
		return nil, usagef("--steps: %w", err)
	case f.pause < 0:
		return nil, usagef("--pause: must not be negative")
	case !w.wait.wait:
		return nil, usagef("--wait: a roll always waits for the instances")
	case f.resume && w.hasIf:
		return nil, usagef("--resume and --if-version: exclude each other, because --resume requires the step of the roll")
	case f.resume && w.dryRun:
		return nil, usagef("--resume and --dry-run: exclude each other")
	case strings.HasPrefix(w.reason, revertedReason):
		return nil, usagef("--reason: must not begin with %q, which marks the end of a roll", revertedReason)
	}
	if err := w.wait.check(); err != nil {
		return nil, err
	}
	return steps, w.checkMaxTTL()
}

// roll is one run of the command.
type roll struct {
	app   *app
	p     *fleetdial.Publisher
	flags rollFlags
	w     writeFlags
	steps []rollStep
	// now is the clock of Redis at the start, from which TTLs count.
	now time.Time
	// own are the directives as the command asks for them.
	own  []fleetdial.Directive
	plan []plannedStep
	// base is the revision before the roll. baseErr is why it is not known.
	base    fleetdial.Revision
	baseErr error
	// anyFormat says that the operator accepts a format that live instances do not read.
	anyFormat bool
	// at is the index of the step that the fleet has, and last its revision. roster was taken
	// before that was published.
	at     int
	last   fleetdial.Revision
	roster fleetdial.Roster
	view   *rollView
}

// roll rolls the directives out that directives returns for the clock of Redis.
func (a *app) roll(
	ctx context.Context, f rollFlags, w writeFlags, steps []rollStep,
	directives func(now time.Time) ([]fleetdial.Directive, error),
) error {
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	r := &roll{app: a, p: p, flags: f, w: w, steps: steps}
	if r.now, err = a.redisTime(ctx, p); err != nil {
		return err
	}
	if r.own, err = directives(r.now); err != nil {
		return err
	}
	r.view = newRollView(r)
	if f.resume {
		err = r.resume(ctx)
	} else {
		err = r.begin(ctx)
	}
	if err != nil || w.dryRun {
		return err
	}
	return r.run(ctx)
}

// reason returns the reason of the revision of a step.
func (r *roll) reason(number int, text string) string {
	return fmt.Sprintf("roll %d/%d: %s", number, len(r.steps), text)
}

// why returns the reason for the roll: --reason, or the ids of the directives.
func (r *roll) why() string {
	if r.w.reason != "" {
		return r.w.reason
	}
	ids := make([]string, len(r.own))
	for i, d := range r.own {
		ids[i] = d.ID
	}
	return truncated(plain.Listed(plain.Words(ids)))
}

// begin shows what the roll will do, asks for confirmation if necessary, and publishes the first
// step over exactly the revision that it has shown. If another revision came in between, begin
// starts again, as every write does.
func (r *roll) begin(ctx context.Context) error {
	var asked bool
	var conflicts conflicts
	for {
		d, err := r.preview(ctx, &asked)
		if err == nil && r.w.dryRun {
			return nil
		}
		if err == nil {
			opts := r.w.options()
			d.Expect(&opts)
			// --yes also accepts an instance that has joined since the preview.
			opts.AnyFormat = opts.AnyFormat || r.w.yes
			r.anyFormat, r.base = opts.AnyFormat, d.From
			err = r.write(ctx, 0, d.From, opts)
		}
		if err == nil {
			a := r.app
			a.messagef("undo: %s", a.undo(r.base))
			return nil
		}
		if isUnwritten(err) {
			err = fmt.Errorf("nothing was written: %w", err)
		}
		if r.w.hasIf || !conflicts.wait(ctx, err, r.app.timeout, asked) {
			return err
		}
		r.app.messagef("%s", review.Overtaken(err))
	}
}

// preview shows the difference that the last step makes, and the steps.
func (r *roll) preview(ctx context.Context, asked *bool) (d draft, err error) {
	a, w := r.app, r.w
	w.reason = r.reason(len(r.steps), r.why()) // the longest one
	whole, err := fleetdial.NewSet(r.own)
	if err != nil {
		return d, asRejected(err)
	}
	c := change{
		creates: true,
		set: func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
			return review.Merge(current.Set, whole, r.now)
		},
		// The steps stand between the difference and the question.
		warnings: func(_ context.Context, from fleetdial.Revision, _ fleetdial.Diff) []string {
			r.view.showPlan(from)
			return nil
		},
	}
	if d, err = a.draft(ctx, r.p, w, c); err != nil {
		return d, err
	}
	if r.roster, err = r.takeRoster(ctx); err != nil {
		return d, fmt.Errorf("nothing was written: %w", err)
	}
	r.plan = planRoll(r.own, r.steps, membersOf(r.roster), 0, nil)
	if err := r.checkPlan(0, r.now); err != nil {
		return d, err
	}
	if err := r.checkFormat(ctx, w, &d); err != nil {
		return d, err
	}
	*asked, err = a.preview(ctx, r.p, w, c, d, *asked)
	return d, err
}

// checkPlan checks that the steps from the index on can end before a directive does, and that an
// instance is concerned.
func (r *roll) checkPlan(from int, now time.Time) error {
	needed := time.Duration(len(r.steps)-1-from) * r.flags.pause
	if r.flags.check != "" {
		needed += r.flags.pause
	}
	for _, d := range r.own {
		if left := d.ExpiresAt.Sub(now); left <= needed {
			return &rejectedError{fmt.Errorf("nothing was written: directive %s has %v left, and the pauses of the roll take %v "+
				"(raise its TTL, or lower --pause or the number of --steps)", plain.Word(d.ID), left.Round(time.Second), needed)}
		}
	}
	if len(concernedBy(r.own, membersOf(r.roster))) == 0 {
		r.app.messageLines(review.ConcernLines(r.roster, fleetdial.Diff{Added: r.own}))
		return &rejectedError{errors.New("nothing was written: the directives concern no live instance " +
			"(publish status INSTANCE shows the labels of an instance)")}
	}
	return nil
}

// takeRoster returns the roster whose instances the next step waits for.
func (r *roll) takeRoster(ctx context.Context) (fleetdial.Roster, error) {
	flags := r.w.wait
	flags.minInstances = 0 // steps need an instance, whatever --min-instances says
	roster, err := r.app.rosterToWaitFor(ctx, r.p, flags)
	if err == nil && !slices.ContainsFunc(roster.Instances, isLive) {
		err = fmt.Errorf("fleet %q: %w", r.app.fleet, fleetdial.ErrNoInstances)
	}
	return roster, err
}

// over returns the options of a publish over exactly the last step.
func (r *roll) over(reason string) fleetdial.PublishOptions {
	w := r.w
	w.hasIf, w.reason = false, reason // --if-version is for the first step
	opts := w.options()
	opts.IfCurrent, opts.AnyFormat = &r.last, r.anyFormat || r.w.yes
	return opts
}

func isLive(in fleetdial.Instance) bool { return in.State != fleetdial.InstanceGone }

// write publishes the step with that index over a revision.
func (r *roll) write(ctx context.Context, index int, over fleetdial.Revision, opts fleetdial.PublishOptions) error {
	set, err := r.stepSet(index, over)
	if err != nil {
		return err
	}
	opts.Reason, opts.DryRun = r.reason(index+1, r.why()), false
	rev, err := r.app.update(ctx, r.p, set, opts)
	if rev.Version > 0 { // also if Redis denied the announcement
		r.at, r.last = index, rev
	}
	return err
}
