package data

// NoTimestamp is the timestamp of a record that has none.
const NoTimestamp int64 = -1

// Decoder turns wire bytes into a value: the half of a converter that data
// needs to know. Raw nil is a tombstone and decodes as the converter says
// (usually null). Strings and bytes of the result may share raw or the arena.
type Decoder interface {
	Decode(raw []byte, a *Arena) (Value, *Schema, error)
}

// Cell is a key, a value or a header value that may still be in wire form. It
// is decoded at most once, also when that fails.
type Cell struct {
	raw    []byte
	dec    Decoder
	val    Value
	schema *Schema
	err    error
	// wire: raw and dec are what the cell holds; decoded: val, schema and err are valid.
	wire, decoded bool
}

// WireCell makes a cell of the bytes that Kafka delivered.
func WireCell(raw []byte, dec Decoder) Cell { return Cell{raw: raw, dec: dec, wire: true} }

// ValueCell makes a cell of a value. A nil schema is schemaless data.
func ValueCell(v Value, s *Schema) Cell { return Cell{val: v, schema: s, decoded: true} }

// Wire returns the bytes and their decoder while nobody has set another value.
func (c *Cell) Wire() (raw []byte, from Decoder, ok bool) { return c.raw, c.dec, c.wire }

// Value decodes the cell on its first call and returns what it holds.
func (c *Cell) Value(a *Arena) (Value, *Schema, error) {
	if !c.decoded {
		c.decoded = true
		if c.wire && c.dec != nil {
			c.val, c.schema, c.err = c.dec.Decode(c.raw, a)
		}
	}
	return c.val, c.schema, c.err
}

// Err is the error that decoding ended with. It is nil while nobody has asked
// for the value; it does not decode.
func (c *Cell) Err() error { return c.err }

// Forget drops what was decoded from the wire form, so that the next Value
// decodes again: after an error that a wait can cure. A cell that was set keeps
// its value.
func (c *Cell) Forget() {
	if c.wire {
		*c = WireCell(c.raw, c.dec)
	}
}

// Set replaces the content; the wire form is gone.
func (c *Cell) Set(v Value, s *Schema) {
	// Field by field: that is half the time of copying a whole new cell.
	c.raw, c.dec, c.err = nil, nil, nil
	c.val, c.schema = v, s
	c.wire, c.decoded = false, true
}

// IsNull reports whether the cell holds nothing: a tombstone, or a null value.
// It does not decode.
func (c *Cell) IsNull() bool {
	if c.wire && !c.decoded {
		return c.raw == nil
	}
	return c.err == nil && c.val.IsNull()
}

// Header is one record header.
type Header struct {
	Key   string
	Value Cell
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Offsets are positions by partition.
type Offsets map[TopicPartition]int64

// Record is one record on its way. In a sink's chain Topic, Partition and
// Offset are Kafka's; transforms may change Topic, Batch.Inputs keeps the
// origin. In a source's chain Partition is -1 unless the source chose one.
type Record struct {
	Topic     string
	Partition int32
	// Input is the index of the message in Batch.Inputs that this record was
	// made from; -1 in a source.
	Input     int32
	Offset    int64
	Timestamp int64 // milliseconds since the epoch, or NoTimestamp
	Key       Cell
	Value     Cell
	Headers   []Header
}

// Message is a record as Kafka delivers or takes it.
type Message struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp int64 // milliseconds since the epoch, or NoTimestamp
	Key       []byte
	Value     []byte
	Headers   []RawHeader
}

// RawHeader is a header in wire form.
type RawHeader struct {
	Key   string
	Value []byte
}

// Bytes is the size of what the message holds, for bounds on memory.
func (m *Message) Bytes() int {
	n := len(m.Key) + len(m.Value) + len(m.Topic) + 64
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// Stage names where a record failed, as Java's Stage enum (KIP-298).
type Stage uint8

// The stages that a failure can have.
const (
	StagePut Stage = iota
	StagePoll
	StageTransformation
	StageKeyConverter
	StageValueConverter
	StageHeaderConverter
	StageKafkaProduce
	StageKafkaConsume
)

var stageNames = [...]string{
	"TASK_PUT", "TASK_POLL", "TRANSFORMATION", "KEY_CONVERTER", "VALUE_CONVERTER", "HEADER_CONVERTER",
	"KAFKA_PRODUCE", "KAFKA_CONSUME",
}

// String is Java's name, as dead-letter headers carry it.
func (s Stage) String() string { return stageNames[s] }
