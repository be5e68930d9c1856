package fleethttp

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/fleetdial/fleetdial"
)

// methods is a set of HTTP methods.
type methods uint8

const (
	get methods = 1 << iota // GET and HEAD, as OpenSearch has it
	put
	post
	remove
)

func methodOf(method string) methods {
	switch method {
	case http.MethodGet, http.MethodHead:
		return get
	case http.MethodPut:
		return put
	case http.MethodPost:
		return post
	case http.MethodDelete:
		return remove
	}
	return 0
}

// OpenSearch returns which endpoint of OpenSearch's REST API a request is for, fleetdial.Unknown if it is none of those
// that directives tell apart, and the index, or list or pattern of indexes, that its path names; empty if none.
//
// The source is https://docs.opensearch.org/latest/api-reference/: documents at _doc, _create, _update and _source;
// _bulk (also with /stream), _search, _msearch (both also with /template), _count, _mget and _delete_by_query; cursors at _search/scroll,
// _search/point_in_time and _pit; and _cat and _cluster, which are Admin.
func OpenSearch(method string, u *url.URL) (endpoint fleetdial.Endpoint, index string) {
	path := u.Path
	if u.RawPath != "" {
		path = u.EscapedPath() // a slash in a name is not one between names
	}
	name, rest := cutSegment(path)
	if name != "" && (name[0] != '_' || name == "_all") {
		index = name
		if u.RawPath != "" {
			index = unescape(name)
		}
		name, rest = cutSegment(rest)
	}
	sub, rest := cutSegment(rest)
	more, _ := cutSegment(rest)
	return endpointOf(methodOf(method), name, sub, more, index != ""), index
}

// only returns the endpoint if the method is one of those allowed.
func (m methods) only(allowed methods, endpoint fleetdial.Endpoint) fleetdial.Endpoint {
	if m&allowed == 0 {
		return fleetdial.Unknown
	}
	return endpoint
}

// endpointOf returns the endpoint of an operation by its name, what follows in the path, and whether an index is given.
func endpointOf(method methods, name, sub, more string, indexed bool) fleetdial.Endpoint {
	alone := sub == ""
	template := sub == "template" && more == ""
	switch {
	case name == "_doc" || name == "_create" || name == "_update" || name == "_source":
		if indexed && more == "" {
			return documentEndpoint(method, name, sub)
		}
	case name == "_search" && (sub == "scroll" && !indexed || sub == "point_in_time"), name == "_pit":
		return method.only(get|post|remove, fleetdial.Cursor)
	case name == "_search" && (alone || template):
		return method.only(get|post, fleetdial.Search)
	case name == "_msearch" && (alone || template):
		return method.only(get|post, fleetdial.MultiSearch)
	case name == "_bulk" && (alone || sub == "stream" && more == ""):
		return method.only(put|post, fleetdial.IngestBulk)
	case name == "_count" && alone:
		return method.only(get|post, fleetdial.Count)
	case name == "_mget" && alone:
		return method.only(get|post, fleetdial.MultiGet)
	case name == "_delete_by_query" && alone && indexed:
		return method.only(post, fleetdial.DeleteByQuery)
	case (name == "_cat" || name == "_cluster") && !indexed:
		return method.only(get|put|post|remove, fleetdial.Admin)
	}
	return fleetdial.Unknown
}

// documentEndpoint returns the endpoint of an operation on the documents of an index, by its name and the document's id.
func documentEndpoint(method methods, name, id string) fleetdial.Endpoint {
	switch {
	case id == "" && name == "_doc":
		return method.only(post, fleetdial.IngestDoc)
	case id == "":
	case name == "_source":
		return method.only(get, fleetdial.GetByID)
	case name != "_doc":
		return method.only(put|post, fleetdial.IngestDoc)
	case method == get:
		return fleetdial.GetByID
	case method == remove:
		return fleetdial.DeleteByID
	default:
		return method.only(put|post, fleetdial.IngestDoc)
	}
	return fleetdial.Unknown
}

// cutSegment returns the first part of a path that is not empty, and what follows it.
func cutSegment(path string) (segment, rest string) {
	for path != "" && path[0] == '/' {
		path = path[1:]
	}
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

func unescape(segment string) string {
	if plain, err := url.PathUnescape(segment); err == nil {
		return plain
	}
	return segment
}
