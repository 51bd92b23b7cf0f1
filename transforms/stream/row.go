package stream

import (
	"fmt"

	"culvert/data"
	"culvert/fault"
)

// maxCached bounds each cache by schema: topics have a handful, and a converter
// that makes a new schema for each record must not fill the memory.
const maxCached = 1000

// rows builds the values of rows by select.
type rows struct {
	c     *config
	pairs map[[2]*data.Schema]*layout
	last  [2]*data.Schema
	lastL *layout
	// names are the keys of schemaless rows, by side and field.
	names [2]map[string]data.Value
	// fits is the last schema of each side that has all fields of select.
	fits [2]*data.Schema
}

// layout is select, worked out for one pair of schemas.
type layout struct {
	schema *data.Schema
	cols   []cell
	err    error
}

// cell says where a field of a row comes from.
type cell struct{ side, index int }

// half is one record's half of a row.
type half struct {
	v data.Value
	s *data.Schema
}

// check reports whether a record can be half of a row, whatever the other half
// is. A field that an object without schema lacks is null in its rows.
func (r *rows) check(side int, h *half) error {
	switch k := h.v.Kind(); {
	case k == data.Map:
		return nil
	case k != data.Struct:
		return fault.New(fault.Record, "stream.value",
			"the value of a record of topic %s is of type %s: only objects with fields can be joined", r.c.topic[side], k).
			WithFix("Bring the values into shape with a transformation before the join (HoistField).")
	case h.s == r.fits[side]:
		return nil
	}
	for _, c := range r.c.columns {
		if c.side == side && !c.star && h.s.FieldIndex(c.field) < 0 {
			return missing(r.c.topic[side], c.field, "select", h.v, h.s)
		}
	}
	r.fits[side] = h.s
	return nil
}

// build makes the value of a row of two halves that check has let pass. Its memory
// is that of the halves and a.
func (r *rows) build(h *[2]half, a *data.Arena) (data.Value, *data.Schema, error) {
	for side := range h { // one that was kept may be of a former configuration
		if err := r.check(side, &h[side]); err != nil {
			return data.Value{}, nil, err
		}
	}
	if h[0].v.Kind() == data.Map || h[1].v.Kind() == data.Map {
		return r.schemaless(h, a)
	}
	l := r.layout(h[0].s, h[1].s)
	if l.err != nil {
		return data.Value{}, nil, l.err
	}
	sides := [2][]data.Value{h[0].v.Elems(), h[1].v.Elems()}
	out := a.Values(len(l.cols))
	for i, c := range l.cols {
		out[i] = sides[c.side][c.index]
	}
	return data.OfStruct(out), l.schema, nil
}

func (r *rows) layout(left, right *data.Schema) *layout {
	pair := [2]*data.Schema{left, right}
	if r.lastL != nil && r.last == pair {
		return r.lastL
	}
	l := r.pairs[pair]
	if l == nil {
		l = r.newLayout(pair)
		if r.pairs == nil || len(r.pairs) >= maxCached {
			r.pairs = map[[2]*data.Schema]*layout{}
		}
		r.pairs[pair] = l
	}
	r.last, r.lastL = pair, l
	return l
}

func (r *rows) newLayout(pair [2]*data.Schema) *layout {
	l := &layout{}
	var fields []data.Field
	var fixed []bool // named by AS
	for _, c := range r.c.columns {
		for _, side := range c.sides() {
			if c.star {
				for i, f := range pair[side].Fields {
					if !r.c.hides(c, side, f.Name) {
						fields, fixed = append(fields, f), append(fixed, false)
						l.cols = append(l.cols, cell{side, i})
					}
				}
				continue
			}
			i := pair[side].FieldIndex(c.field) // check has found it
			f := pair[side].Fields[i]
			if c.as != "" {
				f.Name = c.as
			}
			fields, fixed = append(fields, f), append(fixed, c.as != "")
			l.cols = append(l.cols, cell{side, i})
		}
	}
	if l.err = r.prefix(fields, fixed, l.cols); l.err == nil {
		l.schema = data.NewStruct("", fields...)
	}
	return l
}

// prefix gives the fields whose name occurs twice the alias of their side.
func (r *rows) prefix(fields []data.Field, fixed []bool, cols []cell) error {
	times := map[string]int{}
	for i, f := range fields {
		if !fixed[i] {
			times[f.Name]++
		}
	}
	seen := map[string]bool{}
	for i := range fields {
		if f := &fields[i]; !fixed[i] && times[f.Name] > 1 {
			f.Name = r.c.alias[cols[i].side] + "_" + f.Name
		}
		if seen[fields[i].Name] {
			return twice(fields[i].Name)
		}
		seen[fields[i].Name] = true
	}
	return nil
}

func twice(name string) error {
	return fault.New(fault.Fatal, "stream.select", "a joined row would have two fields called %s", name).
		WithField("select").WithFix("Name the fields in select and rename one of them: left.a, right.a AS b.")
}

// sides lists the sides that a column speaks of.
func (c *column) sides() []int {
	switch c.side {
	case 0:
		return leftOnly
	case 1:
		return rightOnly
	}
	return bothSides
}

var leftOnly, rightOnly, bothSides = []int{0}, []int{1}, []int{0, 1}

// hides reports whether * leaves a field out: the join field of the right side,
// which equals that of the left.
func (c *config) hides(col column, side int, name string) bool {
	return col.side < 0 && side == 1 && name == c.on[1]
}

// schemaless makes a row of which at least one half has no schema.
func (r *rows) schemaless(h *[2]half, a *data.Arena) (data.Value, *data.Schema, error) {
	var maps [2][]data.Value
	n := 0
	for side := range h {
		m, err := toMap(h[side].v, h[side].s, a)
		if err != nil {
			return data.Value{}, nil, err
		}
		maps[side] = m.Elems()
		n += len(maps[side])
	}
	out := a.Values((n + 2) * len(r.c.columns))[:0] // room for each column being a star
	for i := range r.c.columns {
		c := &r.c.columns[i]
		for _, side := range c.sides() {
			if !c.star {
				v, _ := data.OfMap(maps[side]).Lookup(c.field)
				out = append(out, r.name(side, c, maps), v)
				continue
			}
			for j := 0; j+1 < len(maps[side]); j += 2 {
				k := maps[side][j]
				if k.Kind() == data.String && r.c.hides(*c, side, k.Str()) {
					continue
				}
				out = append(out, r.starName(side, k, maps), maps[side][j+1])
			}
		}
	}
	if name, ok := repeated(out); ok {
		return data.Value{}, nil, twice(name)
	}
	return data.OfMap(out), nil, nil
}

// name is the key of an explicit column.
func (r *rows) name(side int, c *column, maps [2][]data.Value) data.Value {
	if c.as != "" {
		return data.OfString(c.as)
	}
	return r.starName(side, data.OfString(c.field), maps)
}

// starName is the key of a field that keeps its name unless select takes a
// field of that name from the other side too.
func (r *rows) starName(side int, k data.Value, maps [2][]data.Value) data.Value {
	if k.Kind() != data.String || !r.selects(1-side, k.Str(), maps[1-side]) {
		return k
	}
	if v, ok := r.names[side][k.Str()]; ok {
		return v
	}
	if r.names[side] == nil || len(r.names[side]) >= maxCached {
		r.names[side] = map[string]data.Value{}
	}
	v := data.OfString(r.c.alias[side] + "_" + k.Str())
	r.names[side][k.Clone().Str()] = v
	return v
}

// selects reports whether select takes the field of that side under its own name.
func (r *rows) selects(side int, name string, pairs []data.Value) bool {
	for i := range r.c.columns {
		switch c := &r.c.columns[i]; {
		case c.side == 1-side || c.as != "":
		case c.star:
			if _, ok := data.OfMap(pairs).Lookup(name); ok && !r.c.hides(*c, side, name) {
				return true
			}
		case c.field == name:
			return true
		}
	}
	return false
}

// repeated finds a text key that occurs twice. Rows have tens of fields, so
// comparing all is cheaper than a set.
func repeated(pairs []data.Value) (string, bool) {
	for i := 0; i < len(pairs); i += 2 {
		for j := 0; j < i; j += 2 {
			if pairs[i].Len() == pairs[j].Len() && pairs[i].Equal(pairs[j]) {
				return pairs[i].Str(), true
			}
		}
	}
	return "", false
}

// toMap makes a schemaless value: a Struct becomes a Map of its names. A Struct
// inside a Map could not say what its fields are called.
func toMap(v data.Value, s *data.Schema, a *data.Arena) (data.Value, error) {
	if s == nil {
		return v, nil
	}
	switch v.Kind() {
	case data.Struct:
		elems := v.Elems()
		if len(elems) != len(s.Fields) {
			return data.Value{}, fmt.Errorf("a struct has %d fields, its schema %d", len(elems), len(s.Fields))
		}
		out := a.Values(2 * len(elems))
		for i, e := range elems {
			sub, err := toMap(e, s.Fields[i].Schema, a)
			if err != nil {
				return data.Value{}, err
			}
			out[2*i], out[2*i+1] = data.OfString(s.Fields[i].Name), sub
		}
		return data.OfMap(out), nil
	case data.Array, data.Map:
		elems := v.Elems()
		out := a.Values(len(elems))
		for i, e := range elems {
			of := s.Elem
			if v.Kind() == data.Map && i%2 == 0 {
				of = s.Key
			}
			sub, err := toMap(e, of, a)
			if err != nil {
				return data.Value{}, err
			}
			out[i] = sub
		}
		if v.Kind() == data.Map {
			return data.OfMap(out), nil
		}
		return data.OfArray(out), nil
	}
	return v, nil
}
