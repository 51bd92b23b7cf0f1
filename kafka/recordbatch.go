package kafka

import (
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// identity is a producer id with its epoch; id -1: none yet.
type identity struct {
	id    int64
	epoch int16
}

var nobody = identity{id: -1, epoch: -1}

// batch is a sequence of records for one partition, as it goes over the wire. Its
// content never changes once it was sent: a broker recognises a repeated batch by
// its first and last sequence number.
type batch struct {
	tp      data.TopicPartition
	entries []entry // whom to tell; empty in transactions
	bytes   int     // of the messages, as Message.Bytes counts them
	sent    bool    // it may be in the log: some request with it had no answer

	records  []sarama.Record
	pointers []*sarama.Record
	headers  []sarama.RecordHeader // of all records
	links    []*sarama.RecordHeader
	wire     sarama.RecordBatch
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch(tp data.TopicPartition) *batch {
	b := batches.Get().(*batch)
	b.tp = tp
	return b
}

// free gives the batch's memory back for another.
func (b *batch) free() {
	clear(b.entries)
	clear(b.records)
	clear(b.pointers)
	clear(b.headers)
	clear(b.links)
	*b = batch{entries: b.entries[:0], records: b.records[:0], pointers: b.pointers[:0], headers: b.headers[:0], links: b.links[:0]}
	batches.Put(b)
}

func (b *batch) add(m *data.Message) {
	ts := m.Timestamp
	if ts == data.NoTimestamp {
		ts = time.Now().UnixMilli() // as Java's KafkaProducer
	}
	at := time.UnixMilli(ts)
	if len(b.records) == 0 {
		b.wire.FirstTimestamp, b.wire.MaxTimestamp = at, at
	} else if at.After(b.wire.MaxTimestamp) {
		b.wire.MaxTimestamp = at
	}
	r := sarama.Record{Key: m.Key, Value: m.Value, OffsetDelta: int64(len(b.records)), TimestampDelta: at.Sub(b.wire.FirstTimestamp)}
	if len(m.Headers) > 0 {
		r.Headers = b.headersOf(m)
	}
	b.records = append(b.records, r)
	b.bytes += m.Bytes()
}

// headersOf makes the headers of a message in the batch's memory. When that has to
// grow, earlier headers keep the old: they stay valid. Records have the same names
// in the same order as a rule, so a name is taken from the record before.
func (b *batch) headersOf(m *data.Message) []*sarama.RecordHeader {
	var before []*sarama.RecordHeader
	if n := len(b.records); n > 0 {
		before = b.records[n-1].Headers
	}
	first := len(b.links)
	for i, h := range m.Headers {
		var key []byte
		if i < len(before) && string(before[i].Key) == h.Key {
			key = before[i].Key
		} else {
			key = []byte(h.Key)
		}
		b.headers = append(b.headers, sarama.RecordHeader{Key: key, Value: h.Value})
		b.links = append(b.links, &b.headers[len(b.headers)-1])
	}
	return b.links[first:len(b.links):len(b.links)]
}

// seal completes the batch for a request: who sends it, and its place in the
// sequence.
func (b *batch) seal(who identity, sequence int32, o *options, transactional bool) *sarama.RecordBatch {
	if len(b.pointers) != len(b.records) {
		b.pointers = b.pointers[:0]
		for i := range b.records {
			b.pointers = append(b.pointers, &b.records[i])
		}
	}
	b.wire.Version, b.wire.PartitionLeaderEpoch = 2, -1
	b.wire.Codec, b.wire.CompressionLevel = o.codec, o.level()
	b.wire.LastOffsetDelta = int32(len(b.records) - 1)
	b.wire.ProducerID, b.wire.ProducerEpoch, b.wire.FirstSequence = who.id, who.epoch, sequence
	b.wire.IsTransactional = transactional
	b.wire.Records = b.pointers
	return &b.wire
}

// advance is the sequence number n records later; they wrap at 2^31.
func advance(sequence int32, n int) int32 { return int32((uint32(sequence) + uint32(n)) & 0x7fffffff) }

// maxTimestamp keeps sarama's nanoseconds in range: the year 2262.
const maxTimestamp = int64(1<<63-1) / int64(time.Millisecond)

// checkMessage refuses what no broker would take.
func checkMessage(m *data.Message, o *options) error {
	if n := m.Bytes(); n > o.maxRequest {
		return fault.New(fault.Record, "kafka.record_too_large",
			"a message for topic %s has %d bytes, which is larger than %d, the value of max.request.size", m.Topic, n, o.maxRequest).
			WithFix("Raise max.request.size (and the topic's max.message.bytes).").
			WithJava("org.apache.kafka.common.errors.RecordTooLargeException")
	}
	if m.Timestamp < data.NoTimestamp || m.Timestamp > maxTimestamp {
		return fault.New(fault.Record, "kafka.bad_timestamp", "a message for topic %s has the timestamp %d, which is not a time", m.Topic, m.Timestamp).
			WithJava("org.apache.kafka.common.errors.InvalidTimestampException")
	}
	return nil
}

// rejected is the error of a message that the broker refused, in its words.
func rejected(tp data.TopicPartition, code sarama.KError, words *string) error {
	f := &fault.Error{Class: fault.Record, Code: fmt.Sprintf("kafka.error_%d", int16(code)),
		Err: fmt.Errorf("produce to %s-%d: %w", tp.Topic, tp.Partition, code)}
	if words != nil && *words != "" {
		f.Err = fmt.Errorf("produce to %s-%d: %s (%w)", tp.Topic, tp.Partition, *words, code)
	}
	switch code {
	case sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge:
		f.Code, f.Java = "kafka.record_too_large", "org.apache.kafka.common.errors.RecordTooLargeException"
		f.Fix = fmt.Sprintf("Raise max.message.bytes of topic %s.", tp.Topic)
	case sarama.ErrInvalidTimestamp:
		f.Code, f.Java = "kafka.bad_timestamp", "org.apache.kafka.common.errors.InvalidTimestampException"
	case sarama.ErrInvalidRecord:
		f.Code, f.Java = "kafka.invalid_record", "org.apache.kafka.common.InvalidRecordException"
	}
	return f
}

// ofRecords are the answers that are about the records, not about the broker.
func ofRecords(code sarama.KError) bool {
	switch code {
	case sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge, sarama.ErrInvalidTimestamp, sarama.ErrInvalidRecord:
		return true
	}
	return false
}

func tooLarge(code sarama.KError) bool {
	return code == sarama.ErrMessageSizeTooLarge || code == sarama.ErrMessageSetSizeTooLarge
}
