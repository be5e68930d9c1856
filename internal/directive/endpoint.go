package directive

import (
	"errors"
	"fmt"
)

// Endpoint is the kind of operation that a request asks for.
type Endpoint uint8

// The endpoints. The zero Endpoint is AnyEndpoint.
const (
	// AnyEndpoint in a Match leaves the endpoint unset, so that requests to every
	// endpoint match. In a Request it counts as Unknown. It has no name in publish bodies
	// and in Redis.
	AnyEndpoint Endpoint = iota
	// IngestDoc writes one document.
	IngestDoc
	// IngestBulk writes many documents.
	IngestBulk
	// Search runs one query.
	Search
	// MultiSearch runs several queries in one request.
	MultiSearch
	// Count counts the documents that a query matches.
	Count
	// GetByID reads one document. Its name is GetById.
	GetByID
	// MultiGet reads several documents by id.
	MultiGet
	// DeleteByID removes one document. Its name is DeleteById.
	DeleteByID
	// DeleteByQuery removes the documents that a query matches.
	DeleteByQuery
	// Cursor continues an earlier search: scrolls and points in time.
	Cursor
	// Admin administers the cluster. It does not read or write documents.
	Admin
	// Unknown is every request that the proxy cannot classify.
	Unknown
)

var endpointNames = [...]string{
	"Any", "IngestDoc", "IngestBulk", "Search", "MultiSearch", "Count", "GetById", "MultiGet", "DeleteById",
	"DeleteByQuery", "Cursor", "Admin", "Unknown",
}

// String returns the name of the endpoint in publish bodies and in Redis. It returns
// "Any" for AnyEndpoint, and Endpoint(n) for a number that is not an endpoint.
func (e Endpoint) String() string {
	if int(e) < len(endpointNames) {
		return endpointNames[e]
	}
	return fmt.Sprintf("Endpoint(%d)", uint8(e))
}

// MarshalText returns the name, so that logs and JSON show the name instead of a number.
// It never returns an error.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

var errEndpoint = errors.New("unknown endpoint (use IngestDoc, IngestBulk, Search, MultiSearch, Count, GetById, " +
	"MultiGet, DeleteById, DeleteByQuery, Cursor, Admin or Unknown)")

// ParseEndpoint returns the endpoint with the name. Names are case-sensitive.
// ParseEndpoint rejects every other string, and also "Any", because a match for every
// endpoint has no endpoint field.
func ParseEndpoint(name string) (Endpoint, error) {
	for e, n := range endpointNames {
		if n == name && Endpoint(e) != AnyEndpoint {
			return Endpoint(e), nil
		}
	}
	return AnyEndpoint, errEndpoint
}
