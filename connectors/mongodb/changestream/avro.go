package changestream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"culvert/data"
)

// avroNode is a type of an Avro schema, as far as the source takes them: it makes its
// own Connect schema of them, without logical types, and by other rules than the Avro
// converter (com.mongodb.kafka.connect.source.schema.AvroSchema).
type avroNode struct {
	kind    string // record, map, array, or the name of a primitive type
	name    string // full name of a record
	fields  []avroField
	elem    *avroNode // of an array, a map, or what a union is beside null
	inUnion bool
	schema  *data.Schema // once it is made; records may contain themselves
	making  bool         // its fields are not all there yet
}

type avroField struct {
	name string
	node *avroNode
	def  json.RawMessage // nil: none
}

// maxAvroDepth bounds the nesting of a schema.
const maxAvroDepth = 200

type avroParser struct {
	named map[string]*avroNode
	depth int
}

// parseAvro is AvroSchema.validateJsonSchema: the errors are its texts.
func parseAvro(text string) (*avroNode, error) {
	p := &avroParser{named: map[string]*avroNode{}}
	n, err := p.node(json.RawMessage(text), "", "")
	var unsupported *avroError
	switch {
	case errors.As(err, &unsupported):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("Invalid Avro schema. %w\n%s", err, text)
	case n.kind != "record":
		return nil, errors.New("Only Record schemas are supported at the top-level.")
	}
	return n, nil
}

// avroError is a type that Avro has and the source does not take.
type avroError struct{ path, text string }

func (e *avroError) Error() string {
	if e.path == "" {
		return e.text
	}
	return fmt.Sprintf("Field '%s' is invalid. %s", e.path, e.text)
}

func (p *avroParser) node(text json.RawMessage, space, path string) (*avroNode, error) {
	if p.depth++; p.depth > maxAvroDepth {
		return nil, errors.New("the schema is nested too deeply")
	}
	defer func() { p.depth-- }()
	var name string
	if json.Unmarshal(text, &name) == nil {
		return p.byName(name, space, path)
	}
	var union []json.RawMessage
	if json.Unmarshal(text, &union) == nil {
		return p.union(union, space, path)
	}
	var n struct {
		Type      json.RawMessage
		Name      string
		Namespace *string
		Items     json.RawMessage
		Values    json.RawMessage
		Fields    []struct {
			Name    string
			Type    json.RawMessage
			Default json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	kind := ""
	if json.Unmarshal(n.Type, &kind) != nil {
		return p.node(n.Type, space, path) // {"type": {…}}
	}
	switch kind {
	case "record":
		if n.Name == "" {
			return nil, errors.New("No name in schema")
		}
		full := n.Name
		if i := strings.LastIndexByte(full, '.'); i >= 0 {
			space = full[:i]
		} else {
			if n.Namespace != nil {
				space = *n.Namespace
			}
			if space != "" {
				full = space + "." + full
			}
		}
		if p.named[full] != nil {
			return nil, fmt.Errorf("Can't redefine: %s", full)
		}
		rec := &avroNode{kind: kind, name: full}
		p.named[full] = rec
		for _, f := range n.Fields {
			if f.Name == "" {
				return nil, errors.New("No field name")
			}
			sub, err := p.node(f.Type, space, join(path, f.Name))
			if err != nil {
				return nil, err
			}
			rec.fields = append(rec.fields, avroField{f.Name, sub, f.Default})
		}
		return rec, nil
	case "array", "map":
		inner := n.Items
		if kind == "map" {
			inner = n.Values
		}
		if inner == nil {
			return nil, fmt.Errorf("No type of what an %s holds", kind)
		}
		elem, err := p.node(inner, space, path)
		return &avroNode{kind: kind, elem: elem}, err
	}
	return p.byName(kind, space, path)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (p *avroParser) byName(name, space, path string) (*avroNode, error) {
	switch name {
	case "string", "bytes", "int", "long", "float", "double", "boolean":
		return &avroNode{kind: name}, nil
	case "null":
		return nil, &avroError{path, "Unsupported Avro schema type: 'NULL'."}
	case "fixed":
		return nil, &avroError{path, "Unsupported Avro schema type: 'FIXED'. The connector will not validate the length. Use bytes instead."}
	case "enum":
		return nil, &avroError{path, "Unsupported Avro schema type: 'ENUM'. The connector will not validate the values. Use string instead."}
	}
	if n := p.named[name]; n != nil {
		return n, nil
	}
	if n := p.named[space+"."+name]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("Undefined name: \"%s\"", name)
}

// union takes null beside one other type.
func (p *avroParser) union(types []json.RawMessage, space, path string) (*avroNode, error) {
	var other json.RawMessage
	nulls := 0
	for _, t := range types {
		var name string
		if json.Unmarshal(t, &name) == nil && name == "null" {
			nulls++
		} else {
			other = t
		}
	}
	if len(types) != 2 || nulls != 1 {
		return nil, &avroError{path, "Union Schemas are not supported, unless one value is null to represent an optional value."}
	}
	n, err := p.node(other, space, "")
	var inner *avroError
	if errors.As(err, &inner) {
		what := inner.Error()
		return nil, &avroError{path, "Union Schema contains an " + strings.ToLower(what[:1]) + what[1:]}
	}
	if err != nil {
		return nil, err
	}
	return &avroNode{kind: n.kind, elem: n, inUnion: true}, nil
}

var avroKinds = map[string]data.Kind{"string": data.String, "bytes": data.Bytes, "int": data.Int32, "long": data.Int64,
	"float": data.Float32, "double": data.Float64, "boolean": data.Bool}

// connect is AvroSchema.createSchema. A default of a field becomes one of its schema.
func (n *avroNode) connect(def json.RawMessage) (*data.Schema, error) {
	if n.inUnion {
		if n.elem.making {
			return nil, fmt.Errorf("%s contains itself as an optional value, which has no end", n.elem.name)
		}
		s, err := n.elem.connect(nil) // as in Java, a union's default is dropped: it is null
		if err != nil {
			return nil, err
		}
		return s.AsOptional(), nil
	}
	if n.schema != nil {
		return n.schema, nil
	}
	var s *data.Schema
	switch n.kind {
	case "record":
		s = &data.Schema{Kind: data.Struct, Name: n.name}
		n.schema, n.making = s, true
		defer func() { n.making = false }()
		for _, f := range n.fields {
			sub, err := f.node.connect(f.def)
			if err != nil {
				return nil, fmt.Errorf("field '%s': %w", f.name, err)
			}
			s.Fields = append(s.Fields, data.Field{Name: f.name, Schema: sub})
		}
		s.Index()
		return s, nil
	case "array", "map":
		elem, err := n.elem.connect(nil)
		if err != nil {
			return nil, err
		}
		if n.kind == "array" {
			return data.ArrayOf(elem), nil
		}
		return data.MapOf(data.Of(data.String), elem), nil
	}
	s = data.Of(avroKinds[n.kind])
	if def == nil {
		return s, nil
	}
	return withDefault(s, def)
}

// withDefault gives a schema of a primitive type its default.
func withDefault(s *data.Schema, def json.RawMessage) (*data.Schema, error) {
	v, err := avroDefault(s.Kind, def)
	if err != nil {
		return nil, fmt.Errorf("Invalid default for field of type %s: %s", s.Kind, def)
	}
	own := *s
	own.Default, own.HasDefault = v, true
	return &own, nil
}

func avroDefault(k data.Kind, def json.RawMessage) (v data.Value, err error) {
	switch k {
	case data.Bool:
		var b bool
		err = json.Unmarshal(def, &b)
		return data.OfBool(b), err
	case data.Int32:
		var n int32
		err = json.Unmarshal(def, &n)
		return data.OfInt32(n), err
	case data.Int64:
		var n int64
		err = json.Unmarshal(def, &n)
		return data.OfInt64(n), err
	case data.Float32:
		var f float32
		err = json.Unmarshal(def, &f)
		return data.OfFloat32(f), err
	case data.Float64:
		var f float64
		err = json.Unmarshal(def, &f)
		return data.OfFloat64(f), err
	}
	var s string
	if err = json.Unmarshal(def, &s); err != nil || k == data.String {
		return data.OfString(s), err
	}
	b := make([]byte, 0, len(s)) // a character for each byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return data.OfBytes(b), nil
}
