package avro

import (
	"bytes"

	"culvert/converters"
	jsonconv "culvert/converters/json"
	"culvert/converters/json/lex"
	"culvert/data"
	"culvert/data/values"
)

// fromJSON writes JSON with schemas as Avro. The way from a schema to the one that is
// registered for it is compiled once; the schema of a record is known by its text.
type fromJSON struct {
	from   *jsonconv.Converter
	to     *Converter
	rename func(*data.Schema) *data.Schema

	last     *binaryProgram
	programs map[*data.Schema]*binaryProgram

	arena data.Arena
	names values.Distinct
}

// binaryProgram writes the records of one schema.
type binaryProgram struct {
	prefix []byte // the envelope up to its payload, as it was last seen
	head   []byte // Confluent's
	root   *binaryOp
}

// binaryOp reads one value of a schema and writes it as Avro.
type binaryOp struct {
	how    direct
	text   bool // a string
	schema *data.Schema
	enc    *encoder
	null   literal // what null is written as
	fields []binaryField
	at     []int // for each field of the schema its place in fields
	elem   *binaryOp
}

// literal is something written, if it can be.
type literal struct {
	wire []byte
	ok   bool
}

// binaryField is a field of a record, in the order of the Avro schema.
type binaryField struct {
	name    string  // in the JSON; empty: only Avro has it
	missing literal // what is written where it is null or not there
	op      *binaryOp
}

// Append implements converters.Transcoder.
func (t *fromJSON) Append(dst, raw []byte) ([]byte, error) {
	b := lex.UTF8(raw)
	t.from.Begin(b)
	p, i := t.open(b)
	if p == nil || p.root == nil || i >= len(b) || b[i] == 'n' { // null is a tombstone
		return dst, converters.ErrIndirect
	}
	t.arena.Reset()
	t.names.Reset()
	out, end, ok := t.value(append(dst, p.head...), b, i, p.root, 0)
	if !ok {
		return dst, converters.ErrIndirect
	}
	if t.from.External() == nil {
		if end = lex.Space(b, end); end >= len(b) || b[end] != '}' {
			return dst, converters.ErrIndirect
		}
	}
	return out, nil
}

// open finds the program of a record and where its payload begins.
func (t *fromJSON) open(b []byte) (*binaryProgram, int) {
	if s := t.from.External(); s != nil {
		if t.last == nil {
			t.last = t.compiled(s)
		}
		return t.last, lex.Space(b, 0)
	}
	if t.last != nil && bytes.HasPrefix(b, t.last.prefix) {
		return t.last, lex.Space(b, len(t.last.prefix))
	}
	s, begin, ok := t.from.Envelope(b)
	if !ok || s == nil {
		return nil, 0
	}
	p := t.compiled(s)
	if p == nil {
		return nil, 0
	}
	if !bytes.Equal(p.prefix, b[:begin]) {
		p.prefix = bytes.Clone(b[:begin])
	}
	t.last = p
	return p, begin
}

// compiled is the program for a schema. Nil: the schema that is to be written cannot be
// had just now. Without a root: its records go the other route.
func (t *fromJSON) compiled(s *data.Schema) *binaryProgram {
	if p := t.programs[s]; p != nil {
		return p
	}
	plan, err := t.to.plans.Get(t.rename(s), t.to.newPlan)
	if err != nil {
		return nil
	}
	if len(t.programs) >= maxPrograms {
		clear(t.programs)
	}
	p := &binaryProgram{head: plan.head}
	if !plan.raw {
		p.root = (&binaryCompiler{t.from}).op(s, plan.enc)
	}
	t.programs[s] = p
	return p
}

type binaryCompiler struct{ from *jsonconv.Converter }

// op compiles the way from s to the type of e, whose schema is s but for its name.
func (c *binaryCompiler) op(s *data.Schema, e *encoder) *binaryOp {
	p := &binaryOp{schema: s, enc: e, null: c.null(s, e, false)}
	if e.options == nil && !jsonconv.Logical(e.schema) {
		p.how = directOf(s, e.node)
		p.text = s.Kind == data.String && e.node.Type == String && !jsonconv.Logical(s)
	}
	switch p.how {
	case asRecord:
		if !c.record(p) {
			p.how, p.fields = byValue, nil
		}
	case asArray, asMap:
		p.elem = c.op(s.Elem, e.elem)
	}
	return p
}

// record reports whether the fields of the record can be written as they come: all
// of them are written, in the order of the schema.
func (c *binaryCompiler) record(p *binaryOp) bool {
	next := 0
	for i := range p.enc.fields {
		f := &p.enc.fields[i]
		if f.from < 0 {
			p.fields = append(p.fields, binaryField{missing: literal{f.literal, true}})
			continue
		}
		if f.from != next {
			return false
		}
		next++
		s := p.schema.Fields[f.from].Schema
		p.at = append(p.at, len(p.fields))
		p.fields = append(p.fields, binaryField{p.schema.Fields[f.from].Name, c.null(s, f.enc, !p.enc.ignoreDefault), c.op(s, f.enc)})
	}
	return next == len(p.schema.Fields)
}

// null is what stands for null, and for a field that is missing.
func (c *binaryCompiler) null(s *data.Schema, e *encoder, defaults bool) literal {
	v, err := c.from.Null(s)
	if err != nil {
		return literal{}
	}
	if defaults {
		v = s.DefaultOr(v)
	}
	wire, err := e.append(nil, v, deepest) // it may stand as deep as that
	return literal{wire, err == nil}
}

// value writes the value at i; end is behind it.
func (t *fromJSON) value(dst, b []byte, i int, p *binaryOp, depth int) (_ []byte, end int, ok bool) {
	if depth > deepest {
		return dst, 0, false
	}
	if b[i] == 'n' {
		end, err := lex.Literal(b, i, "null")
		return append(dst, p.null.wire...), end, err == nil && p.null.ok
	}
	if p.how != byValue && p.enc.branch >= 0 {
		dst = appendLong(dst, int64(p.enc.branch))
	}
	switch p.how {
	case asRecord:
		return t.record(dst, b, i, p, depth)
	case asArray:
		return t.array(dst, b, i, p, depth)
	case asMap:
		return t.mapping(dst, b, i, p, depth)
	}
	if p.text && b[i] == '"' {
		if p.enc.branch >= 0 {
			dst = appendLong(dst, int64(p.enc.branch))
		}
		text, end, ok := t.textAt(b, i)
		return appendBytes(dst, text), end, ok
	}
	v, end, err := t.from.Read(b, i, depth, p.schema, &t.arena)
	if err != nil {
		return dst, 0, false
	}
	out, err := p.enc.append(dst, v, depth)
	if err != nil {
		return dst, 0, false
	}
	return out, end, true
}

func (t *fromJSON) textAt(b []byte, i int) (text []byte, end int, ok bool) {
	end, escaped, err := lex.String(b, i)
	if err != nil {
		return nil, 0, false
	}
	return t.unescaped(b[i+1:end-1], escaped), end, true
}

func (t *fromJSON) unescaped(text []byte, escaped bool) []byte {
	if escaped {
		return lex.Unescape(t.arena.Bytes(len(text)), text)
	}
	return text
}

// record writes an object whose members come in the order of the schema.
func (t *fromJSON) record(dst, b []byte, i int, p *binaryOp, depth int) (_ []byte, end int, ok bool) {
	if b[i] != '{' || !t.from.Take(len(p.schema.Fields)) {
		return dst, 0, false
	}
	next := 0
	end, err := lex.Members(b, i, depth, func(k0, k1, v int, escaped bool) (int, error) {
		at := p.find(next, t.from.Name(b[k0:k1], escaped))
		if at < 0 {
			return lex.Skip(b, v, depth+1)
		}
		if dst, ok = p.fill(dst, next, at); !ok {
			return 0, converters.ErrIndirect
		}
		next = at + 1
		f := &p.fields[at]
		if b[v] == 'n' {
			dst = append(dst, f.missing.wire...)
			if !f.missing.ok {
				return 0, converters.ErrIndirect
			}
			return lex.Literal(b, v, "null")
		}
		if dst, v, ok = t.value(dst, b, v, f.op, depth+1); !ok {
			return 0, converters.ErrIndirect
		}
		return v, nil
	})
	if err != nil {
		return dst, 0, false
	}
	dst, ok = p.fill(dst, next, len(p.fields))
	return dst, end, ok
}

// find is the place of the field of that name, which is likely the next; -1: there is none.
func (p *binaryOp) find(next int, name []byte) int {
	for next < len(p.fields) && p.fields[next].op == nil {
		next++
	}
	if next < len(p.fields) && p.fields[next].name == string(name) {
		return next
	}
	if f := p.schema.FieldIndex(string(name)); f >= 0 {
		return p.at[f]
	}
	return -1
}

// fill writes the fields from next up to at, which the record lacks; a record that
// has come to one behind at cannot be written in order.
func (p *binaryOp) fill(dst []byte, next, at int) ([]byte, bool) {
	if at < next {
		return dst, false
	}
	for ; next < at; next++ {
		if !p.fields[next].missing.ok {
			return dst, false
		}
		dst = append(dst, p.fields[next].missing.wire...)
	}
	return dst, true
}

func (t *fromJSON) array(dst, b []byte, i int, p *binaryOp, depth int) (_ []byte, end int, ok bool) {
	if b[i] != '[' {
		return dst, 0, false
	}
	start, n := len(dst), 0
	end, err := lex.Items(b, i, depth, func(v int) (int, error) {
		n++
		if dst, v, ok = t.value(dst, b, v, p.elem, depth+1); !ok {
			return 0, converters.ErrIndirect
		}
		return v, nil
	})
	return counted(dst, start, n), end, err == nil
}

func (t *fromJSON) mapping(dst, b []byte, i int, p *binaryOp, depth int) (_ []byte, end int, ok bool) {
	if b[i] != '{' {
		return dst, 0, false
	}
	start, n, mark := len(dst), 0, t.names.Mark()
	end, err := lex.Members(b, i, depth, func(k0, k1, v int, escaped bool) (int, error) {
		n++
		name := t.unescaped(b[k0:k1], escaped)
		dst = appendBytes(dst, name)
		t.names.Add(len(dst)-len(name), len(dst))
		if dst, v, ok = t.value(dst, b, v, p.elem, depth+1); !ok {
			return 0, converters.ErrIndirect
		}
		return v, nil
	})
	if err != nil || !t.names.Since(dst, mark) {
		return dst, 0, false
	}
	return counted(dst, start, n), end, true
}

// counted makes the n items since start a block, with its count before it and the end of
// the blocks behind it.
func counted(dst []byte, start, n int) []byte {
	if n > 0 {
		var head [10]byte
		count := appendLong(head[:0], int64(n))
		dst = append(dst, count...)
		copy(dst[start+len(count):], dst[start:len(dst)-len(count)])
		copy(dst[start:], count)
	}
	return append(dst, 0)
}
