package jsonschema

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	jsonconv "culvert/converters/json"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// derivation writes the JSON schema of a Connect schema, with the members of objects
// in the order of everit's ToStringVisitor, so that a registry sees the same text
// from either worker.
type derivation struct {
	mapping
	out   []byte
	ids   map[string]bool // schemas that can be referred to
	depth int
	types int
}

// derive is JsonSchemaData.fromConnectSchema.
func (m mapping) derive(s *data.Schema) (string, error) {
	d := derivation{mapping: m, ids: map[string]bool{}}
	if err := d.schema(s, -1, false); err != nil {
		return "", err
	}
	return string(d.out), nil
}

func (d *derivation) str(s string)    { d.out = append(d.out, s...) }
func (d *derivation) quoted(s string) { d.out = append(d.out, quote(s)...) }

// quote is a text as JSON, without the escapes that are for HTML.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string has a JSON form
	return bytes.TrimSpace(b.Bytes())
}

// member begins a member of the object that is open.
func (d *derivation) member(name string) {
	if d.out[len(d.out)-1] != '{' {
		d.str(",")
	}
	d.quoted(name)
	d.str(":")
}

func required(s *data.Schema) *data.Schema {
	c := *s
	c.Optional = false
	return &c
}

// schema writes s. index is its place in a struct, -1 if it has none. bare: an
// optional schema is not put beside null.
func (d *derivation) schema(s *data.Schema, index int, bare bool) error {
	d.depth++
	defer func() { d.depth-- }()
	if d.types++; d.depth > maxDepth || d.types > maxSubtrees {
		return dataError("The schema %s contains itself, or is nested deeper than %d levels", s.Name, maxDepth)
	}
	id, _ := s.Param(idParam)
	if id != "" {
		d.ids[id] = true
	}
	switch {
	case isUnion(s):
		return d.union(s, index, id)
	case s.Kind == data.Struct && s.Optional:
		return d.orNull(index, id, func() error { return d.schema(required(s), -1, false) })
	case s.Optional && !bare:
		return d.orNull(index, id, func() error { return d.plain(s, -1, "") })
	}
	return d.plain(s, index, id)
}

// orNull writes the choice of null and another schema.
func (d *derivation) orNull(index int, id string, other func() error) error {
	d.str("{")
	d.head(index, id)
	d.member("oneOf")
	d.str(`[{"type":"null"},`)
	if err := other(); err != nil {
		return err
	}
	d.str("]}")
	return nil
}

func (d *derivation) head(index int, id string) {
	if id != "" {
		d.member("id")
		d.quoted(id)
	}
	if index >= 0 {
		d.member(propIndex)
		d.str(strconv.Itoa(index))
	}
}

func (d *derivation) union(s *data.Schema, index int, id string) error {
	d.str("{")
	d.head(index, id)
	d.member("oneOf")
	d.str("[")
	if s.Optional {
		d.str(`{"type":"null"}`)
	}
	for i, f := range s.Fields {
		if i > 0 || s.Optional {
			d.str(",")
		}
		if err := d.schema(required(f.Schema), i, true); err != nil {
			return err
		}
	}
	d.str("]}")
	return nil
}

// connectTypes are the types that JSON itself does not tell apart.
var connectTypes = map[data.Kind]string{data.Int8: "int8", data.Int16: "int16", data.Int32: "int32", data.Int64: "int64",
	data.Float32: "float32", data.Float64: "float64", data.Bytes: "bytes", data.Map: "map"}

// enumOf is the parameter that makes an enum of a schema; empty: it is none.
func (m mapping) enumOf(s *data.Schema) string {
	_, general := s.Param(generalizedEnum)
	_, own := s.Param(enumParam)
	if s.Kind != data.String || !general && !own {
		return ""
	}
	if m.generalized {
		return generalizedEnum
	}
	return enumParam
}

func (d *derivation) plain(s *data.Schema, index int, id string) error {
	d.str("{")
	enum := d.enumOf(s)
	switch s.Kind.Base() {
	case data.Int8, data.Int16, data.Int32, data.Int64:
		d.str(`"type":"integer"`)
	case data.Float32, data.Float64:
		d.str(`"type":"number"`)
	case data.String:
		if enum != "" {
			d.symbols(s, enum)
		} else {
			d.str(`"type":"string"`)
		}
	case data.Bytes:
		if s.Kind == data.Decimal && d.numeric() {
			d.str(`"type":"number"`)
		} else {
			d.str(`"type":"string"`)
		}
	case data.Array:
		d.str(`"type":"array"`)
	case data.Map:
		if s.Key.Kind == data.String && !s.Key.Optional {
			d.str(`"type":"object"`)
		} else {
			d.str(`"type":"array"`)
		}
	case data.Struct:
		d.str(`"type":"object"`)
		if !d.additional {
			d.str(`,"additionalProperties":false`)
		}
	case data.Bool: // its type comes last
	default:
		return dataError("Unsupported type %s", values.TypeName(s.Kind))
	}
	if err := d.annotations(s, index, id); err != nil {
		return err
	}
	err := d.parts(s)
	if s.Kind == data.Bool {
		d.member("type")
		d.str(`"boolean"`)
	}
	d.str("}")
	return err
}

func (d *derivation) symbols(s *data.Schema, param string) {
	d.str(`"enum":[`)
	first := true
	for _, p := range s.Params {
		symbol, ok := strings.CutPrefix(p.Name, param+".")
		if !ok {
			continue
		}
		if !first {
			d.str(",")
		}
		first = false
		if symbol == nullSymbol {
			d.str("null")
		} else {
			d.quoted(symbol)
		}
	}
	d.str("]")
}

func (d *derivation) annotations(s *data.Schema, index int, id string) error {
	if s.Name != "" {
		d.member("title")
		d.quoted(s.Name)
	}
	if s.Doc != "" {
		d.member("description")
		d.quoted(s.Doc)
	}
	if s.HasDefault {
		d.member("default")
		text, err := jsonconv.NewPayload(d.numeric(), !d.ignoreDefault, isUnion).Append(nil, s.Default, s)
		if err != nil {
			return err
		}
		d.out = append(d.out, text...)
	}
	if id != "" {
		d.member("id")
		d.quoted(id)
	}
	d.properties(s, index)
	return nil
}

// properties writes what only Connect understands.
func (d *derivation) properties(s *data.Schema, index int) {
	values := map[string]string{}
	if t, ok := connectTypes[s.Kind.Base()]; ok {
		values[propType] = `"` + t + `"`
	}
	if s.Version != 0 {
		values[propVersion] = strconv.Itoa(int(s.Version))
	}
	if params := d.parameters(s); params != "" {
		values[propParameters] = params
	}
	if index >= 0 {
		values[propIndex] = strconv.Itoa(index)
	}
	for _, name := range inHashOrder(values) {
		d.member(name)
		d.str(values[name])
	}
}

func (d *derivation) parameters(s *data.Schema) string {
	values := map[string]string{}
	for _, p := range s.Params {
		if !strings.HasPrefix(p.Name, namespace) {
			values[p.Name] = string(quote(p.Value))
		}
	}
	if len(values) == 0 {
		return ""
	}
	var list []string
	for _, name := range inHashOrder(values) {
		list = append(list, string(quote(name))+":"+values[name])
	}
	return "{" + strings.Join(list, ",") + "}"
}

// inHashOrder is the order of a java.util.HashMap that was made as a copy of one of
// the usual capacity.
func inHashOrder(m map[string]string) []string {
	capacity := 1
	for capacity < len(m)*4/3+1 {
		capacity *= 2
	}
	return hashOrder(hashOrder(sortedKeys(m), 16), capacity)
}

func (d *derivation) parts(s *data.Schema) error {
	switch s.Kind {
	case data.Array:
		d.member("items")
		return d.orReference(s.Elem, -1)
	case data.Map:
		if s.Key.Kind == data.String && !s.Key.Optional {
			d.member("additionalProperties")
			return d.schema(s.Elem, -1, false)
		}
		d.member("items")
		d.str(`{"type":"object","properties":{"value":`)
		if err := d.schema(s.Elem, 1, false); err != nil {
			return err
		}
		d.str(`,"key":`)
		if err := d.schema(s.Key, 0, false); err != nil {
			return err
		}
		d.str("}}")
	case data.Struct:
		return d.fields(s)
	}
	return nil
}

func (d *derivation) fields(s *data.Schema) error {
	if len(s.Fields) == 0 {
		return nil
	}
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	d.member("properties")
	d.str("{")
	for i, name := range hashOrder(names, 16) {
		if i > 0 {
			d.str(",")
		}
		d.quoted(name)
		d.str(":")
		f := s.FieldIndex(name)
		if err := d.orReference(s.Fields[f].Schema, f); err != nil {
			return fault.InField(err, name)
		}
	}
	d.str("}")
	return nil
}

// orReference refers to a schema that is written further out or before.
func (d *derivation) orReference(s *data.Schema, index int) error {
	if id, ok := s.Param(idParam); ok && d.ids[id] {
		d.str(`{"$ref":`)
		d.quoted(id)
		d.str("}")
		return nil
	}
	return d.schema(s, index, false)
}
