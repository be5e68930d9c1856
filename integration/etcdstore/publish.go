package etcdstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/fleetdial/fleetdial"
)

// ErrConflict is returned by [Publish] if another publish came first. Nothing was written.
var ErrConflict = errors.New("another revision was published meanwhile")

// Publish makes the set the current set of the key. If the reply of etcd is lost, the error
// does not tell whether the revision was written. Its id in the key does. A set of more than
// 1.5 MiB needs a larger --max-request-bytes of etcd and MaxCallSendMsgSize of the client.
func Publish(ctx context.Context, client *clientv3.Client, key string, set *fleetdial.Set, reason string) (fleetdial.Revision, error) {
	var id [16]byte
	rand.Read(id[:])
	rev := fleetdial.Revision{
		Version: 1, ID: hex.EncodeToString(id[:]), PublishedAt: time.UnixMilli(time.Now().UnixMilli()), Reason: reason, Set: set,
	}
	got, err := client.Get(ctx, key)
	if err != nil {
		return fleetdial.Revision{}, fmt.Errorf("etcdstore: publish: %w", err)
	}
	var modRevision int64 // 0 for a key that does not exist
	if len(got.Kvs) > 0 {
		modRevision = got.Kvs[0].ModRevision
		current, _ := fleetdial.DecodeRevision(got.Kvs[0].Value) // version 0 if it is unreadable
		rev.Version = current.Version + 1
	}
	value, err := fleetdial.EncodeRevision(rev)
	if err != nil {
		return fleetdial.Revision{}, err
	}
	result, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", modRevision)).
		Then(clientv3.OpPut(key, string(value))).
		Commit()
	if err != nil {
		return fleetdial.Revision{}, fmt.Errorf("etcdstore: publish: the outcome is not known: %w", err)
	}
	if !result.Succeeded {
		return fleetdial.Revision{}, fmt.Errorf("etcdstore: publish: %w", ErrConflict)
	}
	return rev, nil
}
