// Command generate writes the test vectors. "go generate ./spec" runs it in the folder spec.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/fleetdial/fleetdial/internal/vectors"
)

func main() {
	log.SetFlags(0)
	for name, text := range vectors.Files() {
		if err := os.WriteFile(filepath.Join("vectors", name), text, 0o644); err != nil {
			log.Fatalf("write vectors: %v", err)
		}
	}
}
