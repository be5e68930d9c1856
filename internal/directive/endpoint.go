package directive

import (
	"errors"
	"fmt"
)

// Endpoint is the kind of operation that a request asks for.
type Endpoint uint8

// The endpoints. The zero Endpoint is AnyEndpoint.
const (
	// AnyEndpoint in a Match leaves the endpoint unset, so that requests to every endpoint match. A Request that has it
	// counts as one to Unknown. It has no name in publish bodies or in Redis.
	AnyEndpoint Endpoint = iota
	// IngestDoc writes one document.
	IngestDoc
	// IngestBulk writes many documents.
	IngestBulk
	// Search is one query.
	Search
	// MultiSearch is several queries in one request.
	MultiSearch
	// Count counts what a query matches.
	Count
	// GetByID reads one document; its name is GetById.
	GetByID
	// MultiGet reads several documents by id.
	MultiGet
	// DeleteByID removes one document; its name is DeleteById.
	DeleteByID
	// DeleteByQuery removes what a query matches.
	DeleteByQuery
	// Cursor goes on with an earlier search: scrolls and points in time.
	Cursor
	// Admin is about the cluster, not its documents.
	Admin
	// Unknown is anything that the proxy could not classify.
	Unknown
)

var endpointNames = [...]string{
	"Any", "IngestDoc", "IngestBulk", "Search", "MultiSearch", "Count", "GetById", "MultiGet", "DeleteById",
	"DeleteByQuery", "Cursor", "Admin", "Unknown",
}

// String returns the endpoint's name as it is written in publish bodies and in Redis, "Any" for AnyEndpoint, or
// Endpoint(n) for a number that is no endpoint.
func (e Endpoint) String() string {
	if int(e) < len(endpointNames) {
		return endpointNames[e]
	}
	return fmt.Sprintf("Endpoint(%d)", uint8(e))
}

// MarshalText returns the name, so that logs and JSON show it instead of a number. It never fails.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

var errEndpoint = errors.New("unknown endpoint: use IngestDoc, IngestBulk, Search, MultiSearch, Count, GetById, " +
	"MultiGet, DeleteById, DeleteByQuery, Cursor, Admin or Unknown")

// ParseEndpoint returns the endpoint with that name. Names are case-sensitive; anything else is an error, and so is
// "Any": a match without an endpoint is written by leaving it out.
func ParseEndpoint(name string) (Endpoint, error) {
	for e, n := range endpointNames {
		if n == name && Endpoint(e) != AnyEndpoint {
			return Endpoint(e), nil
		}
	}
	return AnyEndpoint, errEndpoint
}
