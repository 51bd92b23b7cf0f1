package avro

import (
	"slices"

	"culvert/data"
)

// resolution reads data of one schema as data of another (Avro's "Schema
// Resolution"): fields are found by name or alias, fields that the data lacks get
// their defaults, numbers are promoted. It does not change once it is made.
type resolution struct {
	from, to *Node
	records  map[nodes]*recordPlan
}

type nodes struct{ from, to *Node }

// recordPlan says where the fields of a record go.
type recordPlan struct {
	into    []int     // for each field as written: its place as read; -1: it is skipped
	missing []missing // fields that were not written
}

type missing struct {
	at    int
	value data.Value
	name  string
	none  bool // it has no default
}

// newResolvingWriter makes a Writer whose data is read as to.
func newResolvingWriter(m mapping, from, to *Node, version int32) (*Writer, error) {
	if _, err := m.Connect(from, 0); err != nil {
		return &Writer{node: from, err: err}, nil
	}
	s, err := m.Connect(to, version)
	if err != nil {
		return &Writer{node: from, err: err}, nil
	}
	if from.As == AsAnything || to.As == AsAnything {
		return newWriter(m, from, version)
	}
	r := &resolution{from: from, to: to, records: map[nodes]*recordPlan{}}
	if err := r.prepare(m, from, to, map[nodes]bool{}); err != nil {
		return nil, err
	}
	return &Writer{node: from, schema: s, target: r}, nil
}

// prepare makes the plans of all records that may meet each other.
func (r *resolution) prepare(m mapping, from, to *Node, seen map[nodes]bool) error {
	if seen[nodes{from, to}] {
		return nil
	}
	seen[nodes{from, to}] = true
	switch {
	case from.Type == Union:
		for _, b := range from.Branches {
			if err := r.prepare(m, b, to, seen); err != nil {
				return err
			}
		}
		return nil
	case to.Type == Union:
		if at := branchFor(from, to); at >= 0 {
			return r.prepare(m, from, to.Branches[at], seen)
		}
		return nil
	case from.Type != to.Type:
		return nil
	case from.Type == Array || from.Type == Map:
		return r.prepare(m, from.Elem, to.Elem, seen)
	case from.Type != Record:
		return nil
	}
	p := &recordPlan{into: make([]int, len(from.Fields))}
	r.records[nodes{from, to}] = p
	written := make([]bool, len(to.Fields))
	for i := range from.Fields {
		p.into[i] = -1
		for j := range to.Fields {
			if name := from.Fields[i].Name; !written[j] && (name == to.Fields[j].Name || slices.Contains(to.Fields[j].Aliases, name)) {
				p.into[i], written[j] = j, true
				if err := r.prepare(m, from.Fields[i].Node, to.Fields[j].Node, seen); err != nil {
					return err
				}
				break
			}
		}
	}
	return p.defaults(m, to, written)
}

// defaults works out what stands in the fields that were not written.
func (p *recordPlan) defaults(m mapping, to *Node, written []bool) error {
	c := compiler{mapping: m, done: map[pair]*encoder{}}
	for j := range to.Fields {
		if written[j] {
			continue
		}
		f := missing{at: j, name: to.Fields[j].Name}
		literal, err := c.literal(&to.Fields[j])
		if f.none = err != nil; !f.none {
			var d decoder
			v, err := d.decode(literal, to.Fields[j].Node, nil)
			if err != nil {
				return err
			}
			f.value = v.Clone()
		}
		p.missing = append(p.missing, f)
	}
	return nil
}

// promotions lists what else each type can be read as.
var promotions = map[Type][]Type{Int: {Long, Float, Double}, Long: {Float, Double}, Float: {Double}, String: {Bytes}, Bytes: {String}}

// sameName reports whether a named type is read as another one: by its name, with or
// without namespace, or an alias.
func sameName(from, to *Node) bool {
	return from.Name == to.Name || slices.Contains(to.Aliases, from.FullName()) || slices.Contains(to.Aliases, from.Name)
}

// branchFor chooses the branch of a union that a type is read as: one of the same
// type and name, else one that it can be promoted to; -1: none.
func branchFor(from, to *Node) int {
	loose := -1
	for i, b := range to.Branches {
		if b.Type != from.Type {
			continue
		}
		if !from.named() || from.FullName() == b.FullName() {
			return i
		}
		if loose < 0 && sameName(from, b) {
			loose = i
		}
	}
	if loose >= 0 {
		return loose
	}
	for _, t := range promotions[from.Type] {
		for i, b := range to.Branches {
			if b.Type == t {
				return i
			}
		}
	}
	return -1
}

// decode reads one value, written as r.from, as r.to.
func (r *resolution) decode(d *decoder, b []byte, a *data.Arena) (data.Value, error) {
	d.begin(b, a)
	var v data.Value
	if r.from.Type == Bytes { // the payload of schema bytes has no length
		v = r.binary(d, r.from, r.to, b)
	} else {
		v = r.value(d, r.from, r.to, 0)
	}
	d.arena, d.b = nil, nil
	if d.err != nil {
		return data.Value{}, d.err
	}
	return v, d.bad
}

func (r *resolution) mismatch(d *decoder, from, to *Node) data.Value {
	return d.refuse(dataError("Found %s, expecting %s", from.FullName(), to.FullName()).
		WithFix("Register a latest version that can read what was written, or set use.latest.version=false."))
}

func (r *resolution) value(d *decoder, from, to *Node, depth int) data.Value {
	if depth > MaxDepth {
		d.Fail("nested deeper than %d levels", MaxDepth)
	}
	if d.err != nil || d.bad != nil {
		return data.Value{}
	}
	if from.Type == Union {
		i := d.Index(len(from.Branches), "branch")
		if d.err != nil {
			return data.Value{}
		}
		return r.value(d, from.Branches[i], to, depth+1)
	}
	if to.Type == Union {
		return r.branch(d, from, to, depth)
	}
	switch from.Type {
	case Int:
		return r.number(d, from, to, int64(d.Int()))
	case Long:
		return r.number(d, from, to, d.Long())
	case Float:
		f := d.Float()
		switch to.Type {
		case Float:
			return data.OfFloat32(f)
		case Double:
			return data.OfFloat64(float64(f))
		}
		return r.mismatch(d, from, to)
	case Bytes, String:
		return r.binary(d, from, to, d.Bytes())
	}
	if from.Type != to.Type {
		return r.mismatch(d, from, to)
	}
	switch from.Type {
	case Fixed:
		if from.Size != to.Size || !sameName(from, to) {
			return r.mismatch(d, from, to)
		}
		return d.binary(to, d.Fixed(from.Size))
	case Enum:
		return r.enum(d, from, to)
	case Array:
		return r.array(d, from, to, depth)
	case Map:
		return r.mapping(d, from, to, depth)
	case Record:
		return r.record(d, from, to, depth)
	}
	return d.value(to, depth)
}

// branch reads a value as one branch of a union.
func (r *resolution) branch(d *decoder, from, to *Node, depth int) data.Value {
	at := branchFor(from, to)
	if at < 0 {
		return r.mismatch(d, from, to)
	}
	v := r.value(d, from, to.Branches[at], depth+1)
	if to.As == AsNullable || to.slots[at] < 0 {
		return v
	}
	fields := d.newValues(len(to.slots) - nulls(to.slots))
	if d.err != nil {
		return data.Value{}
	}
	fields[to.slots[at]] = v
	return data.OfStruct(fields)
}

func (r *resolution) number(d *decoder, from, to *Node, i int64) data.Value {
	switch {
	case to.Type == Int && from.Type == Int:
		return d.integer(to, int32(i))
	case to.Type == Long:
		return long(to, i)
	case to.Type == Float:
		return data.OfFloat32(float32(i))
	case to.Type == Double:
		return data.OfFloat64(float64(i))
	}
	return r.mismatch(d, from, to)
}

func (r *resolution) binary(d *decoder, from, to *Node, b []byte) data.Value {
	switch to.Type {
	case Bytes:
		return d.binary(to, b)
	case String:
		return data.OfText(d.valid(b))
	}
	return r.mismatch(d, from, to)
}

func (r *resolution) enum(d *decoder, from, to *Node) data.Value {
	i := d.Index(len(from.Symbols), "symbol")
	if d.err != nil {
		return data.Value{}
	}
	symbol := from.Symbols[i]
	if !slices.Contains(to.Symbols, symbol) {
		if to.SymbolDef == "" {
			return d.refuse(dataError("No match for %s", symbol).WithFix("Give the enum %s a default in the latest version.", to.FullName()))
		}
		symbol = to.SymbolDef
	}
	return to.enums[slices.Index(to.Symbols, symbol)]
}

func (r *resolution) array(d *decoder, from, to *Node, depth int) data.Value {
	start := len(d.stack)
	for count := d.Block(from.Elem.least); count > 0; count = d.Block(from.Elem.least) {
		for ; count > 0 && d.err == nil && d.bad == nil; count-- {
			v := r.value(d, from.Elem, to.Elem, depth+1)
			if to.As == AsPairs && v.Len() == 2 {
				d.stack = append(d.stack, v.Elems()...)
				continue
			}
			d.stack = append(d.stack, v)
		}
		if d.bad != nil {
			return data.Value{}
		}
	}
	if d.err != nil {
		return data.Value{}
	}
	if to.As == AsPairs {
		return data.OfMap(d.pop(start))
	}
	return data.OfArray(d.pop(start))
}

func (r *resolution) mapping(d *decoder, from, to *Node, depth int) data.Value {
	start := len(d.stack)
	for count := d.Block(1 + from.Elem.least); count > 0; count = d.Block(1 + from.Elem.least) {
		for ; count > 0 && d.err == nil && d.bad == nil; count-- {
			k := data.OfText(d.text())
			v := r.value(d, from.Elem, to.Elem, depth+1)
			d.stack = append(d.stack, k, v)
		}
		if d.bad != nil {
			return data.Value{}
		}
	}
	if d.err != nil {
		return data.Value{}
	}
	d.stack = d.stack[:start+len(d.names.Merge(d.stack[start:]))]
	return data.OfMap(d.pop(start))
}

func (r *resolution) record(d *decoder, from, to *Node, depth int) data.Value {
	p := r.records[nodes{from, to}]
	if p == nil {
		return r.mismatch(d, from, to)
	}
	fields := d.newValues(len(to.Fields))
	for i := range from.Fields {
		if d.err != nil || d.bad != nil {
			return data.Value{}
		}
		if at := p.into[i]; at >= 0 {
			fields[at] = r.value(d, from.Fields[i].Node, to.Fields[at].Node, depth+1)
			continue
		}
		d.value(from.Fields[i].Node, depth+1)
	}
	if d.err != nil {
		return data.Value{}
	}
	for i := range p.missing {
		m := &p.missing[i]
		if m.none {
			return d.refuse(dataError("Found %s, expecting %s, missing required field %s", from.FullName(), to.FullName(), m.name).
				WithFix("Give the field %s a default in the latest version, or set use.latest.version=false.", m.name))
		}
		fields[m.at] = m.value
	}
	return data.OfStruct(fields)
}
