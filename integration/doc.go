// Package integration checks fleetdial against other people's software: Prometheus' own parsers, and OpenSearch's client. It
// has tests only, and is a module of its own, so that whoever embeds fleetdial has nothing to do with theirs.
package integration
