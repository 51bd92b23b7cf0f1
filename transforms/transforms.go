// Package transforms is the contract of what stands between a connector and
// Kafka: stateless transformations, and stateful ones that join and aggregate.
package transforms

import (
	"context"
	"log/slog"

	"culvert/configdef"
	"culvert/data"
	"culvert/state"
)

// Transform is stateless. It works in place: rewrite a record, drop it
// (b.Remove), or mark it with b.Fail. One goroutine at a time calls it.
type Transform interface {
	Apply(ctx context.Context, b *data.Batch) error
}

// Stateful sees every record of its partitions in order and may emit later. It
// does no I/O, reads no clock and starts no goroutine: the same input gives the
// same output, which is what makes replay sound.
//
// One Stateful works for one partition number of all its inputs (or for all
// partitions, where the inputs are not copartitioned), with a state.Windows of
// its own.
type Stateful interface {
	// Process takes the records of in, in order, and appends what they yield to
	// out. Out's records point at the input that triggered them (Record.Input
	// indexes in.Inputs) and share its memory: in is released after out. A bad
	// record is marked with in.Fail.
	//
	// After an error of class Retry (a registry that does not answer) Process is
	// called again with the same in and out, when the caller likes: it goes on
	// with the record at which it stopped. After any other error the state is to
	// be given up (Discard) and restored; the error's class says whether the task
	// may do that by itself.
	Process(in, out *data.Batch, st state.Windows) error
	// Advance says that event time reached t (milliseconds): windows close.
	Advance(t int64, out *data.Batch, st state.Windows) error
}

// Plugin describes one transformation class. Exactly one of New and NewStateful
// is set.
type Plugin struct {
	Class   string
	Aliases []string
	Spec    func() []configdef.Spec
	// Check validates the keys, without their prefix "transforms.<alias>.".
	Check func(props map[string]string) *configdef.Report
	New   func(props map[string]string, log *slog.Logger) (Transform, error)
	// NewStateful makes the plan of a stateful transformation.
	NewStateful func(props map[string]string, log *slog.Logger) (Plan, error)
	Examples    []Example // for the reference page
}

// Example is a configuration that is worth copying.
type Example struct {
	Does string      // in one line
	Keys [][2]string // and their values, without the prefix "transforms.<alias>."
}

// Predicate decides for which records a stateless transformation runs (KIP-585).
// One goroutine at a time calls it.
type Predicate interface {
	// Test must not change the record. An error has class Record.
	Test(r *data.Record, a *data.Arena) (bool, error)
}

// PredicatePlugin describes one predicate class.
type PredicatePlugin struct {
	Class   string
	Aliases []string
	Spec    func() []configdef.Spec
	New     func(props map[string]string, log *slog.Logger) (Predicate, error)
}

// Plan is a configured stateful transformation: what it reads and keeps.
type Plan interface {
	// Inputs are the topics it joins or aggregates. Input i is side i of its
	// state.Windows.
	Inputs() []string
	// Copartitioned: state is per partition number, and tasks share them; else one
	// task owns all partitions.
	Copartitioned() bool
	// Retention is how long a record of the topic stays needed after stream time
	// has passed it, in milliseconds: what restore reads back.
	Retention(topic string) int64
	// EventTime tells the time of a record; usually its timestamp.
	EventTime(topic string, r *data.Record, a *data.Arena) (int64, error)
	// ByTimestamp reports whether EventTime is the record's own timestamp, so that
	// a broker can find the position for a time.
	ByTimestamp() bool
	// Make makes the transformation for one owned partition number (-1: all).
	Make(partition int32) Stateful
}

// Optional abilities of a Plan or a Stateful, asserted once by the task.
type (
	// Shaped is a Plan that says what its state means. State that was kept under
	// another shape is not used: it goes into state.ID.
	Shaped interface{ Shape() string }
	// Decoding is a Stateful that keeps records in wire form. It is told before
	// the first Process how to read those of an input: a snapshot may hold records
	// of a topic that no batch has brought yet.
	Decoding interface {
		Decoders(of func(topic string) (key, value data.Decoder))
	}
	// Counting is a Stateful that counts, for metrics. Counts may be called from
	// any goroutine.
	Counting interface{ Counts() Counts }
)

// Counts are totals since the Stateful was made.
type Counts struct {
	Rows    uint64 // emitted
	Skipped uint64 // null key or null value
	Late    uint64 // too old to be kept; it was still joined with what is there
}
