package task

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// copartition checks that the inputs of a join put equal keys into partitions of
// equal number (facts R11). It looks at every key: with one possible partitioner
// left that is one hash.
//
// Shared by the shards of a task, which see different partitions of the topics.
type copartition struct {
	topics     []string
	partitions int32
	framed     bool   // keys carry a schema id
	prefix     string // of the transformation's keys, for remedies
	possible   []atomic.Uint32

	mu    sync.Mutex
	kinds []data.Kind // of the first key of each input; Null: none seen
	ids   []uint32
	seen  []bool // ids
}

const copartitionFix = "Set %scopartitioned=false (one task then reads all partitions) and let the join begin anew without its offsets, or write both topics with the same partitioner and key format."

func newCopartition(topics []string, partitions int, keyClass string) *copartition {
	c := &copartition{
		topics: topics, partitions: int32(partitions), prefix: "transforms.<name>.", framed: strings.HasPrefix(keyClass, "io.confluent.connect."),
		possible: make([]atomic.Uint32, len(topics)), kinds: make([]data.Kind, len(topics)), ids: make([]uint32, len(topics)), seen: make([]bool, len(topics)),
	}
	for i := range c.possible {
		c.possible[i].Store(1<<len(kafka.Partitioners) - 1)
	}
	return c
}

// key checks one key against the partition that it was found in.
func (c *copartition) key(side int, m *data.Message) error {
	if c.partitions < 2 || m.Key == nil {
		return nil
	}
	left := c.possible[side].Load()
	fits := left
	for i := range kafka.Partitioners {
		if fits&(1<<i) != 0 && kafka.Partitioners[i].For(m.Key, c.partitions) != m.Partition {
			fits &^= 1 << i
		}
	}
	if fits == left {
		return nil
	}
	c.possible[side].And(fits)
	return c.agree(side, m)
}

// made refuses a record that lies anywhere and got its key later.
func (c *copartition) made(m *data.Message) error {
	if c.partitions < 2 {
		return nil
	}
	return c.refuse("a record of topic '%s', partition %d of %d, offset %d, has no key in the topic, only one that a transformation has made: records to be joined may lie in different partitions",
		m.Topic, m.Partition, c.partitions, m.Offset)
}

// agree runs when an input has one possible partitioner less.
func (c *copartition) agree(side int, m *data.Message) error {
	common := c.possible[0].Load()
	for i := range c.possible {
		common &= c.possible[i].Load()
	}
	if common != 0 {
		return nil
	}
	if c.possible[side].Load() == 0 {
		return c.refuse("the key %s of topic '%s', offset %d, lies in partition %d of %d, where none of the known partitioners (%s) puts it together with the keys before",
			show(m.Key), m.Topic, m.Offset, m.Partition, c.partitions, c.names(1<<len(kafka.Partitioners)-1))
	}
	var sides []string
	for i, t := range c.topics {
		sides = append(sides, fmt.Sprintf("'%s' by %s", t, c.names(c.possible[i].Load())))
	}
	return c.refuse("the topics are partitioned differently: %s; first seen at key %s of topic '%s', partition %d, offset %d",
		strings.Join(sides, ", "), show(m.Key), m.Topic, m.Partition, m.Offset)
}

func (c *copartition) names(set uint32) string {
	var names []string
	for i, p := range kafka.Partitioners {
		if set&(1<<i) != 0 {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "an unknown one"
	}
	return strings.Join(names, " or ")
}

// first compares the types of the first keys: an int key never equals a string.
func (c *copartition) first(side int, m *data.Message, kind data.Kind) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds[side] == data.Null {
		c.kinds[side] = kind
	}
	for i, k := range c.kinds {
		if k != data.Null && k != kind {
			return fault.New(fault.Config, "join.key_types", "the keys have different types: %s in topic '%s', %s in topic '%s' (key %s, partition %d, offset %d)",
				k, c.topics[i], kind, m.Topic, show(m.Key), m.Partition, m.Offset).
				WithFix("Write both topics with keys of one type, or join on a field that has one type in both: %son, with %scopartitioned=false.", c.prefix, c.prefix)
		}
	}
	if id, ok := frame(m.Key); ok && c.framed && c.partitions > 1 && !c.seen[side] {
		c.ids[side], c.seen[side] = id, true
		for i := range c.ids {
			if c.seen[i] && c.ids[i] != id {
				return c.refuse("the keys carry different schema ids, %d in topic '%s' and %d in topic '%s', so that equal keys lie in partitions of different numbers",
					c.ids[i], c.topics[i], id, m.Topic)
			}
		}
	}
	return nil
}

func (c *copartition) refuse(format string, args ...any) error {
	return fault.New(fault.Config, "join.not_copartitioned", format, args...).WithFix(copartitionFix, c.prefix)
}

// frame is the schema id in front of registry-framed bytes.
func frame(raw []byte) (uint32, bool) {
	if len(raw) < 5 || raw[0] != 0 {
		return 0, false
	}
	return uint32(raw[1])<<24 | uint32(raw[2])<<16 | uint32(raw[3])<<8 | uint32(raw[4]), true
}

// show prints a key for an error text: printable as it is, else in hex.
func show(key []byte) string {
	const most = 48
	text := fmt.Sprintf("%q", key)
	if len(key) > most {
		text = fmt.Sprintf("%q…", key[:most])
	}
	return text
}
