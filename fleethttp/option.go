package fleethttp

import (
	"net/http"
	"slices"
	"strings"
)

// removeOption removes an option from the comma-separated lists of a header, such as
// Connection. It removes the header if no option remains. It does not allocate if the
// header does not have the option.
func removeOption(h http.Header, header, option string) {
	lists := h[header]
	if !slices.ContainsFunc(lists, func(list string) bool { return hasOption(list, option) }) {
		return
	}
	var kept []string
	for _, list := range lists {
		for each := range strings.SplitSeq(list, ",") {
			if each = strings.TrimSpace(each); !strings.EqualFold(each, option) {
				kept = append(kept, each)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, header)
		return
	}
	h[header] = []string{strings.Join(kept, ", ")}
}

func hasOption(list, option string) bool {
	for each := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(each), option) {
			return true
		}
	}
	return false
}
