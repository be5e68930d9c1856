package main

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// reports writes the report of a live instance of another build, which does not follow the
// fleet: reports NAME MAX-FORMAT. A build before the second format states 0 or 1.
func reports(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: reports NAME MAX-FORMAT")
	}
	format, err := strconv.Atoi(args[1])
	ts.Check(err)
	now := time.Now()
	report := wire.EncodeReport(&wire.Report{
		Instance: args[0], StartedAt: now, WrittenAt: now, Since: now, Every: 10 * time.Minute, State: "live",
		Source: "live", MaxFormat: format,
	})
	_, err = wire.DecodeReport(report)
	ts.Check(err)
	client := redis.NewClient(&redis.Options{Addr: ts.Value(serverKey{}).(*testutil.Redis).Addr(), Protocol: 2})
	defer client.Close()
	ctx := context.Background()
	ts.Check(client.Set(ctx, "fleetdial:{default}:instance:"+args[0], report, 0).Err())
	ts.Check(client.ZAdd(ctx, "fleetdial:{default}:fleet", redis.Z{Score: float64(now.UnixMilli()), Member: args[0]}).Err())
}
