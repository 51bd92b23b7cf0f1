//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"culvert/test/servers"
)

// The one user of the broker with security, and words that must not be seen in any
// log: the password and its wrong spelling.
const (
	user          = "alice"
	password      = "s3cret-of-alice"
	wrongPassword = "s3cret-of-mallory"
)

// startSecured starts the broker with security on first use; TestMain ends it.
var startSecured = sync.OnceValues(func() (*servers.SecureKafka, error) {
	dir := filepath.Join(shared.dir, "secured")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	k, err := servers.NewSecureKafka(ctx, dir, map[string]string{
		"num.partitions": "1", "auto.create.topics.enable": "false",
		// A transaction that times out is noticed by a tick of this length.
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
	}, map[string]string{user: password})
	if err != nil {
		return nil, err
	}
	shared.secured = k
	return k, k.Start(ctx)
})

// secured is the broker with security. It is another one than shared.kafka.
func secured(t *testing.T) *servers.SecureKafka {
	t.Helper()
	k, err := startSecured()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
