package kafka

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"culvert/data"
	"culvert/fault"
)

// ConsumerSubscription is the metadata of a member of protocol type "consumer",
// as Java's ConsumerProtocol writes it (versions 0 to 3).
type ConsumerSubscription struct {
	Topics     []string
	UserData   []byte // nil: null
	Owned      []data.TopicPartition
	Generation int32  // -1: none
	Rack       string // empty: none
}

const protocolVersion = 3

// Encode gives the bytes in version 3. Topics and owned partitions are sorted, as
// Java does.
func (s ConsumerSubscription) Encode() []byte {
	b := binary.BigEndian.AppendUint16(nil, protocolVersion)
	topics := slices.Sorted(slices.Values(s.Topics))
	b = binary.BigEndian.AppendUint32(b, uint32(len(topics)))
	for _, t := range topics {
		b = appendString(b, t)
	}
	b = appendBytes(b, s.UserData)
	owned := slices.Clone(s.Owned)
	slices.SortFunc(owned, comparePartitions)
	b = appendPartitions(b, owned)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Generation))
	if s.Rack == "" {
		return binary.BigEndian.AppendUint16(b, 0xffff)
	}
	return appendString(b, s.Rack)
}

func comparePartitions(a, b data.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition) - int(b.Partition)
}

// DecodeSubscription reads versions 0 to 3, and later ones as 3.
func DecodeSubscription(b []byte) (ConsumerSubscription, error) {
	r := reader{b: b}
	s := ConsumerSubscription{Generation: -1}
	version := r.int16()
	for range r.count(2) {
		s.Topics = append(s.Topics, r.string())
	}
	s.UserData = r.bytes()
	if version >= 1 {
		s.Owned = r.partitions()
	}
	if version >= 2 {
		s.Generation = r.int32()
	}
	if version >= 3 {
		s.Rack = r.string()
	}
	return s, r.check("consumer subscription", version)
}

// ConsumerAssignment is what the leader gives a member of protocol type
// "consumer".
type ConsumerAssignment struct {
	Partitions []data.TopicPartition
	UserData   []byte // nil: null
}

// Encode gives the bytes in version 3. Partitions of a topic stay in their order.
func (a ConsumerAssignment) Encode() []byte {
	b := binary.BigEndian.AppendUint16(nil, protocolVersion)
	byTopic := slices.Clone(a.Partitions)
	slices.SortStableFunc(byTopic, func(x, y data.TopicPartition) int { return strings.Compare(x.Topic, y.Topic) })
	b = appendPartitions(b, byTopic)
	return appendBytes(b, a.UserData)
}

// DecodeAssignment reads all versions. Nothing at all is an empty assignment: a
// member that came too late gets that.
func DecodeAssignment(b []byte) (ConsumerAssignment, error) {
	if len(b) == 0 {
		return ConsumerAssignment{}, nil
	}
	r := reader{b: b}
	version := r.int16()
	a := ConsumerAssignment{Partitions: r.partitions()}
	a.UserData = r.bytes()
	return a, r.check("consumer assignment", version)
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return binary.BigEndian.AppendUint32(b, 0xffffffff)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// appendPartitions writes partitions that are grouped by topic already.
func appendPartitions(b []byte, tps []data.TopicPartition) []byte {
	topics := 0
	count := len(b)
	b = binary.BigEndian.AppendUint32(b, 0)
	for i := 0; i < len(tps); topics++ {
		j := i
		for j < len(tps) && tps[j].Topic == tps[i].Topic {
			j++
		}
		b = appendString(b, tps[i].Topic)
		b = binary.BigEndian.AppendUint32(b, uint32(j-i))
		for ; i < j; i++ {
			b = binary.BigEndian.AppendUint32(b, uint32(tps[i].Partition))
		}
	}
	binary.BigEndian.PutUint32(b[count:], uint32(topics))
	return b
}

// reader reads the protocol's types. After the first failure all reads give zero
// values and check gives the error.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) int16() int16 {
	if v := r.take(2); v != nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) int32() int32 {
	if v := r.take(4); v != nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

// count is the length of an array whose elements take at least size bytes each.
func (r *reader) count(size int) int {
	n := int(r.int32())
	if n < 0 {
		return 0
	}
	if n > len(r.b)/size {
		r.bad, r.b = true, nil
		return 0
	}
	return n
}

// string reads null as empty.
func (r *reader) string() string {
	n := int(r.int16())
	if n < 0 {
		return ""
	}
	return string(r.take(n))
}

func (r *reader) bytes() []byte {
	n := int(r.int32())
	if n < 0 || r.bad {
		return nil
	}
	if v := r.take(n); v != nil {
		return slices.Clone(v)
	}
	return nil
}

func (r *reader) partitions() []data.TopicPartition {
	var tps []data.TopicPartition
	for range r.count(6) {
		topic := r.string()
		for range r.count(4) {
			tps = append(tps, data.TopicPartition{Topic: topic, Partition: r.int32()})
		}
	}
	return tps
}

func (r *reader) check(what string, version int16) error {
	if r.bad || version < 0 {
		return fault.New(fault.Fatal, "kafka.protocol", "%s: %s", what,
			fmt.Sprintf("malformed bytes of version %d", version))
	}
	return nil
}
