// Package wire is what the converters with a Schema Registry share: Confluent's
// head, what was compiled of the registry's schemas, and the plans for writing.
package wire

import (
	"encoding/binary"
	"sync"

	"culvert/data"
	"culvert/fault"
)

// HeadSize is Confluent's head: a zero and the id of the schema, big-endian.
const HeadSize = 5

// Split separates the head from the body of a record.
func Split(raw []byte) (id int32, body []byte, err error) {
	if len(raw) < HeadSize || raw[0] != 0 {
		return 0, nil, fault.New(fault.Record, "wire.magic", "Unknown magic byte!").
			WithJava("org.apache.kafka.common.errors.SerializationException")
	}
	return int32(binary.BigEndian.Uint32(raw[1:])), raw[HeadSize:], nil
}

// AppendHead appends the head of a record.
func AppendHead(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}

const (
	maxReaders = 10000
	maxPlans   = 1000
)

// ReaderID is a schema as seen from a topic, on which its version depends.
type ReaderID struct {
	Topic string
	ID    int32
}

// Readers keeps what was compiled of the schemas that records name. The converters
// of a connector share it, so that all of them have one schema pointer for a
// schema. The zero Readers is ready and safe for concurrent use.
type Readers[R any] struct {
	mu   sync.Mutex
	made map[ReaderID]R // guarded by mu
}

// Get finds or makes what reads the records of a schema.
func (r *Readers[R]) Get(topic string, id int32, compile func() (R, error)) (R, error) {
	key := ReaderID{topic, id}
	r.mu.Lock()
	made, ok := r.made[key]
	r.mu.Unlock()
	if ok {
		return made, nil
	}
	made, err := compile()
	if err != nil {
		return made, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if have, ok := r.made[key]; ok {
		return have, nil // another task was faster
	}
	if r.made == nil || len(r.made) >= maxReaders {
		r.made = map[ReaderID]R{}
	}
	r.made[key] = made
	return made, nil
}

// Plans keeps how data of the Connect schemas of one topic is written. The zero
// Plans is ready; it is for one goroutine.
//
// Transformations may make an equal schema anew for every record, so that pointers
// are only the first thing to look at.
type Plans[P any] struct {
	byPointer map[*data.Schema]P
	known     []plan[P] // each plan once
}

type plan[P any] struct {
	schema *data.Schema
	plan   P
}

// Get finds or makes the plan of a schema.
func (p *Plans[P]) Get(s *data.Schema, compile func(*data.Schema) (P, error)) (P, error) {
	if found, ok := p.byPointer[s]; ok {
		return found, nil
	}
	found, err := p.find(s, compile)
	if err != nil {
		return found, err
	}
	if p.byPointer == nil || len(p.byPointer) >= maxPlans {
		p.byPointer = map[*data.Schema]P{}
	}
	p.byPointer[s] = found
	return found, nil
}

func (p *Plans[P]) find(s *data.Schema, compile func(*data.Schema) (P, error)) (P, error) {
	for _, k := range p.known {
		if k.schema.Equal(s) {
			return k.plan, nil
		}
	}
	made, err := compile(s)
	if err != nil {
		return made, err
	}
	if len(p.known) >= maxPlans {
		p.byPointer, p.known = nil, nil
	}
	p.known = append(p.known, plan[P]{s, made})
	return made, nil
}
