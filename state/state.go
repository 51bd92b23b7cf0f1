// Package state holds the window stores of the streaming transformations:
// memory first, spilled and snapshotted to disk.
//
// A process has one Store, on one folder. A task takes the windows of a
// partition number from it (Store.Take), loads what an earlier owner left
// (Local.Load), replays its inputs from there up to the committed offsets, and
// hands the windows to the transformation. After each commit it calls
// Local.Checkpoint with the committed offsets, at the end Local.Save, and
// Local.Close in any case.
//
// What is on disk is a cache of the inputs: each write replaces one consistent
// picture (the state at known offsets) by the next, in one step. Losing it
// loses nothing, it only makes the next restore longer.
package state

import "culvert/fault"

// Entry is one record kept in a window.
type Entry struct {
	Time int64  // event time, milliseconds
	Seq  uint64 // order of arrival on its side
	// Value is as the owner encoded it. It never changes: whoever holds it keeps
	// its segment's memory alive, and nothing else. It must not be written to.
	Value []byte
}

// Windows keeps, for each side (input) and key, the records of the last
// retention milliseconds of that side's own stream time.
//
// Semantics: the window stores of KStreamKStreamJoin
// (AbstractRocksDBSegmentedBytesStore). One goroutine at a time uses it.
//
// Errors have class Retry when nothing has changed and a later call may
// succeed, and code Lost when the windows are no longer whole: the owner must
// discard them and restore.
type Windows interface {
	// Observe moves the side's stream time to t if t is later, and drops what
	// falls out of retention. It returns the stream time.
	Observe(side int, t int64) int64
	// StreamTime is the highest time observed on the side; false if none.
	StreamTime(side int) (int64, bool)
	// Put observes t and keeps value under key at time t. It reports false when t
	// is too old to be taken: then nothing is kept. As in Kafka Streams that is
	// decided per segment of half the retention, at least a minute; what is taken
	// but already out of retention no Fetch will ever see. Key and value are copied.
	Put(side int, key []byte, t int64, value []byte) (bool, error)
	// Fetch calls yield for the entries of key with from <= Time <= to that are
	// within retention (Time > stream time - retention), in order of time, then
	// arrival. An error of yield ends it and is returned. Yield must not use the
	// Windows.
	Fetch(side int, key []byte, from, to int64, yield func(Entry) error) error
}

// Codes of the errors of this package.
const (
	// CodeDisk: the folder cannot be written (full, read-only, locked). Class Retry:
	// nothing is lost, and it repairs itself when the disk has room again.
	CodeDisk = "state.disk"
	// CodeLost: what was spilled cannot be read back. Class Retry with this code:
	// Discard the windows, or take them anew, and restore from the inputs; Load
	// does not use what is on disk.
	CodeLost = "state.lost"
	// CodeTaken: another owner has taken the windows. Class Fenced.
	CodeTaken = "state.taken"
)

// IsLost reports whether err says that the windows must be discarded and
// restored from the inputs.
func IsLost(err error) bool {
	e := fault.Of(err)
	return e != nil && e.Code == CodeLost
}
