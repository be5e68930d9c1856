// Package review is what an operator is told about a change of a fleet, and asked before the change
// is published. It is the same in the command and in the console.
package review

import (
	"slices"

	"github.com/fleetdial/fleetdial"
)

// Review is a change of a fleet as an operator sees it.
type Review struct {
	From, To fleetdial.Revision
	Diff     fleetdial.Diff
	// Effects are the changes that make the fleet record more. Notes are hints and warnings about
	// directives that may not do what their author expects.
	Effects, Notes []string
	// Concerns say which live instances the directives with instances concern, and Warnings name
	// the instances on which the change has not the effect that it asks for. Both are empty if the
	// roster cannot be read.
	Concerns, Warnings []string
	// Questions are what the operator has to confirm.
	Questions []Question
}

// Question is what an operator has to confirm before a change is published.
type Question struct {
	Text string
	// IsBroad says that a directive matches every request, or captures traffic without a tenant,
	// index or principal.
	IsBroad bool
}

// Of returns the review of a change. The roster is nil if it cannot be read. Format names the live
// instances that do not read the new revision, nil if all do.
func Of(from, to fleetdial.Revision, roster *fleetdial.Roster, format *fleetdial.FormatError) Review {
	diff := fleetdial.DiffSets(from.Set, to.Set)
	r := Review{
		From: from, To: to, Diff: diff, Effects: effects(diff),
		Notes: Notes(diff),
	}
	if roster != nil {
		r.Concerns = ConcernLines(*roster, diff)
		r.Warnings = instanceWarnings(*roster, diff, to.SignedBy != "")
	}
	for _, text := range broad(diff) {
		r.Questions = append(r.Questions, Question{text, true})
	}
	if from.SignedBy != "" && to.SignedBy == "" {
		r.Ask(UnsignedOverSigned(from))
	}
	if format != nil {
		r.Ask(FormatWarning(format))
	}
	return r
}

// Ask adds questions.
func (r *Review) Ask(texts ...string) {
	for _, text := range texts {
		r.Questions = append(r.Questions, Question{Text: text})
	}
}

// IsBroad reports whether a question is about a broad directive.
func (r *Review) IsBroad() bool {
	return slices.ContainsFunc(r.Questions, func(q Question) bool { return q.IsBroad })
}
