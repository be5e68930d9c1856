package bench

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// StartEmbedded starts an embedded Redis. The caller has to call stop.
func StartEmbedded() (url string, stop func(), err error) {
	server, err := miniredis.Run()
	if err != nil {
		return "", nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	return "redis://" + server.Addr(), server.Close, nil
}
