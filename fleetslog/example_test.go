package fleetslog_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetslog"
)

// The text handler is at level Info. The debug record of the decided request is written,
// and the other debug record is not.
func ExampleNew() {
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(fleetslog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: noTime}), fleetslog.Config{}))
	decided := fleetdial.WithDecision(context.Background(), fleetdial.Decision{Level: fleetdial.ShapeTiming, By: "acme-search"})
	log.DebugContext(decided, "upstream answered", "status", 200)
	log.DebugContext(context.Background(), "upstream answered", "status", 200)
	fmt.Println("end")
	// Output:
	// level=DEBUG msg="upstream answered" status=200 directive=acme-search
	// end
}
