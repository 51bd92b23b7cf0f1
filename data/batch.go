package data

// Batch is the unit of work and of acknowledgement. It owns the memory of its
// records: strings and bytes taken from one are valid until Release; whoever
// keeps one longer calls Value.Clone.
//
// One goroutine at a time works on a batch.
type Batch struct {
	Records []Record
	// Inputs are the messages as Kafka delivered them, for sinks: what
	// Record.Input points at, what dead letters and commits are made of.
	Inputs []Message
	Arena  *Arena
	// Prepared is what a sink has made of the batch ahead of its Write, and the sink's
	// alone; nil: nothing.
	Prepared any

	marks   []Mark
	failed  []Failure
	headers []Header // what NewHeaders hands out of
}

// Mark says: when all records of this batch are acknowledged, Next is the
// offset to store for the source partition.
type Mark struct {
	Partition Value // a Map, Connect's source partition
	Next      Value // a Map, Connect's source offset
}

// Failure is one record that could not be processed.
type Failure struct {
	Index int // into Records
	Stage Stage
	Err   error
	// By is the Java class name of what failed: the converter, the transformation
	// or the connector. Empty: the connector.
	By string
}

// NewBatch makes an empty batch with an arena of its own.
func NewBatch() *Batch { return &Batch{Arena: &Arena{}} }

// Fail marks record i as failed. The first failure of a record counts.
func (b *Batch) Fail(i int, stage Stage, err error) { b.FailBy(i, stage, "", err) }

// FailBy is Fail with the Java class name of what failed.
func (b *Batch) FailBy(i int, stage Stage, by string, err error) {
	for _, f := range b.failed {
		if f.Index == i {
			return
		}
	}
	b.failed = append(b.failed, Failure{Index: i, Stage: stage, Err: err, By: by})
}

// Failed returns the failures since the last ClearFailed.
func (b *Batch) Failed() []Failure { return b.failed }

// ClearFailed forgets the failures, after they have been routed.
func (b *Batch) ClearFailed() { b.failed = b.failed[:0] }

// Mark sets the offset that the batch reaches for a source partition. A later
// mark for an equal partition replaces the earlier one. Both values must
// outlive the batch (Clone them if they lie in its arena).
func (b *Batch) Mark(partition, next Value) {
	for i := range b.marks {
		if b.marks[i].Partition.Equal(partition) {
			b.marks[i].Next = next
			return
		}
	}
	b.marks = append(b.marks, Mark{Partition: partition, Next: next})
}

// Marks returns the offsets that the batch reaches.
func (b *Batch) Marks() []Mark { return b.marks }

// Append adds an empty record at the end and returns it. The pointer is valid
// until the next Append.
func (b *Batch) Append() *Record {
	b.Records = append(b.Records, Record{Partition: -1, Input: -1, Offset: -1, Timestamp: NoTimestamp})
	return &b.Records[len(b.Records)-1]
}

// NewHeaders returns n empty headers for a record of the batch. Their memory is
// used again after Release.
func (b *Batch) NewHeaders(n int) []Header {
	if cap(b.headers)-len(b.headers) < n {
		b.headers = make([]Header, 0, max(n, 64, min(2*cap(b.headers), keepHeaders)))
	}
	start := len(b.headers)
	b.headers = b.headers[:start+n]
	return b.headers[start : start+n : start+n]
}

// keepHeaders bounds how many headers a batch keeps room for.
const keepHeaders = 4096

// Remove drops the records that keep reports false for, in place and in order.
// Failures must have been routed before: their indices would no longer fit.
func (b *Batch) Remove(keep func(i int) bool) {
	n := 0
	for i := range b.Records {
		if keep(i) {
			if n != i {
				b.Records[n] = b.Records[i]
			}
			n++
		}
	}
	clear(b.Records[n:])
	b.Records = b.Records[:n]
}

// Release empties the batch for its next use. All values decoded from it are
// invalid afterwards.
func (b *Batch) Release() {
	clear(b.Records)
	b.Records = b.Records[:0]
	clear(b.Inputs)
	b.Inputs = b.Inputs[:0]
	clear(b.headers)
	b.headers = b.headers[:0]
	clear(b.marks)
	b.marks = b.marks[:0]
	clear(b.failed)
	b.failed = b.failed[:0]
	b.Prepared = nil
	b.Arena.Reset()
}
