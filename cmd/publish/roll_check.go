package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// maxCheckNames bounds the names of the instances in the environment of a check, because Linux
// accepts 128 KiB in a variable.
const maxCheckNames = 100 << 10

// check runs the check of the step. The output of the check goes to stderr, because stdout is
// for data. When ctx ends, the check is killed with its children.
func (r *roll) check(ctx context.Context) error {
	step := &r.plan[r.at]
	names, left := joined(concernedBy(step.directives, membersOf(r.roster)), maxCheckNames)
	if left > 0 {
		r.app.messagef("warning: FLEETDIAL_INSTANCES lacks the names of %d instances, which are too many for a variable", left)
	}
	r.view.checking()
	cmd := exec.CommandContext(ctx, "sh", "-c", r.flags.check)
	cmd.Env = append(os.Environ(),
		"FLEETDIAL_FLEET="+r.app.fleet,
		fmt.Sprintf("FLEETDIAL_VERSION=%d", r.last.Version),
		fmt.Sprintf("FLEETDIAL_STEP=%d", step.number),
		fmt.Sprintf("FLEETDIAL_STEPS=%d", step.of),
		"FLEETDIAL_INSTANCES="+names,
	)
	cmd.Stdout, cmd.Stderr = r.app.stderr, r.app.stderr
	// A process that has left the group may keep the pipes of the output open.
	cmd.WaitDelay = time.Second
	inGroup(cmd)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		r.view.checked("failed")
		return fmt.Errorf("the check failed: %w", err)
	}
	r.view.checked("passed")
	return nil
}

// joined joins the first names with spaces, up to a limit of bytes. left is the number of the
// other names.
func joined(names []string, limit int) (text string, left int) {
	fit, size := 0, -1
	for _, name := range names {
		if size += 1 + len(name); size > limit {
			break
		}
		fit++
	}
	return strings.Join(names[:fit], " "), len(names) - fit
}
