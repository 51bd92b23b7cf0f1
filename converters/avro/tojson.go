package avro

import (
	"unicode/utf8"

	"culvert/converters"
	jsonconv "culvert/converters/json"
	"culvert/data"
	"culvert/data/values"
)

// toJSON writes Avro records as JsonConverter does. Each writer schema is compiled once.
type toJSON struct {
	from   *Converter
	to     *jsonconv.Converter
	rename func(*data.Schema) *data.Schema

	last     *Writer
	program  *textProgram // of last; nil: indirect
	programs map[*Writer]*textProgram

	dec   decoder
	arena data.Arena
	names values.Distinct
}

// textProgram writes the records of one writer schema.
type textProgram struct {
	head, tail []byte // the envelope around the payload
	root       *textOp
}

// textOp reads one value of a writer schema and writes it as JSON.
type textOp struct {
	how      direct
	text     bool // a string
	node     *Node
	schema   *data.Schema
	branches int    // of the union of null and this type; 0: no union
	null     int    // which branch is null; -1: none
	onNull   []byte // what null is written as; nil: it is refused
	fields   []textField
	elem     *textOp
}

// textField is a field of a record.
type textField struct {
	head []byte // the comma, and the name with its colon
	op   *textOp
}

// Append implements converters.Transcoder.
func (t *toJSON) Append(dst, raw []byte) ([]byte, error) {
	w, body, err := t.from.Open(raw)
	if err != nil {
		return dst, err
	}
	if w != t.last {
		t.last, t.program = w, t.compiled(w)
	}
	p := t.program
	if p == nil {
		return dst, converters.ErrIndirect
	}
	t.arena.Reset()
	t.names.Reset()
	t.dec.begin(body, &t.arena)
	out, ok := t.value(append(dst, p.head...), p.root, 0)
	if !ok || t.dec.err != nil || t.dec.bad != nil {
		return dst, converters.ErrIndirect
	}
	return append(out, p.tail...), nil
}

func (t *toJSON) compiled(w *Writer) *textProgram {
	p, ok := t.programs[w]
	if !ok {
		if len(t.programs) >= maxPrograms {
			clear(t.programs)
		}
		p = t.compile(w)
		t.programs[w] = p
	}
	return p
}

// compile makes the program of a writer schema; nil: its values go the other route.
func (t *toJSON) compile(w *Writer) *textProgram {
	n, s := w.Node(), t.rename(w.Schema())
	if n == nil || s == nil || n.Type == Bytes { // the payload of schema bytes has no length
		return nil
	}
	p := &textProgram{}
	if !t.to.Schemaless() {
		head, err := t.to.Head(s)
		if err != nil {
			return nil
		}
		p.head, p.tail = head, []byte("}")
	}
	p.root = (&textCompiler{to: t.to, done: map[pair]*textOp{}}).op(n, s)
	return p
}

type textCompiler struct {
	to   *jsonconv.Converter
	done map[pair]*textOp
}

func (c *textCompiler) op(n *Node, s *data.Schema) *textOp {
	if p := c.done[pair{s, n}]; p != nil {
		return p // perhaps not filled in yet: a type that contains itself
	}
	p := &textOp{schema: s, null: -1}
	c.done[pair{s, n}] = p
	if onNull, err := c.to.Write(nil, data.Value{}, s); err == nil {
		p.onNull = onNull
	}
	if n.As == AsNullable {
		p.branches = len(n.Branches)
		for i, b := range n.Branches {
			if b.Type == Null {
				p.null = i
			}
		}
		for _, b := range n.Branches {
			if b.Type != Null {
				n = b
			}
		}
	}
	p.node, p.how = n, directOf(s, n)
	p.text = n.Type == String && s.Kind == data.String && !jsonconv.Logical(s)
	switch p.how {
	case asRecord:
		for i := range n.Fields {
			var head []byte
			if i > 0 {
				head = append(head, ',')
			}
			head = append(jsonconv.AppendText(head, []byte(s.Fields[i].Name)), ':')
			p.fields = append(p.fields, textField{head, c.op(n.Fields[i].Node, s.Fields[i].Schema)})
		}
	case asArray, asMap:
		p.elem = c.op(n.Elem, s.Elem)
	}
	return p
}

// value writes a value, with the union around it.
func (t *toJSON) value(dst []byte, p *textOp, depth int) ([]byte, bool) {
	if p.branches > 0 {
		if i := t.dec.Long(); i < 0 || i >= int64(p.branches) {
			return dst, false
		} else if int(i) == p.null {
			return append(dst, p.onNull...), p.onNull != nil && depth > 0 // as a whole it is a tombstone
		}
	}
	if depth > deepest {
		return dst, false
	}
	switch {
	case p.text:
		b := t.dec.Bytes()
		return jsonconv.AppendText(dst, b), utf8.Valid(b)
	case p.how == asRecord:
		return t.record(dst, p, depth)
	case p.how == asArray:
		return t.array(dst, p, depth)
	case p.how == asMap:
		return t.mapping(dst, p, depth)
	}
	v := t.dec.value(p.node, depth)
	if t.dec.err != nil || v.IsNull() && depth == 0 {
		return dst, false
	}
	out, err := t.to.Write(dst, v, p.schema)
	if err != nil {
		return dst, false
	}
	return out, true
}

func (t *toJSON) record(dst []byte, p *textOp, depth int) (_ []byte, ok bool) {
	if !t.dec.take(len(p.fields)) {
		return dst, false
	}
	dst = append(dst, '{')
	for i := range p.fields {
		f := &p.fields[i]
		if dst, ok = t.value(append(dst, f.head...), f.op, depth+1); !ok || t.dec.err != nil {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

func (t *toJSON) array(dst []byte, p *textOp, depth int) (_ []byte, ok bool) {
	dst = append(dst, '[')
	least := p.node.Elem.least
	n := 0
	for count := t.dec.Block(least); count > 0; count = t.dec.Block(least) {
		for ; count > 0; count-- {
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			if dst, ok = t.value(dst, p.elem, depth+1); !ok || t.dec.err != nil {
				return dst, false
			}
		}
	}
	return append(dst, ']'), t.dec.take(n)
}

func (t *toJSON) mapping(dst []byte, p *textOp, depth int) (_ []byte, ok bool) {
	dst = append(dst, '{')
	mark := t.names.Mark()
	least := 1 + p.node.Elem.least
	n := 0
	for count := t.dec.Block(least); count > 0; count = t.dec.Block(least) {
		for ; count > 0; count-- {
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			name, from := t.dec.Bytes(), len(dst)
			if !utf8.Valid(name) {
				return dst, false
			}
			dst = jsonconv.AppendText(dst, name)
			t.names.Add(from, len(dst))
			if dst, ok = t.value(append(dst, ':'), p.elem, depth+1); !ok || t.dec.err != nil {
				return dst, false
			}
		}
	}
	return append(dst, '}'), t.names.Since(dst, mark) && t.dec.take(2*n)
}
