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
	*b = batch{entries: b.entries[:0], records: b.records[:0], pointers: b.pointers[:0]}
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
		headers := make([]sarama.RecordHeader, len(m.Headers))
		r.Headers = make([]*sarama.RecordHeader, len(m.Headers))
		for i, h := range m.Headers {
			headers[i] = sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value}
			r.Headers[i] = &headers[i]
		}
	}
	b.records = append(b.records, r)
	b.bytes += m.Bytes()
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
	where := fmt.Sprintf("a message for topic %s", m.Topic)
	if n := m.Bytes(); n > o.maxRequest {
		return fault.New(fault.Record, "kafka.record_too_large",
			"%s has %d bytes, which is larger than %d, the value of max.request.size", where, n, o.maxRequest).
			WithFix("Raise max.request.size (and the topic's max.message.bytes).").
			WithJava("org.apache.kafka.common.errors.RecordTooLargeException")
	}
	if m.Timestamp < data.NoTimestamp || m.Timestamp > maxTimestamp {
		return fault.New(fault.Record, "kafka.bad_timestamp", "%s has the timestamp %d, which is not a time", where, m.Timestamp).
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
