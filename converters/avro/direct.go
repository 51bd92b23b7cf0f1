package avro

import (
	"culvert/converters"
	jsonconv "culvert/converters/json"
	"culvert/data"
)

// Direct returns the direct route from the wire form of one converter to that of
// another, of Avro to JSON or of JSON with schemas to Avro; false: there is none, the
// caller decodes and encodes. What it gives is what to.Encode gives for the value that
// from decodes, with its schema as renamed.
//
// rename gives the schema of a record another name; nil: it keeps its own. It must
// give the same schema for the same pointer. The transcoder uses both converters,
// which are then for the same goroutine.
func Direct(from data.Decoder, to converters.Converter, rename func(*data.Schema) *data.Schema) (converters.Transcoder, bool) {
	if rename == nil {
		rename = func(s *data.Schema) *data.Schema { return s }
	}
	switch from := from.(type) {
	case *Converter:
		if to, ok := to.(*jsonconv.Converter); ok {
			return &toJSON{from: from, to: to, rename: rename, programs: map[*Writer]*textProgram{}}, true
		}
	case *jsonconv.Converter:
		if to, ok := to.(*Converter); ok && !from.Schemaless() {
			return &fromJSON{from: from, to: to, rename: rename, programs: map[*data.Schema]*binaryProgram{}}, true
		}
	}
	return nil, false
}

const (
	// maxPrograms bounds the memory for schemas; topics have a handful.
	maxPrograms = 1000
	// deepest is well below what the other route takes, so that this one never takes more.
	deepest = MaxDepth / 2
)

// direct is how a type is transcoded.
type direct uint8

const (
	// byValue: it is read and written by the converters' own functions. So are scalars,
	// and what is rare: unions, and maps whose keys are not strings.
	byValue direct = iota
	asRecord
	asArray
	asMap
)

// directOf finds how values of s and n, the type itself, go.
func directOf(s *data.Schema, n *Node) direct {
	switch {
	case s == nil || jsonconv.Logical(s) || n.As != Plain && n.As != AsNullable:
	case n.Type == Record && s.Kind == data.Struct:
		return asRecord
	case n.Type == Array && s.Kind == data.Array:
		return asArray
	case n.Type == Map && s.Kind == data.Map && s.Key.Kind == data.String:
		return asMap
	}
	return byValue
}
