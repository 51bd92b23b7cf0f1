//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"culvert/test/servers"
)

// TestTakeOverFromJavaAndBack stops the Java worker, lets Culvert go on with its
// connectors, and the Java worker after it: offsets, configs and consumer groups
// are understood both ways, so nothing is read twice and nothing is left out.
func TestTakeOverFromJavaAndBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const group = "takeover"
	input := filepath.Join(shared.dir, "takeover.txt")
	lines := 0
	more := func(n int) {
		f, err := os.OpenFile(input, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			fmt.Fprintf(f, `{"line": %d}`+"\n", lines)
			lines++
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	arrived := func(by string) {
		await(t, 2*time.Minute, fmt.Sprintf("%d documents by %s", lines, by), func() error {
			n, err := countDocuments(t, group, "lines")
			if err == nil && n < int64(lines) {
				err = fmt.Errorf("%d documents", n)
			}
			return err
		})
		if n, err := countDocuments(t, group, "lines"); err != nil || n != int64(lines) {
			t.Fatalf("%d documents of %d lines by %s, %v", n, lines, by, err)
		}
	}
	java := func() *servers.Connect {
		c, err := servers.NewConnect(ctx, shared.dir, shared.kafka.Addr, group, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Kill)
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
		return c
	}

	j := java()
	more(500)
	text := "org.apache.kafka.connect.storage.StringConverter"
	create(t, j.URL, "takeover-source", map[string]string{
		"connector.class": "FileStreamSource", "tasks.max": "1", "file": input, "topic": "takeover_lines", "key.converter": text, "value.converter": text,
	})
	create(t, j.URL, "takeover-sink", map[string]string{
		"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "topics": "takeover_lines", "connection.uri": shared.mongo.URI,
		"database": group, "collection": "lines", "key.converter": text, "value.converter": text,
	})
	arrived("Java")
	if err := j.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}

	w := startWorker(t, group, "culvert", nil)
	running(t, w.url, "takeover-source", 1)
	running(t, w.url, "takeover-sink", 1)
	more(500)
	arrived("Culvert, which took over")
	if err := w.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}

	j = java()
	more(500)
	arrived("Java, which took it back")
}
