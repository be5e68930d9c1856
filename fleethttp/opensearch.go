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
	get methods = 1 << iota // GET and HEAD, which OpenSearch treats alike
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

// OpenSearch returns the endpoint of OpenSearch's REST API that a request uses, and the
// index in its path. The endpoint is [fleetdial.Unknown] if no other endpoint matches.
// The index may be a list or a pattern of indexes. It is empty if the path has no index.
//
// The rules follow https://docs.opensearch.org/latest/api-reference/:
//
//   - IngestDoc, GetByID and DeleteByID: _doc, _create, _update and _source
//   - IngestBulk: _bulk and _bulk/stream
//   - Search and MultiSearch: _search and _msearch, also with /template
//   - Count, MultiGet and DeleteByQuery: _count, _mget and _delete_by_query
//   - Cursor: _search/scroll, _search/point_in_time and _pit
//   - Admin: _cat and _cluster
func OpenSearch(method string, u *url.URL) (endpoint fleetdial.Endpoint, index string) {
	path, escaped := u.Path, u.RawPath != ""
	if escaped {
		path = RawPath(u) // an escaped slash does not separate segments
	}
	name, rest := splitSegment(path)
	if name != "" && (name[0] != '_' || name == "_all") {
		index = name
		if escaped {
			index = unescape(name)
		}
		name, rest = splitSegment(rest)
	}
	sub, rest := splitSegment(rest)
	more, _ := splitSegment(rest)
	return endpointOf(methodOf(method), name, sub, more, index != ""), index
}

// RawPath returns the path of a URL as the client sent it. It differs from
// [url.URL.EscapedPath] if the client sent bytes that Go would escape, such as < and {.
// EscapedPath then escapes the whole path again, and loses the difference between a slash
// and an escaped slash: OpenSearch's date math /<logs-{now%2Fd}>/_search becomes another
// path.
func RawPath(u *url.URL) string {
	if u.RawPath != "" {
		if plain, err := url.PathUnescape(u.RawPath); err == nil && plain == u.Path {
			return u.RawPath
		}
	}
	return u.EscapedPath()
}

// only returns the endpoint if the method is allowed, and Unknown otherwise.
func (m methods) only(allowed methods, endpoint fleetdial.Endpoint) fleetdial.Endpoint {
	if m&allowed == 0 {
		return fleetdial.Unknown
	}
	return endpoint
}

// endpointOf returns the endpoint of an operation. sub and more are the path segments
// after its name. indexed reports whether the path has an index.
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

// documentEndpoint returns the endpoint of an operation on the documents of an index. The
// id is the id of the document.
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

// splitSegment returns the first non-empty segment of a path, and the rest of the path.
func splitSegment(path string) (segment, rest string) {
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
