// Package examples holds sets to publish and programs to begin from.
package examples

import _ "embed" // for the sets below

// Incident is incident.json: the publish body that the demo publishes.
//
//go:embed incident.json
var Incident []byte
