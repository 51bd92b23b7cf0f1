package bson

import (
	"unicode/utf8"

	"culvert/converters"
	"culvert/converters/avro"
	"culvert/data"
	"culvert/data/values"
)

// avroDocuments makes documents of Avro records. Each writer schema is compiled
// once into a tree of ops.
type avroDocuments struct {
	conv     *avro.Converter
	last     *avro.Writer
	program  *op // of last; nil: indirect
	programs map[*avro.Writer]*op
	names    values.Distinct
}

func newAvroDocuments(c *avro.Converter) *avroDocuments {
	return &avroDocuments{conv: c, programs: map[*avro.Writer]*op{}}
}

const maxPrograms = 1000

// deepest is well below what the other route takes, so that this one never takes more.
const deepest = avro.MaxDepth / 2

// Append implements converters.Transcoder.
func (t *avroDocuments) Append(dst, raw []byte) ([]byte, error) {
	w, body, err := t.conv.Open(raw)
	if err != nil {
		return dst, err
	}
	if w != t.last {
		p, ok := t.programs[w]
		if !ok {
			if len(t.programs) >= maxPrograms {
				clear(t.programs)
			}
			p = compile(w)
			t.programs[w] = p
		}
		t.last, t.program = w, p
	}
	if t.program == nil {
		return dst, converters.ErrIndirect
	}
	t.names.Reset()
	c := avro.NewCursor(body)
	out, ok := t.document(dst, &c, t.program, 0)
	if !ok || c.Err() != nil {
		return dst, converters.ErrIndirect
	}
	return out, nil
}

// opcode is how a value is read and written.
type opcode uint8

const (
	opNull opcode = iota
	opBoolean
	opInt
	opLong
	opFloat
	opDouble
	opString
	opBinary
	opFixed
	opDecimal
	opFixedDecimal
	opDay
	opMilli
	opDate // a long
	opEnum
	opDocument
	opArray
	opMap
	opOneOf
)

// op reads one value of a writer schema and writes it as BSON.
type op struct {
	code     opcode
	kind     byte // BSON type
	ready    bool // compiled to the end
	branches int  // of the union of null and this type; 0: no union
	null     int  // which branch is null; -1: none
	fallback []byte
	fallKind byte // BSON type of fallback, which stands for null; 0: none

	fields  []fieldOp // opDocument, opOneOf
	slots   []int     // opOneOf: the field of each branch
	elem    *op       // opArray, opMap
	least   int       // bytes of an element at least
	symbols [][]byte  // opEnum: as BSON values
	size    int       // of a fixed
	scale   int32
}

// fieldOp is a field of a document.
type fieldOp struct {
	head []byte // type, name, zero
	op   *op
}

// compile makes the program of a writer schema; nil if its values are no documents
// or some type in it has no BSON of its own.
func compile(w *avro.Writer) *op {
	n, s := w.Node(), w.Schema()
	if n == nil || s == nil || n.Type != avro.Record || n.As != avro.Plain {
		return nil
	}
	p, ok := (&compiler{done: map[use]*op{}}).op(n, s)
	if !ok {
		return nil
	}
	return p
}

type use struct {
	n *avro.Node
	s *data.Schema
}

type compiler struct{ done map[use]*op }

func (c *compiler) op(n *avro.Node, s *data.Schema) (*op, bool) {
	if p := c.done[use{n, s}]; p != nil {
		return p, true // perhaps not filled in yet: a type that contains itself
	}
	p := &op{null: -1}
	c.done[use{n, s}] = p
	if n.As == avro.AsNullable {
		p.branches = len(n.Branches)
		for i, b := range n.Branches {
			if b.Type == avro.Null {
				p.null = i
			}
		}
		for _, b := range n.Branches {
			if b.Type != avro.Null {
				n = b
			}
		}
	}
	p.ready = c.fill(p, n, s)
	return p, p.ready
}

var simple = map[avro.Type]struct {
	code opcode
	kind byte
}{
	avro.Boolean: {opBoolean, typeBoolean}, avro.Int: {opInt, typeInt32}, avro.Long: {opLong, typeInt64},
	avro.Float: {opFloat, typeDouble}, avro.Double: {opDouble, typeDouble}, avro.String: {opString, typeString},
	avro.Bytes: {opBinary, typeBinary}, avro.Fixed: {opFixed, typeBinary}, avro.Enum: {opEnum, typeString},
	avro.Array: {opArray, typeArray}, avro.Map: {opMap, typeDocument}, avro.Record: {opDocument, typeDocument},
}

func (c *compiler) fill(p *op, n *avro.Node, s *data.Schema) bool {
	p.code, p.kind = simple[n.Type].code, simple[n.Type].kind
	p.size, p.scale = n.Size, n.Scale
	switch n.As {
	case avro.AsDate:
		p.code, p.kind = opDay, typeDate
	case avro.AsTime:
		p.code, p.kind = opMilli, typeDate
	case avro.AsTimestamp:
		p.code, p.kind = opDate, typeDate
	case avro.AsDecimal:
		p.code, p.kind = opDecimal, typeDecimal
		if n.Type == avro.Fixed {
			p.code = opFixedDecimal
		}
	case avro.AsInt8, avro.AsInt16, avro.AsPairs, avro.AsAnything:
		// Narrow integers are cut in Connect, the others are no documents.
		return false
	case avro.AsOneOf:
		p.code, p.kind = opOneOf, typeDocument
		return c.oneOf(p, n, s)
	}
	switch n.Type {
	case avro.Enum:
		for _, symbol := range n.Symbols {
			p.symbols = append(p.symbols, appendString(nil, []byte(symbol)))
		}
	case avro.Array, avro.Map:
		elem, ok := c.op(n.Elem, s.Elem)
		if !ok {
			return false
		}
		p.elem, p.least = elem, n.Elem.Least()
		if n.Type == avro.Map && scalar(s.Elem.Kind) && s.Elem.HasDefault {
			p.elem, ok = withDefault(elem, s.Elem)
			return ok
		}
	case avro.Record:
		if len(n.Fields) != len(s.Fields) {
			return false
		}
		for i := range n.Fields {
			if !c.field(p, s.Fields[i].Name, n.Fields[i].Node, s.Fields[i].Schema) {
				return false
			}
		}
	}
	return true
}

func (c *compiler) field(p *op, name string, n *avro.Node, s *data.Schema) bool {
	child, ok := c.op(n, s)
	if ok && s.HasDefault {
		child, ok = withDefault(child, s)
	}
	p.fields = append(p.fields, fieldOp{head: append(append([]byte{child.kind}, name...), 0), op: child})
	return ok
}

// withDefault returns a copy of p that writes the default of s for null.
func withDefault(p *op, s *data.Schema) (*op, bool) {
	if p.null < 0 {
		return p, true
	}
	value, kind, err := appendValue(nil, s.Default, s, 0)
	if err != nil || !p.ready {
		return p, false
	}
	d := *p
	d.fallback, d.fallKind = value, kind
	return &d, true
}

func (c *compiler) oneOf(p *op, n *avro.Node, s *data.Schema) bool {
	p.slots = n.Slots()
	p.branches = len(n.Branches)
	byField := make([]*avro.Node, len(s.Fields))
	for i, b := range n.Branches {
		if p.slots[i] < 0 {
			p.null = i
			continue
		}
		byField[p.slots[i]] = b
	}
	for i := range s.Fields {
		if s.Fields[i].Schema.HasDefault || byField[i] == nil || !c.field(p, s.Fields[i].Name, byField[i], s.Fields[i].Schema) {
			return false
		}
	}
	return true
}

// document writes a record, with the union around it read already.
func (t *avroDocuments) document(dst []byte, c *avro.Cursor, p *op, depth int) (_ []byte, ok bool) {
	if depth > deepest {
		return dst, false
	}
	dst, start := open(dst)
	for i := range p.fields {
		f := &p.fields[i]
		if dst, ok = t.element(dst, c, f.head, f.op, depth); !ok {
			return dst, false
		}
	}
	return closeAt(dst, start), true
}

// element writes head and value; the type in head is replaced where the value is null.
func (t *avroDocuments) element(dst []byte, c *avro.Cursor, head []byte, p *op, depth int) (_ []byte, ok bool) {
	at := len(dst)
	dst = append(dst, head...)
	if p.branches > 0 && p.code != opOneOf {
		if i := c.Long(); i < 0 || i >= int64(p.branches) {
			return dst, false
		} else if int(i) == p.null {
			dst[at] = typeNull
			if p.fallKind != 0 {
				dst[at] = p.fallKind
				dst = append(dst, p.fallback...)
			}
			return dst, true
		}
	}
	if p.code == opOneOf {
		return t.oneOf(dst, at, c, p, depth)
	}
	return t.value(dst, c, p, depth)
}

func (t *avroDocuments) value(dst []byte, c *avro.Cursor, p *op, depth int) (_ []byte, ok bool) {
	switch p.code {
	case opString:
		b := c.Bytes()
		return appendString(dst, b), utf8.Valid(b)
	case opInt:
		return appendInt32(dst, c.Int()), true
	case opLong, opDate:
		return appendInt64(dst, c.Long()), true
	case opDouble:
		return appendDouble(dst, c.Double()), true
	case opFloat:
		return appendDouble(dst, float64(c.Float())), true
	case opBoolean:
		if c.Boolean() {
			return append(dst, 1), true
		}
		return append(dst, 0), true
	case opDay:
		return appendInt64(dst, int64(c.Int())*86400000), true
	case opMilli:
		ms := c.Int()
		return appendInt64(dst, int64(ms)), ms >= 0 && ms <= 86400000
	case opBinary:
		return appendBinary(dst, c.Bytes()), true
	case opFixed:
		return appendBinary(dst, c.Fixed(p.size)), true
	case opDecimal, opFixedDecimal:
		var b []byte
		if p.code == opDecimal {
			b = c.Bytes()
		} else {
			b = c.Fixed(p.size)
		}
		if len(b) == 0 {
			return dst, false
		}
		return appendDecimal(dst, shortest(b), p.scale)
	case opEnum:
		i := c.Long()
		if i < 0 || i >= int64(len(p.symbols)) {
			return dst, false
		}
		return append(dst, p.symbols[i]...), true
	case opDocument:
		return t.document(dst, c, p, depth+1)
	case opArray:
		return t.array(dst, c, p, depth+1)
	case opMap:
		return t.mapping(dst, c, p, depth+1)
	}
	return dst, false
}

func shortest(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

func (t *avroDocuments) array(dst []byte, c *avro.Cursor, p *op, depth int) (_ []byte, ok bool) {
	if depth > deepest {
		return dst, false
	}
	dst, start := open(dst)
	var head [24]byte
	n := 0
	for count := c.Block(p.least); count > 0; count = c.Block(p.least) {
		for ; count > 0; count-- {
			h := appendIndex(append(head[:0], p.elem.kind), n)
			if dst, ok = t.element(dst, c, h, p.elem, depth); !ok || c.Err() != nil {
				return dst, false
			}
			n++
		}
	}
	return closeAt(dst, start), true
}

func (t *avroDocuments) mapping(dst []byte, c *avro.Cursor, p *op, depth int) (_ []byte, ok bool) {
	if depth > deepest {
		return dst, false
	}
	mark := t.names.Mark()
	dst, start := open(dst)
	for count := c.Block(1 + p.least); count > 0; count = c.Block(1 + p.least) {
		for ; count > 0; count-- {
			name := c.Bytes()
			if !utf8.Valid(name) || hasZero(name) {
				return dst, false
			}
			at := len(dst)
			dst = append(append(append(dst, p.elem.kind), name...), 0)
			t.names.Add(at+1, len(dst)-1)
			head := dst[at:]
			if dst, ok = t.element(dst[:at], c, head, p.elem, depth); !ok || c.Err() != nil {
				return dst, false
			}
		}
	}
	if !t.names.Since(dst, mark) {
		return dst, false
	}
	return closeAt(dst, start), true
}

func hasZero(b []byte) bool {
	for _, c := range b {
		if c == 0 {
			return true
		}
	}
	return false
}

// oneOf writes the document that stands for a union: the branch that is set, and
// null for the others.
func (t *avroDocuments) oneOf(dst []byte, at int, c *avro.Cursor, p *op, depth int) (_ []byte, ok bool) {
	i := c.Long()
	if i < 0 || i >= int64(p.branches) || depth > deepest {
		return dst, false
	}
	if int(i) == p.null {
		dst[at] = typeNull
		return dst, true
	}
	dst, start := open(dst)
	for j := range p.fields {
		f := &p.fields[j]
		if p.slots[i] != j {
			head := len(dst)
			dst = append(dst, f.head...)
			dst[head] = typeNull
			continue
		}
		if dst, ok = t.element(dst, c, f.head, f.op, depth+1); !ok {
			return dst, false
		}
	}
	return closeAt(dst, start), true
}
