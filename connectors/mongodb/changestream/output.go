package changestream

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/extjson"
	"culvert/data"
)

// output makes a key or a value of a document.
type output func(doc bson.Raw, a *data.Arena) (data.Cell, error)

var (
	stringSchema   = data.Of(data.String)
	requiredBytes  = data.Of(data.Bytes)
	heartbeatValue = data.Of(data.Bytes).AsOptional()
)

// newOutputs makes those of output.format.key and output.format.value
// (SchemaAndValueProducers).
func newOutputs(s *settings) (key, value output, err error) {
	mode, err := s.formatter()
	if err != nil {
		return nil, nil, err
	}
	if key, err = newOutput(s.KeyFormat, s.KeySchema, false, mode); err != nil {
		return nil, nil, fmt.Errorf("Invalid value for configuration %s: %w", keyKeySchema, err)
	}
	if value, err = newOutput(s.ValueFormat, s.ValueSchema, s.InferValue, mode); err != nil {
		return nil, nil, fmt.Errorf("Invalid value for configuration %s: %w", keyValueSchema, err)
	}
	return key, value, nil
}

func newOutput(format, schema string, infer bool, mode extjson.Mode) (output, error) {
	switch {
	case format == "json":
		return func(doc bson.Raw, a *data.Arena) (data.Cell, error) { return jsonCell(doc, mode, a), nil }, nil
	case format == "bson":
		return func(doc bson.Raw, _ *data.Arena) (data.Cell, error) {
			return data.ValueCell(data.OfBytes(doc), requiredBytes), nil
		}, nil
	case infer:
		f := &inferrer{}
		return func(doc bson.Raw, a *data.Arena) (data.Cell, error) { return convert(f.document(doc), doc, mode, a) }, nil
	}
	node, err := parseAvro(schema)
	if err != nil {
		return nil, err
	}
	s, err := node.connect(nil)
	if err != nil {
		return nil, err
	}
	return func(doc bson.Raw, a *data.Arena) (data.Cell, error) { return convert(s, doc, mode, a) }, nil
}

func convert(s *data.Schema, doc bson.Raw, mode extjson.Mode, a *data.Arena) (data.Cell, error) {
	c := converter{mode, a}
	v, err := c.document(s, doc)
	return data.ValueCell(v, s), err
}

// jsonCell is the document as a text. A text takes more room than its BSON by about half.
func jsonCell(doc bson.Raw, mode extjson.Mode, a *data.Arena) data.Cell {
	return data.ValueCell(data.OfText(extjson.AppendDocument(a.Bytes(len(doc)+len(doc)/2), doc, mode)), stringSchema)
}
