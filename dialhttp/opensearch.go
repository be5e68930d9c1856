package dialhttp

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
// _bulk, _search, _msearch (both also with /template), _count, _mget and _delete_by_query; cursors at _search/scroll,
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

// endpointOf returns the endpoint of an operation by its name, what follows in the path, and whether an index is given.
func endpointOf(method methods, name, sub, more string, indexed bool) fleetdial.Endpoint {
	only := func(allowed methods, endpoint fleetdial.Endpoint) fleetdial.Endpoint {
		if method&allowed == 0 {
			return fleetdial.Unknown
		}
		return endpoint
	}
	document := indexed && sub != "" && more == ""
	switch name {
	case "_doc":
		switch {
		case document && method == get:
			return fleetdial.GetByID
		case document && method == remove:
			return fleetdial.DeleteByID
		case document:
			return only(put|post, fleetdial.IngestDoc)
		case indexed && sub == "":
			return only(post, fleetdial.IngestDoc)
		}
	case "_create", "_update":
		if document {
			return only(put|post, fleetdial.IngestDoc)
		}
	case "_source":
		if document {
			return only(get, fleetdial.GetByID)
		}
	case "_cat", "_cluster":
		if !indexed {
			return only(get|put|post|remove, fleetdial.Admin)
		}
	case "_search":
		switch {
		case sub == "scroll" && !indexed, sub == "point_in_time":
			return only(get|post|remove, fleetdial.Cursor)
		case sub == "", sub == "template" && more == "":
			return only(get|post, fleetdial.Search)
		}
	case "_pit":
		return only(get|post|remove, fleetdial.Cursor)
	case "_msearch":
		if sub == "" || sub == "template" && more == "" {
			return only(get|post, fleetdial.MultiSearch)
		}
	}
	if sub != "" {
		return fleetdial.Unknown
	}
	switch name {
	case "_bulk":
		return only(put|post, fleetdial.IngestBulk)
	case "_count":
		return only(get|post, fleetdial.Count)
	case "_mget":
		return only(get|post, fleetdial.MultiGet)
	case "_delete_by_query":
		if indexed {
			return only(post, fleetdial.DeleteByQuery)
		}
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
