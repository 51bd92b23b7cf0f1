package gen

import (
	"fmt"

	"culvert/converters/avro"
	"culvert/data"
)

// unionName is AvroData's name for the struct of a union.
const unionName = "io.confluent.connect.avro.Union"

// connectTo gives the tree under n the Connect schemas that AvroData maps it to.
func (n *node) connectTo(text string) (*data.Schema, error) {
	s, err := avro.ConnectSchema(text)
	if err != nil {
		return nil, err
	}
	return s, n.adopt(s)
}

// adopt takes s as what values of n become. A name that is used twice may have two
// schemas, with different defaults; what values become is the same.
func (n *node) adopt(s *data.Schema) error {
	if s == nil {
		return fmt.Errorf("Standalone null schemas are not supported by this converter")
	}
	if n.connect != nil {
		return nil
	}
	n.connect = s
	switch n.kind {
	case recordKind:
		if s.Kind != data.Struct || len(s.Fields) != len(n.fields) {
			return n.foreign(s)
		}
		for i, f := range n.fields {
			if err := f.node.adopt(s.Fields[i].Schema); err != nil {
				return fmt.Errorf("field %s: %w", f.name, err)
			}
		}
	case arrayKind, mapKind:
		if want := map[kind]data.Kind{arrayKind: data.Array, mapKind: data.Map}[n.kind]; s.Kind != want {
			return n.foreign(s) // an array of map entries is a map
		}
		return n.elem.adopt(s.Elem)
	case unionKind:
		return n.adoptUnion(s)
	default:
		for _, k := range fits[n.kind] {
			if s.Kind == k {
				return nil
			}
		}
		return n.foreign(s)
	}
	return nil
}

// fits are the kinds that values of a simple type become.
var fits = map[kind][]data.Kind{
	booleanKind: {data.Bool}, intKind: {data.Int32, data.Date, data.Time, data.Int8, data.Int16}, longKind: {data.Int64, data.Timestamp},
	floatKind: {data.Float32}, doubleKind: {data.Float64}, stringKind: {data.String}, enumKind: {data.String},
	bytesKind: {data.Bytes, data.Decimal}, fixedKind: {data.Bytes, data.Decimal},
}

func (n *node) foreign(s *data.Schema) error {
	return fmt.Errorf("values of type %s cannot be made as %v, which the schema's connect properties ask for", n.kind, s.Kind)
}

// adoptUnion: a union of one type, and null perhaps, is that type; another one is a
// struct with a field for each type.
func (n *node) adoptUnion(s *data.Schema) error {
	var rest []*node
	for _, b := range n.branches {
		if b.kind != nullKind {
			rest = append(rest, b)
		}
	}
	if s.Name != unionName && len(rest) == 1 {
		return rest[0].adopt(s)
	}
	if s.Name != unionName || len(s.Fields) != len(rest) {
		return n.foreign(s)
	}
	for i, b := range rest {
		if err := b.adopt(s.Fields[i].Schema); err != nil {
			return err
		}
	}
	return nil
}
