// Package integration tests fleetdial with third-party software: the parsers of
// Prometheus, and the Go client of OpenSearch. It also tests the subscriber with an earlier
// one, which it builds from the history of the repository. The package has only tests. The
// package etcdstore in it is an example of a store of one's own, tested on a real etcd server.
// The package console tests the web console with a browser and a reverse proxy.
// Integration is a separate module, so that a program that imports fleetdial does not
// depend on this software.
package integration
