package avro

import (
	"culvert/data"
)

// Writer is a writer schema with all that decoding needs. It does not change once
// made and is shared by the converters of a connector.
type Writer struct {
	node *Node
	// target is what the data is read as; nil: as it was written.
	target *resolution
	schema *data.Schema // nil: schemaless data
	err    error        // why the schema cannot be mapped; nulls are read all the same
}

func newWriter(m mapping, n *Node, version int32) (*Writer, error) {
	s, err := m.Connect(n, version)
	return &Writer{node: n, schema: s, err: err}, nil
}

// Node is the schema; nil if Connect cannot represent it, or if data is read as
// another one.
func (w *Writer) Node() *Node {
	if w.err != nil || w.target != nil {
		return nil
	}
	return w.node
}

// Schema is the Connect schema; nil for schemaless data.
func (w *Writer) Schema() *data.Schema { return w.schema }

// decode reads the Avro binary of one value. A null has no schema, as in Java.
func (w *Writer) decode(d *decoder, b []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if w.err != nil {
		c := NewCursor(b)
		if w.node.Type == Union && w.node.Branches[c.Index(len(w.node.Branches), "branch")].Type == Null && c.Err() == nil {
			return data.Value{}, nil, nil
		}
		return data.Value{}, nil, w.err
	}
	var v data.Value
	var err error
	if w.target != nil {
		v, err = w.target.decode(d, b, a)
	} else {
		v, err = d.decode(b, w.node, a)
	}
	if err != nil || v.IsNull() {
		return data.Value{}, nil, err
	}
	return v, w.schema, nil
}
