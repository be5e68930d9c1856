// Command generate writes the test vectors of spec/vectors. "go generate ./spec/generate" runs
// it.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/fleetdial/fleetdial/internal/vectors"
)

//go:generate go run .

func main() {
	log.SetFlags(0)
	for name, text := range vectors.Files() {
		if err := os.WriteFile(filepath.Join("..", "vectors", name), text, 0o644); err != nil {
			log.Fatalf("write vectors: %v", err)
		}
	}
}
