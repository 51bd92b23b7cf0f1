package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/IBM/sarama"

	"culvert/data"
)

// The layout of a record batch of message format 2 (KIP-98): offsets of its fields.
const (
	atBatchLength = 8 // of what follows the length
	atMagic       = 16
	atCRC         = 17
	atAttributes  = 21 // the CRC covers what begins here
	atLastDelta   = 23
	atFirstTime   = 27
	atMaxTime     = 35
	atProducer    = 43
	atCount       = 57
	atRecords     = 61
)

// Bits of a batch's attributes.
const (
	codecBits        = 0x07
	logAppendTime    = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchHead is a record batch; payload is its records, compressed or not.
type batchHead struct {
	first, last        int64
	attributes         int16
	firstTime, maxTime int64
	producer           int64
	count              int
	payload            []byte
}

func (h *batchHead) control() bool       { return h.attributes&controlBit != 0 }
func (h *batchHead) transactional() bool { return h.attributes&transactionalBit != 0 }

// errCorrupt marks a batch that cannot be read.
var errCorrupt = errors.New("the record batch is damaged")

func corrupt(offset int64, format string, args ...any) error {
	return fmt.Errorf("%w at offset %d: %s", errCorrupt, offset, fmt.Sprintf(format, args...))
}

// batchSize is the size of the batch that raw begins with, as the batch has it; ok is
// false where raw is too short to tell.
func batchSize(raw []byte) (size int64, ok bool) {
	if len(raw) <= atMagic {
		return 0, false
	}
	return atBatchLength + 4 + int64(int32(binary.BigEndian.Uint32(raw[atBatchLength:]))), true
}

// readHead reads the whole batch raw, of message format 2, and checks its CRC
// (Java's DefaultRecordBatch.ensureValid).
func readHead(raw []byte) (h batchHead, err error) {
	first := int64(binary.BigEndian.Uint64(raw))
	if len(raw) < atRecords {
		return h, corrupt(first, "it has %d bytes, less than its head", len(raw))
	}
	if m := raw[atMagic]; m != 2 {
		return h, corrupt(first, "its format is %d", m)
	}
	want, got := binary.BigEndian.Uint32(raw[atCRC:]), crc32.Checksum(raw[atAttributes:], castagnoli)
	if want != got {
		return h, corrupt(first, "its CRC is 0x%08x, that of its bytes 0x%08x", want, got)
	}
	return batchHead{
		first: first, last: first + int64(int32(binary.BigEndian.Uint32(raw[atLastDelta:]))),
		attributes: int16(binary.BigEndian.Uint16(raw[atAttributes:])),
		firstTime:  int64(binary.BigEndian.Uint64(raw[atFirstTime:])), maxTime: int64(binary.BigEndian.Uint64(raw[atMaxTime:])),
		producer: int64(binary.BigEndian.Uint64(raw[atProducer:])), count: int(int32(binary.BigEndian.Uint32(raw[atCount:]))),
		payload: raw[atRecords:],
	}, nil
}

// leastRecord is the size of the smallest record: its length, attributes, two deltas,
// the lengths of key and value, and the number of headers.
const leastRecord = 7

// readRecords appends the messages of a batch from offset on. Keys and values lie in
// payload, which is the batch's, decompressed. A record costs no allocation, but for
// its headers.
func readRecords(msgs []data.Message, tp *data.TopicPartition, h *batchHead, payload []byte, from int64) ([]data.Message, error) {
	if h.count < 0 || h.count > len(payload)/leastRecord {
		return msgs, corrupt(h.first, "%d records in %d bytes", h.count, len(payload))
	}
	r := recordReader{b: payload}
	for n := range h.count {
		msgs = append(msgs, data.Message{Topic: tp.Topic, Partition: tp.Partition})
		m := &msgs[len(msgs)-1]
		if !r.next(m) {
			return msgs[:len(msgs)-1], corrupt(h.first, "record %d of %d: %s", n, h.count, r.why)
		}
		m.Offset += h.first
		m.Timestamp += h.firstTime
		if h.attributes&logAppendTime != 0 {
			m.Timestamp = h.maxTime
		}
		if m.Offset < from {
			msgs = msgs[:len(msgs)-1]
		}
	}
	if r.at < len(payload) {
		return msgs, corrupt(h.first, "%d bytes behind its %d records", len(payload)-r.at, h.count)
	}
	return msgs, nil
}

// recordReader reads the records of a batch.
type recordReader struct {
	b   []byte
	at  int
	why string // next has failed
}

// next reads a record into m: offset and timestamp as the deltas that it has. Java's
// DefaultRecord.readFrom: a negative length of key or value is null.
func (r *recordReader) next(m *data.Message) bool {
	size, ok := r.varint()
	if !ok || size < 1 || size > int64(len(r.b)-r.at) {
		return r.fail("its length is wrong")
	}
	end := r.at + int(size)
	all := r.b
	r.b = all[:end] // nothing of the record lies behind its end
	r.at++          // attributes, of which none is in use
	var deltas bool
	if m.Timestamp, ok = r.varint(); ok {
		m.Offset, deltas = r.varint()
	}
	if !deltas {
		return r.fail("its timestamp or offset is cut off")
	}
	if m.Key, ok = r.bytes(); !ok {
		return r.fail("its key is cut off")
	}
	if m.Value, ok = r.bytes(); !ok {
		return r.fail("its value is cut off")
	}
	headers, ok := r.varint()
	if !ok || headers < 0 || headers > int64(end-r.at)/2 {
		return r.fail("its headers are cut off")
	}
	if headers > 0 && !r.headers(m, int(headers)) {
		return r.fail("its headers are cut off")
	}
	if r.at != end {
		return r.fail("it has bytes behind its headers")
	}
	r.b = all
	return true
}

func (r *recordReader) fail(why string) bool {
	r.why = why
	return false
}

func (r *recordReader) headers(m *data.Message, n int) bool {
	m.Headers = make([]data.RawHeader, n)
	for i := range m.Headers {
		key, ok := r.bytes()
		if !ok || key == nil {
			return false
		}
		m.Headers[i].Key = string(key)
		if m.Headers[i].Value, ok = r.bytes(); !ok {
			return false
		}
	}
	return true
}

// bytes reads a length and as many bytes; nil for a negative length.
func (r *recordReader) bytes() ([]byte, bool) {
	n, ok := r.varint()
	if !ok || n > int64(len(r.b)-r.at) {
		return nil, false
	}
	if n < 0 {
		return nil, true
	}
	at := r.at
	r.at += int(n)
	return r.b[at:r.at:r.at], true
}

// varint reads a number in zigzag encoding, most of which are one byte long.
func (r *recordReader) varint() (int64, bool) {
	if r.at < len(r.b) {
		if c := r.b[r.at]; c < 0x80 {
			r.at++
			return int64(c>>1) ^ -int64(c&1), true
		}
	}
	return r.longVarint()
}

func (r *recordReader) longVarint() (int64, bool) {
	v, n := binary.Varint(r.b[r.at:])
	r.at += max(n, 0)
	return v, n > 0
}

// share is what a fetch answer holds for one partition, in message format 2.
type share struct {
	topic     []byte
	partition int32
	code      sarama.KError
	high, end int64 // the high watermark; the last stable offset
	aborted   []abortedTxn
	records   []byte
}

// read turns record batches into messages: those from offset on, without markers,
// and with read_committed without those of aborted transactions (as Java's
// CompletedFetch). What came before a damaged batch is in the reader all the same.
func (s *share) read(r *batchReader, tp data.TopicPartition, from int64, committed bool, mem *lease) error {
	r.next = from
	r.messages = slices.Grow(r.messages, s.count())
	aborted := abortedProducers{left: s.aborted}
	whole := false
	for raw := s.records; len(raw) > 0; {
		size, ok := batchSize(raw)
		if !ok || size > int64(len(raw)) { // the broker cuts an answer where its limit is
			r.partial = !whole
			return nil
		}
		if size < atRecords {
			return corrupt(int64(binary.BigEndian.Uint64(raw)), "it claims to have %d bytes", size)
		}
		h, err := readHead(raw[:size])
		if err != nil {
			return err
		}
		raw, whole = raw[size:], true
		if err := r.take(&h, &aborted, tp, from, committed, mem); err != nil {
			return err
		}
		r.next = max(r.next, h.last+1)
	}
	return nil
}

// count is how many records the share claims to have, if that can be.
func (s *share) count() (n int) {
	for raw := s.records; ; {
		size, ok := batchSize(raw)
		if !ok || size < atRecords || size > int64(len(raw)) {
			return min(n, maxSpareChunk)
		}
		n += max(int(int32(binary.BigEndian.Uint32(raw[atCount:]))), 0)
		raw = raw[size:]
	}
}

// take reads one batch.
func (r *batchReader) take(h *batchHead, aborted *abortedProducers, tp data.TopicPartition, from int64, committed bool, mem *lease) error {
	if h.last < from && !h.control() || committed && !h.control() && aborted.holds(h.last, h.transactional(), h.producer) {
		return nil
	}
	payload, err := mem.inflate(sarama.CompressionCodec(h.attributes&codecBits), h.payload)
	if err != nil {
		return corrupt(h.first, "%v", err)
	}
	if h.control() {
		var m data.Message
		marker := recordReader{b: payload}
		if h.count > 0 && !marker.next(&m) {
			return corrupt(h.first, "the marker of a transaction: %s", marker.why)
		}
		aborted.marker(h.last, h.producer, m.Key)
		return nil
	}
	n := len(r.messages)
	if r.messages, err = readRecords(r.messages, &tp, h, payload, from); err != nil {
		r.messages = r.messages[:n]
		return err
	}
	for i := n; i < len(r.messages); i++ {
		r.bytes += r.messages[i].Bytes()
	}
	return nil
}
