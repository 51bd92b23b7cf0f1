package kafka

import (
	"reflect"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
)

// What holds message sets of the formats 0 and 1, and what comes from a broker before
// 2.0, is decoded by sarama.

// readBatches is share.read for an answer that sarama has decoded.
func readBatches(tp data.TopicPartition, block *sarama.FetchResponseBlock, from int64, committed bool) batchReader {
	r := batchReader{next: from, partial: block.Partial}
	n := 0
	for _, set := range block.RecordsSet {
		if set.RecordBatch != nil {
			n += len(set.RecordBatch.Records)
		}
	}
	r.messages = make([]data.Message, 0, n)
	var aborted abortedProducers
	for _, txn := range block.AbortedTransactions {
		aborted.left = append(aborted.left, abortedTxn{txn.ProducerID, txn.FirstOffset})
	}
	for _, set := range block.RecordsSet {
		switch b := set.RecordBatch; {
		case set.MsgSet != nil:
			r.legacy(tp, set.MsgSet)
		case b == nil:
		case b.PartialTrailingRecord:
			r.partial = true
		default:
			r.next = max(r.next, b.LastOffset()+1)
			if b.Control {
				var key []byte
				if len(b.Records) > 0 {
					key = b.Records[0].Key
				}
				aborted.marker(b.LastOffset(), b.ProducerID, key)
			} else if !committed || !aborted.holds(b.LastOffset(), b.IsTransactional, b.ProducerID) {
				r.batch(tp, b, from)
			}
		}
	}
	if len(block.RecordsSet) == 0 && !block.Partial {
		if next, ok := nextOffset(block); ok {
			r.next = max(r.next, next)
		}
	}
	return r
}

func (r *batchReader) batch(tp data.TopicPartition, b *sarama.RecordBatch, from int64) {
	first := millis(b.FirstTimestamp)
	for _, rec := range b.Records {
		offset := b.FirstOffset + rec.OffsetDelta
		if offset < from {
			continue
		}
		m := data.Message{Topic: tp.Topic, Partition: tp.Partition, Offset: offset, Key: rec.Key, Value: rec.Value}
		switch {
		case b.LogAppendTime:
			m.Timestamp = millis(b.MaxTimestamp)
		case first == data.NoTimestamp:
			m.Timestamp = data.NoTimestamp
		default:
			m.Timestamp = first + rec.TimestampDelta.Milliseconds()
		}
		if len(rec.Headers) > 0 {
			m.Headers = make([]data.RawHeader, len(rec.Headers))
			for i, h := range rec.Headers {
				m.Headers[i] = data.RawHeader{Key: string(h.Key), Value: h.Value}
			}
		}
		r.bytes += m.Bytes()
		r.messages = append(r.messages, m)
	}
}

// legacy reads message formats 0 and 1, which brokers before 4.0 may still hold.
func (r *batchReader) legacy(tp data.TopicPartition, set *sarama.MessageSet) {
	from := r.next
	for _, outer := range set.Messages {
		inner := outer.Messages()
		for _, b := range inner {
			offset := b.Offset
			if len(inner) > 1 && b.Msg.Version >= 1 { // relative within the wrapper
				offset += outer.Offset - inner[len(inner)-1].Offset
			}
			if offset < from {
				continue
			}
			m := data.Message{Topic: tp.Topic, Partition: tp.Partition, Offset: offset, Timestamp: millis(b.Msg.Timestamp),
				Key: b.Msg.Key, Value: b.Msg.Value}
			r.bytes += m.Bytes()
			r.messages = append(r.messages, m)
			r.next = offset + 1
		}
	}
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return data.NoTimestamp
	}
	return t.UnixMilli()
}

// nextOffset is where the batches of an answer end. Compaction leaves batches
// without records (it keeps a producer's last sequence number in them); sarama
// leaves those out of RecordsSet and knows their end only in a field of its own,
// without which a fetch there would never get on.
func nextOffset(block *sarama.FetchResponseBlock) (int64, bool) {
	f := reflect.ValueOf(block).Elem().FieldByName(nextOffsetField)
	if !f.IsValid() || f.Kind() != reflect.Pointer || f.IsNil() {
		return 0, false
	}
	return f.Elem().Int(), true
}

// nextOffsetField is checked by a test against the sarama in use.
const nextOffsetField = "recordsNextOffset"
