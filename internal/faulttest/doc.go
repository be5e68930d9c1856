// Package faulttest has no code but tests: of fleetdial on real servers, under every fault that Redis is known for, with
// a checker beside it that knows what was published. docs/reliability.md is what they print.
package faulttest
