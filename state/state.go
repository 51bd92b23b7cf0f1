// Package state holds the window stores of the streaming transformations:
// memory first, spilled and snapshotted to disk.
package state

// Entry is one record kept in a window.
type Entry struct {
	Time  int64  // event time, milliseconds
	Seq   uint64 // order of arrival among entries of equal time
	Value []byte // as the owner encoded it; valid until the next call
}

// Windows keeps, for each side (input) and key, the records of the last
// retention milliseconds of that side's own stream time.
//
// Semantics: KStreamKStreamJoin's window stores (facts R6). One goroutine at a
// time uses it.
type Windows interface {
	// Observe moves the side's stream time to t if t is later, and expires what
	// falls out of retention. It returns the stream time.
	Observe(side int, t int64) int64
	// StreamTime is the highest time observed on the side; false if none.
	StreamTime(side int) (int64, bool)
	// Put keeps value under key at time t. It reports false when t is older than
	// the side's retention: then nothing is kept. Key and value are copied.
	Put(side int, key []byte, t int64, value []byte) (bool, error)
	// Fetch calls yield for the entries of key with from <= Time <= to that are not
	// expired, in order of time, then arrival.
	Fetch(side int, key []byte, from, to int64, yield func(Entry) error) error
}
