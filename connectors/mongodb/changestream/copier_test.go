package changestream

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/mongostub"
)

// fillWith puts so many documents into each of the collections c0, c1, …
func (b *bed) fillWith(t *testing.T, collections, n int) {
	t.Helper()
	docs := make([]any, n)
	for i := range docs {
		docs[i] = bson.D{{Key: "_id", Value: i}}
	}
	for c := range collections {
		if _, err := b.db.Collection(fmt.Sprint("c", c)).InsertMany(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bed) openCopy(t *testing.T, overrides ...string) *Source {
	t.Helper()
	return b.open(t, nil, append([]string{"startup.mode", "copy_existing", "publish.full.document.only", "true"}, overrides...)...)
}

// until calls read until done.
func until(t *testing.T, s *Source, done func(lines []string, mark data.Value) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		b := data.NewBatch()
		if err := s.Read(ctx, b); err != nil {
			t.Fatal(err)
		}
		if done(lines(t, b), b.Marks()[0].Next) {
			return
		}
	}
}

// cursors waits until so many cursors are open.
func (b *bed) cursors(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); b.OpenCursors() != n; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d cursors, want %d", b.OpenCursors(), n)
		}
	}
}

// begun reads until so many collections have come: their cursors are known.
func begun(t *testing.T, s *Source, n int) {
	t.Helper()
	topics := map[string]bool{}
	until(t, s, func(lines []string, _ data.Value) bool {
		for _, l := range lines {
			topic, _, _ := strings.Cut(l, " ")
			topics[topic] = true
		}
		return len(topics) == n
	})
}

// TestCopySideBySide: as many collections are read at once as may be, each in its order,
// everything once, and the last record of all has the position of the stream.
func TestCopySideBySide(t *testing.T) {
	for _, c := range []struct{ threads, open int }{{1, 1}, {3, 3}, {100, 5}} {
		t.Run(fmt.Sprint(c.threads), func(t *testing.T) {
			b := newBed(t)
			b.fillWith(t, 5, 300)
			s := b.openCopy(t, "startup.mode.copy.existing.max.threads", fmt.Sprint(c.threads), "copy.existing.max.threads", "2", "poll.max.batch.size", "70",
				"copy.existing.queue.size", fmt.Sprint(30*c.open)) // ten answers for each
			next := map[string]int{}
			first, n := true, 0
			until(t, s, func(lines []string, mark data.Value) bool {
				if first {
					b.cursors(t, c.open) // all wait for somebody to take what they have, and none has ended
					first = false
				}
				if left := b.OpenCursors(); left > c.open {
					t.Errorf("%d collections are read at once", left)
				}
				for _, l := range lines {
					topic, _, _ := strings.Cut(l, " ")
					if want := fmt.Sprintf(`%s {"_id": %d}`, topic, next[topic]); !strings.HasPrefix(l, want) {
						t.Fatalf("%s came, want %s", l, want)
					}
					next[topic]++
				}
				n += len(lines)
				copying := textOf(t, mark, "copy") == "true"
				if copying != (n < 1500) {
					t.Fatalf("copying is %v after %d documents", copying, n)
				}
				return !copying
			})
			if n != 1500 || len(next) != 5 || s.toCopy {
				t.Errorf("%d documents of %d collections", n, len(next))
			}
		})
	}
}

// TestCopyQueue: no more is read ahead than may be, by the number of documents or by
// their bytes.
func TestCopyQueue(t *testing.T) {
	b := newBed(t)
	b.fillWith(t, 4, 30)
	s := b.openCopy(t, "copy.existing.queue.size", "12", "copy.existing.max.threads", "3")
	until(t, s, func([]string, data.Value) bool {
		if s.copy != nil && len(s.copy.batch) > 1+4 {
			t.Errorf("%d documents are at hand", len(s.copy.batch))
		}
		return !s.toCopy
	})
	sizes := 0
	for _, c := range b.Commands() {
		if c.Name != "aggregate" {
			continue
		}
		if size, ok := bson.Raw(c.Body).Lookup("cursor", "batchSize").Int32OK(); ok {
			sizes++
			if size != 4 {
				t.Errorf("the first answer may have %d documents", size)
			}
		}
	}
	if sizes != 4 {
		t.Errorf("%d collections were asked for a number", sizes)
	}
	c := &copier{size: 1000, bytes: 1 << 20}
	doc := make(bson.Raw, 10<<10)
	for batch, want := range map[int]int{0: 1000, 1: 102, 7: 102} {
		if got := c.ahead(slices.Repeat([]bson.Raw{doc}, batch)); got != want {
			t.Errorf("after %d documents of 10 kB: %d", batch, got)
		}
	}
	if got := c.ahead([]bson.Raw{make(bson.Raw, 2<<20)}); got != 1 {
		t.Errorf("after one that is too large: %d", got)
	}
}

// TestCopyOutage: what breaks in the middle costs no document, wherever it breaks.
func TestCopyOutage(t *testing.T) {
	for name, harm := range map[string]func(b *bed){
		"cursors": func(b *bed) { b.KillCursors() },
		"command": func(b *bed) {
			b.Script(mongostub.Fault{Command: "getMore", After: 2, Times: 3, Error: &mongostub.CommandError{Code: 237, Name: "CursorKilled", Message: "killed"}})
		},
		"connections": func(b *bed) { b.Script(mongostub.Fault{Command: "getMore", Times: 3, Drop: true}) },
		"first":       func(b *bed) { b.Script(mongostub.Fault{Command: "aggregate", Times: 2, Drop: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.fillWith(t, 5, 400)
			s := b.openCopy(t, "copy.existing.max.threads", "3")
			seen := map[string]bool{}
			first := true
			until(t, s, func(lines []string, mark data.Value) bool {
				for _, l := range lines {
					seen[l] = true
				}
				if first {
					harm(b)
				}
				first = false
				return textOf(t, mark, "copy") == ""
			})
			if len(seen) != 2000 {
				t.Errorf("%d documents of 2000", len(seen))
			}
			b.waitsNoMore(t)
		})
	}
}

// TestCopyFails: an error that waiting does not mend ends the copy, and the cursors of
// the others are given back.
func TestCopyFails(t *testing.T) {
	b := newBed(t)
	b.fillWith(t, 5, 300)
	s := b.openCopy(t, "copy.existing.max.threads", "5", "copy.existing.queue.size", "150")
	begun(t, s, 5)
	b.Script(mongostub.Fault{Command: "getMore", Times: -1, Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "not authorized"}})
	var err error
	for err == nil {
		err = s.Read(t.Context(), data.NewBatch())
	}
	if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("Read: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	b.cursors(t, 0)
}

// TestCopyStopped: a task that stops in the middle ends what it has begun.
func TestCopyStopped(t *testing.T) {
	b := newBed(t)
	b.fillWith(t, 5, 300)
	s := b.openCopy(t, "copy.existing.max.threads", "4", "copy.existing.queue.size", "120")
	begun(t, s, 4)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	b.cursors(t, 0)
}
