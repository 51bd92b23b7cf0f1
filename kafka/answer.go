package kafka

import (
	"encoding/binary"
	"slices"

	"github.com/IBM/sarama"

	"culvert/data"
)

// answer is a fetch answer whose record batches are still as the broker sent them.
type answer struct {
	shares []share
	mem    *lease
}

// abortedTxn is a transaction whose records are not to be read: those of the producer
// from an offset on, up to its next marker.
type abortedTxn struct{ producer, first int64 }

// share is that of the partition, which is likely to be the i-th; nil: there is none.
func (a *answer) share(tp data.TopicPartition, i int) *share {
	for n := range a.shares {
		s := &a.shares[(i+n)%len(a.shares)]
		if s.partition == tp.Partition && string(s.topic) == tp.Topic {
			return s
		}
	}
	return nil
}

// Versions of Fetch whose answers we read ourselves: from where sessions are (KIP-227)
// to before compact forms.
const (
	leastFetch = 7
	mostFetch  = 11
)

// Where a fetch answer has its fields: throttle time, error code, session, topics.
const (
	atSession = 6
	atTopics  = 10
)

// readAnswer finds the shares in the body of a fetch answer. ok is false where sarama
// has to read it, or to say what is wrong with it: it is malformed, or it has message
// sets of the formats before 2, which brokers before 4.0 may still hold.
func readAnswer(body []byte, version int16) (shares []share, ok bool) {
	if len(body) < atTopics {
		return nil, false
	}
	f := fields{b: body[atTopics:]}
	for range f.count(6) {
		topic := f.bytes(int(int16(f.uint(2))))
		for range f.count(4) {
			s := share{topic: topic, partition: int32(f.uint(4)), code: sarama.KError(int16(f.uint(2))), high: int64(f.uint(8)), end: int64(f.uint(8))}
			f.uint(8) // log start
			for range f.count(16) {
				s.aborted = append(s.aborted, abortedTxn{int64(f.uint(8)), int64(f.uint(8))})
			}
			if version >= 11 {
				f.uint(4) // preferred read replica
			}
			s.records = f.bytes(max(int(int32(f.uint(4))), 0))
			if f.bad || !modern(s.records) {
				return nil, false
			}
			slices.SortFunc(s.aborted, func(a, b abortedTxn) int { return int(min(max(a.first-b.first, -1), 1)) })
			shares = append(shares, s)
		}
	}
	return shares, !f.bad && len(f.b) == 0
}

// modern reports whether raw has no message of a format before 2.
func modern(raw []byte) bool {
	for {
		size, ok := batchSize(raw)
		if !ok {
			return true
		}
		if raw[atMagic] < 2 {
			return false
		}
		if size < atRecords || size > int64(len(raw)) {
			return true
		}
		raw = raw[size:]
	}
}

// fields reads a message of Kafka's protocol.
type fields struct {
	b   []byte
	bad bool // it has ended too early
}

func (f *fields) bytes(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.bad, f.b = true, nil
		return nil
	}
	out := f.b[:n:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) uint(n int) (v uint64) {
	for _, c := range f.bytes(n) {
		v = v<<8 | uint64(c)
	}
	return v
}

// count reads the length of an array whose elements have least bytes; -1 is none.
func (f *fields) count(least int) int {
	n := int(int32(f.uint(4)))
	if n > len(f.b)/least {
		f.bad, f.b = true, nil
		return 0
	}
	return max(n, 0)
}

// emptied is the frame of the answer without topics, which sarama is given in its
// place: length, correlation id and what stands before the topics.
func emptied(frame []byte) []byte {
	const head = 4 + atTopics
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+head+4), head+4)
	return append(append(out, frame[:head]...), 0, 0, 0, 0)
}
