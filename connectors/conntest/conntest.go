// Package conntest is the acceptance suite of connectors: what the contract in
// package connectors asks of a source or a sink, as tests. A connector runs it
// with one line:
//
//	conntest.Sink(t, conntest.SinkCase{Open: …, Batch: …, Written: …})
//
// The suite says nothing about what a connector does with a record; it checks the
// promises that the task depends on: order, cancellation, the same batch again,
// Close twice.
package conntest

import (
	"context"
	"errors"
	"testing"
	"time"

	"culvert/connectors"
	"culvert/data"
)

// patience bounds what must come at once; only a broken connector reaches it.
const patience = time.Minute

// SourceCase describes a source to the suite.
type SourceCase struct {
	// Open makes a source that goes on from the stored offsets of from: nil at first,
	// later the marks of a Read. It has at least Batches batches to give.
	Open    func(t *testing.T, from []data.Mark) connectors.Source
	Batches int // at least 2
	// Quiet makes a source that has nothing to read, for the test of cancellation;
	// nil: the test is skipped.
	Quiet func(t *testing.T) connectors.Source
}

// Source runs the suite for sources.
func Source(t *testing.T, c SourceCase) {
	t.Run("read_appends_and_marks", func(t *testing.T) {
		src := c.Open(t, nil)
		defer closeTwice(t, src)
		for n := range c.Batches {
			b := read(t, src)
			if len(b.Records) == 0 {
				t.Fatalf("Read %d returned nil with no record: it must block until it has one", n)
			}
			if len(b.Marks()) == 0 {
				t.Fatalf("Read %d marked no offset: after a restart its records would come again for ever", n)
			}
			for _, m := range b.Marks() {
				if m.Partition.Kind() != data.Map || m.Next.Kind() != data.Map {
					t.Fatalf("mark of kinds %v and %v: source partition and offset are maps", m.Partition.Kind(), m.Next.Kind())
				}
			}
			checkRecords(t, b)
		}
	})
	t.Run("resumes_at_the_mark", func(t *testing.T) {
		src := c.Open(t, nil)
		marks := clone(read(t, src).Marks())
		want := snapshot(t, read(t, src))
		closeTwice(t, src)

		again := c.Open(t, marks)
		defer closeTwice(t, again)
		got := snapshot(t, read(t, again))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("record %d after the stored offset is\n%s\nwithout the restart it was\n%s", i, got[i], want[i])
			}
		}
	})
	t.Run("marks_outlive_the_batch", func(t *testing.T) {
		src := c.Open(t, nil)
		defer closeTwice(t, src)
		b := read(t, src)
		kept := append([]data.Mark(nil), b.Marks()...)
		want := clone(kept)
		b.Release()
		reuse(b)
		for i := range kept {
			if !kept[i].Partition.Equal(want[i].Partition) || !kept[i].Next.Equal(want[i].Next) {
				t.Fatal("a mark changed when its batch was released: Clone what lies in the arena")
			}
		}
	})
	t.Run("cancel_ends_read", func(t *testing.T) {
		if c.Quiet == nil {
			t.Skip("the source always has something to read")
		}
		src := c.Quiet(t)
		defer closeTwice(t, src)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- src.Read(ctx, data.NewBatch()) }()
		select {
		case err := <-result:
			t.Fatalf("Read returned (%v) with nothing to read", err)
		case <-time.After(50 * time.Millisecond):
		}
		cancel()
		select {
		case err := <-result:
			if err == nil || !errors.Is(err, context.Canceled) {
				t.Fatalf("Read returned %v after its context ended, not the context's error", err)
			}
		case <-time.After(patience):
			t.Fatal("Read did not return when its context ended")
		}
	})
	t.Run("close_twice", func(t *testing.T) { closeTwice(t, c.Open(t, nil)) })
}

// SinkCase describes a sink to the suite.
type SinkCase struct {
	// Open makes a sink on a fresh target.
	Open func(t *testing.T) connectors.Sink
	// Batch fills b with records n·10 to n·10+9 of some input, in order, as a task
	// would: with Inputs.
	Batch func(b *data.Batch, n int)
	// Written lists what the target of the sink that was opened last holds, in the
	// order of writing, one text for each record; equal texts for equal records.
	Written func(t *testing.T) []string
	// Converges: a batch that comes twice is in the target once.
	Converges bool
	// Stall makes the target hold Write up until its context ends; nil: the test is
	// skipped.
	Stall func(t *testing.T)
}

// Sink runs the suite for sinks.
func Sink(t *testing.T, c SinkCase) {
	t.Run("write_is_durable_and_in_order", func(t *testing.T) {
		sink := c.Open(t)
		defer closeTwice(t, sink)
		for n := range 3 {
			write(t, sink, c, n)
			if got := len(c.Written(t)); got != 10*(n+1) {
				t.Fatalf("the target holds %d records after %d batches of 10: Write returned before they were durable", got, n+1)
			}
		}
		seen := map[string]bool{}
		for _, w := range c.Written(t) {
			if seen[w] {
				t.Fatalf("written twice: %s", w)
			}
			seen[w] = true
		}
	})
	t.Run("same_batch_again", func(t *testing.T) {
		sink := c.Open(t)
		defer closeTwice(t, sink)
		b := data.NewBatch()
		c.Batch(b, 0)
		for range 2 {
			if err := sink.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if n := len(b.Failed()); n > 0 {
				t.Fatalf("%d records failed: %v", n, b.Failed()[0].Err)
			}
		}
		distinct := map[string]bool{}
		all := c.Written(t)
		for _, w := range all {
			distinct[w] = true
		}
		if c.Converges && len(all) != 10 {
			t.Fatalf("the target holds %d records after one batch of 10 came twice", len(all))
		}
		if len(distinct) < 10 {
			t.Fatalf("only %d of 10 records are in the target", len(distinct))
		}
	})
	t.Run("batch_memory_is_not_kept", func(t *testing.T) {
		sink := c.Open(t)
		defer closeTwice(t, sink)
		b := data.NewBatch()
		for n := range 2 {
			c.Batch(b, n)
			if err := sink.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			before := c.Written(t)
			b.Release()
			reuse(b)
			after := c.Written(t)
			for i := range before {
				if before[i] != after[i] {
					t.Fatalf("a written record changed when its batch was released:\n%s\n%s", before[i], after[i])
				}
			}
			b.Release()
		}
	})
	t.Run("prepared_ahead", func(t *testing.T) {
		sink := c.Open(t)
		defer closeTwice(t, sink)
		p, ok := sink.(connectors.Preparer)
		if !ok {
			t.Skip("the sink prepares nothing")
		}
		given := data.NewBatch()
		c.Batch(given, 9)
		p.Prepare(given)
		given.Release() // unwritten; it is used for other records, which come as they are
		reuse(given)
		given.Release()
		batches := []*data.Batch{given, data.NewBatch(), data.NewBatch()}
		for n, b := range batches {
			c.Batch(b, n)
			if b != given {
				p.Prepare(b)
			}
		}
		if got := len(c.Written(t)); got != 0 {
			t.Fatalf("%d records are in the target before any Write", got)
		}
		for n, b := range batches {
			if err := sink.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if got := len(c.Written(t)); got != 10*(n+1) {
				t.Fatalf("the target holds %d records after %d batches of 10", got, n+1)
			}
		}
		ahead := c.Written(t)
		plain := c.Open(t)
		defer closeTwice(t, plain)
		for n := range batches {
			write(t, plain, c, n)
		}
		for i, want := range c.Written(t) {
			if ahead[i] != want {
				t.Fatalf("prepared ahead, record %d is\n%s\nwithout it is\n%s", i, ahead[i], want)
			}
		}
	})
	t.Run("empty_batch", func(t *testing.T) {
		sink := c.Open(t)
		defer closeTwice(t, sink)
		if err := sink.Write(t.Context(), data.NewBatch()); err != nil {
			t.Fatalf("Write of an empty batch: %v", err)
		}
	})
	t.Run("cancel_ends_write", func(t *testing.T) {
		if c.Stall == nil {
			t.Skip("the target cannot be stalled")
		}
		sink := c.Open(t)
		defer closeTwice(t, sink)
		c.Stall(t)
		b := data.NewBatch()
		c.Batch(b, 0)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- sink.Write(ctx, b) }()
		cancel()
		select {
		case err := <-result:
			if err == nil {
				t.Fatal("Write returned nil though the target did not answer")
			}
		case <-time.After(patience):
			t.Fatal("Write did not return when its context ended")
		}
	})
	t.Run("close_twice", func(t *testing.T) { closeTwice(t, c.Open(t)) })
}

func write(t *testing.T, sink connectors.Sink, c SinkCase, n int) {
	t.Helper()
	b := data.NewBatch()
	c.Batch(b, n)
	if len(b.Records) != 10 {
		t.Fatalf("Batch made %d records, not 10", len(b.Records))
	}
	if err := sink.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := len(b.Failed()); n > 0 {
		t.Fatalf("%d records failed: %v", n, b.Failed()[0].Err)
	}
}

func read(t *testing.T, src connectors.Source) *data.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := data.NewBatch()
	if err := src.Read(ctx, b); err != nil {
		t.Fatalf("Read: %v", err)
	}
	return b
}

func checkRecords(t *testing.T, b *data.Batch) {
	t.Helper()
	for i := range b.Records {
		r := &b.Records[i]
		if r.Topic == "" {
			t.Fatalf("record %d has no topic", i)
		}
		if _, _, err := r.Key.Value(b.Arena); err != nil {
			t.Fatalf("key of record %d: %v", i, err)
		}
		if _, _, err := r.Value.Value(b.Arena); err != nil {
			t.Fatalf("value of record %d: %v", i, err)
		}
	}
}

type closer interface {
	Close(ctx context.Context) error
}

// closeTwice closes as the task does: at the end, and once more.
func closeTwice(t *testing.T, c closer) {
	t.Helper()
	for n := range 2 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		if err := c.Close(ctx); err != nil {
			t.Errorf("Close %d: %v", n+1, err)
		}
		cancel()
	}
}

func clone(marks []data.Mark) []data.Mark {
	var out []data.Mark
	for _, m := range marks {
		out = append(out, data.Mark{Partition: m.Partition.Clone(), Next: m.Next.Clone()})
	}
	return out
}

// reuse overwrites the memory that a released batch hands out next.
func reuse(b *data.Batch) {
	junk := b.Arena.Bytes(32 << 10)[:32<<10]
	for i := range junk {
		junk[i] = 0xAA
	}
	for _, v := range b.Arena.Values(1024) {
		_ = v
	}
}
