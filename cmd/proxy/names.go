package main

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/fleetdial/fleetdial"
)

// other is the recorded name for a name that the proxy does not know. The proxy does not
// record an unknown name, because a client can put any text into it.
const other = "other"

// maxName is the maximum length of a recorded name, in bytes. No directive can match a
// longer name.
const maxName = 256

// recordable returns the recorded fields of a request. The result shares no memory with
// r, because a name is a substring of the request line or of a header, and these can take
// a megabyte.
func recordable(r fleetdial.Request) fleetdial.Request {
	return fleetdial.Request{
		ID: strings.Clone(r.ID), Tenant: truncate(r.Tenant, maxName), Index: indexName(r.Index), Endpoint: r.Endpoint,
	}
}

// truncate returns a copy of text with at most limit bytes. It appends "…" to a text that
// was longer, and does not split a rune.
func truncate(text string, limit int) string {
	if len(text) <= limit {
		return strings.Clone(text)
	}
	end := limit
	for end > limit-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// indexName returns the recorded name of an index, or of a list or pattern of indexes.
// The result is other if OpenSearch would reject the name, for example because the name
// is a whole path with escaped slashes.
func indexName(names string) string {
	for name := range strings.SplitSeq(names, ",") {
		if !isIndexName(name) {
			return other
		}
	}
	return truncate(names, maxName)
}

// isIndexName reports whether OpenSearch could accept a name as an index, a pattern, or
// date math such as <logs-{now/d}>. The rules are those of
// https://docs.opensearch.org/latest/api-reference/index-apis/create-index/, except that
// isIndexName allows capital letters, because aliases may have them.
func isIndexName(name string) bool {
	if len(name) > 255 || !utf8.ValidString(name) || strings.HasPrefix(name, "_") && name != "_all" {
		return false
	}
	if !strings.HasPrefix(name, "<") || !strings.HasSuffix(name, ">") {
		return !strings.ContainsFunc(name, isForbidden) && !strings.ContainsAny(name, "/|")
	}
	depth := 0
	for _, r := range name[1 : len(name)-1] {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		case '/', '|':
			if depth == 0 {
				return false
			}
		default:
			if isForbidden(r) {
				return false
			}
		}
	}
	return depth == 0
}

// isForbidden reports whether a character is forbidden in an index name and in date math.
func isForbidden(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`\"<>?#`, r) }

// methodName returns the constant for a known method, and other for an unknown method. It
// returns a constant, because the method of a request is a substring of the request line.
func methodName(method string) string {
	for _, known := range []string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodPatch, http.MethodOptions,
	} {
		if method == known {
			return known
		}
	}
	return other
}
