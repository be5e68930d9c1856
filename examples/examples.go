// Package examples contains example sets, and programs to start from.
package examples

import _ "embed" // for incident.json

// Incident is the content of incident.json, the publish body of the demo.
//
//go:embed incident.json
var Incident []byte
