package live

import (
	"slices"

	"github.com/fleetdial/fleetdial"
)

// isUrgent reports whether a state has to replace another one on all pages at once.
func isUrgent(old, next *State) bool {
	return (old.Err == nil) != (next.Err == nil) || old.expired != next.expired ||
		!isSameValue(&old.Roster, &next.Roster) || old.Revision.ID != next.Revision.ID ||
		text(old.RevisionErr) != text(next.RevisionErr) ||
		!isSameHistory(old, next) || !slices.EqualFunc(old.Roster.Instances, next.Roster.Instances, isSameRow)
}

// isNews reports whether a state shows more than another one, besides the time.
func isNews(old, next *State) bool {
	return text(old.Err) != text(next.Err) ||
		!slices.EqualFunc(old.Roster.Instances, next.Roster.Instances, isSameReport)
}

// isSameValue reports whether two rosters show the same value of the fleet's key.
func isSameValue(a, b *fleetdial.Roster) bool {
	return a.Published == b.Published && a.Version == b.Version && a.ID == b.ID && a.Digest == b.Digest &&
		text(a.Err) == text(b.Err)
}

func isSameHistory(a, b *State) bool {
	return text(a.HistoryErr) == text(b.HistoryErr) &&
		slices.EqualFunc(a.History, b.History, func(a, b fleetdial.HistoryEntry) bool {
			return a.Revision.Version == b.Revision.Version && a.Revision.ID == b.Revision.ID &&
				a.Revision.Verified == b.Revision.Verified && text(a.Err) == text(b.Err)
		})
}

// isSameRow reports whether two rows show the same state of the same instance.
func isSameRow(a, b fleetdial.Instance) bool {
	return a.Name == b.Name && a.State == b.State && a.Shared == b.Shared && text(a.Err) == text(b.Err) &&
		appliedID(a.Report) == appliedID(b.Report) && isSameRejection(a.Report, b.Report)
}

func appliedID(r *fleetdial.Report) string {
	if r == nil || r.Applied == nil {
		return ""
	}
	return r.Applied.ID
}

func isSameRejection(a, b *fleetdial.Report) bool {
	hasA, hasB := a != nil && a.Rejected != nil, b != nil && b.Rejected != nil
	if !hasA || !hasB {
		return hasA == hasB
	}
	return a.Rejected.ID == b.Rejected.ID && a.Rejected.Error == b.Rejected.Error
}

// isSameReport reports whether two rows show the same report. An instance writes the time into
// each.
func isSameReport(a, b fleetdial.Instance) bool {
	return a.LastSeen.Equal(b.LastSeen) && (a.Report == nil) == (b.Report == nil) &&
		(a.Report == nil || a.Report.WrittenAt.Equal(b.Report.WrittenAt))
}

// text returns an error's text, empty for nil.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
