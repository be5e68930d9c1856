package main

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/fleetdial/fleetdial"
)

// other stands for what is not recorded by its name, since a client may have made it say anything.
const other = "other"

// maxName is how much of a name is recorded, in bytes: no directive can match a longer one.
const maxName = 256

// recordable returns what is recorded of a request. It keeps nothing else of the request in memory: names are parts of
// its first line, or of its headers, which may be a megabyte.
func recordable(r fleetdial.Request) fleetdial.Request {
	return fleetdial.Request{
		ID: strings.Clone(r.ID), Tenant: cut(r.Tenant, maxName), Index: indexName(r.Index), Endpoint: r.Endpoint,
	}
}

// cut returns a copy of a text, of which at most so many bytes are left; "…" at its end says that it was longer.
func cut(text string, most int) string {
	if len(text) <= most {
		return strings.Clone(text)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// indexName returns what is recorded of an index, or list or pattern of indexes: other for what OpenSearch would refuse
// as one, such as a whole path with escaped slashes.
func indexName(names string) string {
	for name := range strings.SplitSeq(names, ",") {
		if !isIndexName(name) {
			return other
		}
	}
	return cut(names, maxName)
}

// isIndexName reports whether OpenSearch might take a name for that of an index, a pattern, or date math such as
// <logs-{now/d}>. After https://docs.opensearch.org/latest/api-reference/index-apis/create-index/, and laxer only in that
// aliases have capitals.
func isIndexName(name string) bool {
	if len(name) > 255 || !utf8.ValidString(name) || strings.HasPrefix(name, "_") && name != "_all" {
		return false
	}
	if !strings.HasPrefix(name, "<") || !strings.HasSuffix(name, ">") {
		return !strings.ContainsFunc(name, refused) && !strings.ContainsAny(name, "/|")
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
			if refused(r) {
				return false
			}
		}
	}
	return depth == 0
}

// refused reports whether a character is in no name, nor in the math of a date.
func refused(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`\"<>?#`, r) }

// methodName returns the constant of a method: a request's own is a part of its first line.
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
