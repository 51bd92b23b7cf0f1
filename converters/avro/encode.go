package avro

import (
	"encoding/binary"
	"math"

	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// encoder writes values of one Connect schema as one Avro type. It is compiled
// once for the pair and safe for concurrent use.
type encoder struct {
	mapping
	schema *data.Schema // nil: schemaless data
	node   *Node        // the type itself, not the union around it
	// Where the type stands in a union: the branches of null and of the type; -1: none.
	null, branch int

	fields    []fieldEncoder // Struct
	options   []option       // Struct of a union: one per field
	key, elem *encoder
	symbols   map[string]int
}

// fieldEncoder writes one field of a record. from is the field's place in the
// struct; -1 is a field that only the Avro schema has, whose default is literal.
type fieldEncoder struct {
	from    int
	enc     *encoder
	literal []byte
}

// option is one type of a union.
type option struct {
	branch int
	enc    *encoder
}

type pair struct {
	s *data.Schema
	n *Node
}

// newEncoder compiles the way from s to n. It fails when values of s cannot be
// written as n.
func newEncoder(m mapping, s *data.Schema, n *Node) (*encoder, error) {
	return (&compiler{mapping: m, done: map[pair]*encoder{}}).encoder(s, n)
}

type compiler struct {
	mapping
	done map[pair]*encoder
}

func (c *compiler) encoder(s *data.Schema, n *Node) (*encoder, error) {
	if e := c.done[pair{s, n}]; e != nil {
		return e, nil
	}
	e := &encoder{mapping: c.mapping, schema: s, node: n, null: -1, branch: -1}
	c.done[pair{s, n}] = e
	if s == nil {
		if n.As != AsAnything {
			return nil, dataError("Data without a schema cannot be written as %s", n.FullName())
		}
		return e, nil
	}
	if n.Type == Union {
		for i, b := range n.Branches {
			if b.Type == Null {
				e.null = i
			}
		}
		if isUnion(s) {
			return e, c.options(e, n)
		}
		if e.branch = c.pick(s, n); e.branch < 0 {
			return nil, mismatch(s, n)
		}
		e.node = n.Branches[e.branch]
	}
	return e, c.parts(e)
}

func mismatch(s *data.Schema, n *Node) error {
	name := s.Name
	if name == "" {
		name = values.TypeName(s.Kind)
	}
	return dataError("Data of schema %s cannot be written as Avro %s", name, n.FullName()).
		WithFix("Make the schema in the registry fit the data, or let the converter register its own (auto.register.schemas=true).")
}

// accepts lists the Avro types that each kind can be written as, best first.
var accepts = map[data.Kind][]Type{
	data.Bool: {Boolean}, data.Int8: {Int, Long}, data.Int16: {Int, Long}, data.Int32: {Int, Long, Double},
	data.Int64: {Long}, data.Float32: {Float, Double}, data.Float64: {Double}, data.String: {String, Enum},
	data.Bytes: {Bytes, Fixed}, data.Array: {Array}, data.Map: {Map, Array}, data.Struct: {Record},
}

func fits(s *data.Schema, n *Node) bool {
	for _, t := range accepts[s.Kind.Base()] {
		if n.Type == t {
			return true
		}
	}
	return false
}

// pick chooses the branch of a union: by name where there is one, else by type.
func (c *compiler) pick(s *data.Schema, n *Node) int {
	name := c.scrubFull(s.Name)
	if enum, ok := s.Param(enumName); ok && s.Kind == data.String {
		name = enum
	}
	for i, b := range n.Branches {
		if b.named() && b.FullName() == name && fits(s, b) {
			return i
		}
	}
	for _, t := range accepts[s.Kind.Base()] {
		for i, b := range n.Branches {
			if b.Type == t {
				return i
			}
		}
	}
	return -1
}

// options maps the fields of a union's struct to its branches.
func (c *compiler) options(e *encoder, n *Node) error {
	for i, f := range e.schema.Fields {
		branch := -1
		if at := slotOf(n, i); at >= 0 && fits(f.Schema, n.Branches[at]) {
			branch = at
		} else if branch = c.pick(f.Schema, n); branch < 0 {
			return mismatch(f.Schema, n)
		}
		enc, err := c.encoder(required(f.Schema), n.Branches[branch])
		if err != nil {
			return err
		}
		e.options = append(e.options, option{branch, enc})
	}
	return nil
}

func slotOf(n *Node, field int) int {
	for i, s := range n.slots {
		if s == field {
			return i
		}
	}
	return -1
}

func (c *compiler) parts(e *encoder) error {
	s, n := e.schema, e.node
	if !fits(s, n) {
		return mismatch(s, n)
	}
	var err error
	switch {
	case n.Type == Enum:
		e.symbols = make(map[string]int, len(n.Symbols))
		for i, symbol := range n.Symbols {
			e.symbols[symbol] = i
		}
	case n.Type == Array && s.Kind == data.Map:
		if !n.Elem.isMapEntry() || len(n.Elem.Fields) != 2 {
			return mismatch(s, n)
		}
		if e.key, err = c.encoder(s.Key, n.Elem.Fields[0].Node); err != nil {
			return err
		}
		e.elem, err = c.encoder(s.Elem, n.Elem.Fields[1].Node)
	case n.Type == Array || n.Type == Map:
		if n.Type == Map && s.Key.Kind != data.String {
			return mismatch(s, n)
		}
		e.elem, err = c.encoder(s.Elem, n.Elem)
	case n.Type == Record:
		err = c.record(e)
	}
	return err
}

func (c *compiler) record(e *encoder) error {
	byName := make(map[string]int, len(e.schema.Fields))
	for i, f := range e.schema.Fields {
		byName[c.scrubName(f.Name)] = i
	}
	for i := range e.node.Fields {
		f := &e.node.Fields[i]
		from, ok := byName[f.Name]
		if !ok {
			literal, err := c.literal(f)
			if err != nil {
				return err
			}
			e.fields = append(e.fields, fieldEncoder{from: -1, literal: literal})
			continue
		}
		enc, err := c.encoder(e.schema.Fields[from].Schema, f.Node)
		if err != nil {
			return err
		}
		e.fields = append(e.fields, fieldEncoder{from: from, enc: enc})
	}
	return nil
}

// literal is the encoded default of a field that the data does not have.
func (c *compiler) literal(f *Field) ([]byte, error) {
	missing := dataError("The schema in the registry has the field %s, which the data lacks and which has no default", f.Name)
	if f.Default == nil {
		return nil, missing
	}
	if string(f.Default) == "null" {
		if f.Node.Type == Union && len(f.Node.Branches) > 0 && f.Node.Branches[0].Type == Null {
			return []byte{0}, nil
		}
		return nil, missing
	}
	s, err := c.mapping.Connect(&Node{Type: Record, Name: "Default", Fields: []Field{*f}}, 0)
	if err != nil || !s.Fields[0].Schema.HasDefault {
		return nil, missing
	}
	enc, err := c.encoder(s.Fields[0].Schema, f.Node)
	if err != nil {
		return nil, err
	}
	return enc.append(nil, s.Fields[0].Schema.Default, 0)
}

// appendLong appends a zig-zag integer.
func appendLong(dst []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

func appendBytes(dst, b []byte) []byte {
	return append(appendLong(dst, int64(len(b))), b...)
}

// append writes v, with the head of the union if there is one around.
func (e *encoder) append(dst []byte, v data.Value, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, dataError("The value is nested deeper than %d levels", MaxDepth)
	}
	if e.schema == nil {
		return e.anything(dst, v, depth)
	}
	if v.IsNull() {
		if !e.schema.Optional {
			return nil, dataError("Found null value for non-optional schema")
		}
		if e.null < 0 {
			return nil, dataError("Found a null value, which the Avro schema %s does not allow", e.node.FullName())
		}
		return appendLong(dst, int64(e.null)), nil
	}
	if e.options != nil {
		return e.oneOf(dst, v, depth)
	}
	if e.branch >= 0 {
		dst = appendLong(dst, int64(e.branch))
	}
	return e.plain(dst, v, depth)
}

// plain writes v as e.node.
func (e *encoder) plain(dst []byte, v data.Value, depth int) ([]byte, error) {
	if v.Kind() != e.schema.Kind {
		return nil, e.wrongType(v)
	}
	switch e.schema.Kind {
	case data.Bool:
		if v.Bool() {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case data.Int8, data.Int16, data.Int32, data.Int64, data.Timestamp:
		return e.number(dst, v.Int()), nil
	case data.Date:
		if v.Int()%dayMillis != 0 {
			return nil, dataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
		}
		return e.number(dst, v.Int()/dayMillis), nil
	case data.Time:
		if v.Int() < 0 || v.Int() > dayMillis {
			return nil, dataError("Kafka Connect Time type should not have any date fields set to non-zero values.")
		}
		return e.number(dst, v.Int()), nil
	case data.Float32:
		if e.node.Type == Double {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), nil
		}
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.Float32())), nil
	case data.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), nil
	case data.String:
		return e.text(dst, v)
	case data.Bytes, data.Decimal:
		return e.binary(dst, v)
	case data.Array:
		return e.array(dst, v, depth)
	case data.Map:
		return e.entries(dst, v, depth)
	case data.Struct:
		return e.record(dst, v, depth)
	}
	return nil, dataError("Unknown schema type: %s", values.TypeName(e.schema.Kind))
}

func (e *encoder) wrongType(v data.Value) error {
	class := values.Class(v.Kind())
	switch e.schema.Kind {
	case data.Decimal:
		return dataError("Invalid type for Decimal, expected BigDecimal but was class %s", class)
	case data.Date:
		return dataError("Invalid type for Date, expected Date but was class %s", class)
	case data.Time:
		return dataError("Invalid type for Time, expected Date but was class %s", class)
	case data.Timestamp:
		return dataError("Invalid type for Timestamp, expected Date but was class %s", class)
	}
	return dataError("Invalid type for %s: class %s", values.TypeName(e.schema.Kind), class)
}

func (e *encoder) number(dst []byte, i int64) []byte {
	if e.node.Type == Double {
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(i)))
	}
	return appendLong(dst, i)
}

func (e *encoder) text(dst []byte, v data.Value) ([]byte, error) {
	if e.node.Type != Enum {
		return appendBytes(dst, v.Bytes()), nil
	}
	i, ok := e.symbols[v.Str()]
	if !ok {
		return nil, dataError("%q is not a symbol of the enum %s", v.Str(), e.node.FullName())
	}
	return appendLong(dst, int64(i)), nil
}

func (e *encoder) binary(dst []byte, v data.Value) ([]byte, error) {
	b := v.Bytes()
	if e.schema.Kind == data.Decimal && e.node.As == AsDecimal && v.Scale() != e.node.Scale {
		return nil, dataError("Decimal value has mismatching scale for given Decimal schema. Schema has scale %d, value has scale %d.", e.node.Scale, v.Scale())
	}
	if e.node.Type != Fixed {
		return appendBytes(dst, b), nil
	}
	if e.schema.Kind == data.Decimal && len(b) < e.node.Size {
		sign := byte(0)
		if len(b) > 0 && b[0] >= 0x80 {
			sign = 0xff
		}
		for i := len(b); i < e.node.Size; i++ {
			dst = append(dst, sign)
		}
		return append(dst, b...), nil
	}
	if len(b) != e.node.Size {
		return nil, dataError("%d bytes for the fixed %s, which has %d", len(b), e.node.FullName(), e.node.Size)
	}
	return append(dst, b...), nil
}

func (e *encoder) array(dst []byte, v data.Value, depth int) ([]byte, error) {
	elems := v.Elems()
	if len(elems) > 0 {
		dst = appendLong(dst, int64(len(elems)))
	}
	var err error
	for _, elem := range elems {
		if dst, err = e.elem.append(dst, elem, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}

func (e *encoder) entries(dst []byte, v data.Value, depth int) ([]byte, error) {
	pairs := v.Elems()
	if len(pairs) > 0 {
		dst = appendLong(dst, int64(len(pairs)/2))
	}
	var err error
	for i := 0; i+1 < len(pairs); i += 2 {
		switch {
		case e.key != nil:
			dst, err = e.key.append(dst, pairs[i], depth+1)
		case pairs[i].Kind() != data.String:
			err = dataError("Invalid type for MAP: class %s", values.Class(v.Kind()))
		default:
			dst = appendBytes(dst, pairs[i].Bytes())
		}
		if err == nil {
			dst, err = e.elem.append(dst, pairs[i+1], depth+1)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}

func (e *encoder) record(dst []byte, v data.Value, depth int) ([]byte, error) {
	fields := v.Elems()
	if len(fields) != len(e.schema.Fields) {
		return nil, dataError("Mismatching struct schema")
	}
	var err error
	for i := range e.fields {
		f := &e.fields[i]
		if f.from < 0 {
			dst = append(dst, f.literal...)
			continue
		}
		value := fields[f.from]
		if !e.ignoreDefault {
			value = e.schema.Fields[f.from].Schema.DefaultOr(value)
		}
		if dst, err = f.enc.append(dst, value, depth+1); err != nil {
			return nil, fault.InField(err, e.schema.Fields[f.from].Name)
		}
	}
	return dst, nil
}

// oneOf writes the field that is set of a struct that stands for a union.
func (e *encoder) oneOf(dst []byte, v data.Value, depth int) ([]byte, error) {
	fields := v.Elems()
	if v.Kind() != data.Struct || len(fields) != len(e.options) {
		return nil, dataError("Mismatching struct schema")
	}
	for i, f := range fields {
		if !e.ignoreDefault {
			f = e.schema.Fields[i].Schema.DefaultOr(f)
		}
		if !f.IsNull() {
			o := e.options[i]
			return o.enc.plain(appendLong(dst, int64(o.branch)), f, depth+1)
		}
	}
	return e.append(dst, data.Value{}, depth+1)
}

// anything wraps schemaless data: nine optional fields, at most one set.
func (e *encoder) anything(dst []byte, v data.Value, depth int) ([]byte, error) {
	at, ok := map[data.Kind]int{data.Null: len(anythingFields), data.Bool: 0, data.Float64: 2, data.Float32: 3,
		data.Int8: 4, data.Int16: 4, data.Int32: 4, data.Int64: 5, data.String: 6, data.Array: 7, data.Map: 8}[v.Kind()]
	if !ok {
		return nil, dataError("Unknown Java type for schemaless data: class %s", values.Class(v.Kind()))
	}
	if depth > MaxDepth {
		return nil, dataError("The value is nested deeper than %d levels", MaxDepth)
	}
	for i := range anythingFields {
		if i != at {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 2) // the second branch
		var err error
		if dst, err = e.content(dst, v, depth); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (e *encoder) content(dst []byte, v data.Value, depth int) ([]byte, error) {
	switch v.Kind() {
	case data.Bool:
		if v.Bool() {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case data.Bytes, data.String:
		return appendBytes(dst, v.Bytes()), nil
	case data.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), nil
	case data.Float32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.Float32())), nil
	case data.Array, data.Map:
		elems := v.Elems()
		count := v.Len()
		if count > 0 {
			dst = appendLong(dst, int64(count))
		}
		var err error
		for _, elem := range elems { // a map's entries are key and value in turn
			if dst, err = e.anything(dst, elem, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, 0), nil
	}
	return appendLong(dst, v.Int()), nil
}
