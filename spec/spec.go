// Package spec holds the test vectors of the protocol. README.md describes the files.
package spec

import "embed"

//go:generate go run ./generate

// Vectors holds the files of the folder vectors.
//
//go:embed vectors
var Vectors embed.FS
