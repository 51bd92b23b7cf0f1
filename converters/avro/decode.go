package avro

import (
	"unicode/utf8"

	"culvert/data"
	"culvert/data/values"
)

// decoder makes data of Avro bytes. It is for one goroutine.
type decoder struct {
	Cursor
	arena *data.Arena
	stack []data.Value // items of the containers that are open
	names values.Names
	made  int   // values taken from the arena
	bad   error // a value that Avro allows and Connect does not
}

// decode reads one value of type n from b. Like Java's reader it does not mind
// bytes that are left.
func (d *decoder) decode(b []byte, n *Node, a *data.Arena) (data.Value, error) {
	d.begin(b, a)
	v := d.value(n, 0)
	d.arena, d.b = nil, nil
	if d.err != nil {
		return data.Value{}, d.err
	}
	return v, d.bad
}

// begin prepares for a record.
func (d *decoder) begin(b []byte, a *data.Arena) {
	d.Cursor = NewCursor(b)
	d.arena, d.bad, d.made, d.stack = a, nil, 0, d.stack[:0]
}

func (d *decoder) refuse(err error) data.Value {
	if d.bad == nil {
		d.bad = err
	}
	return data.Value{}
}

func (d *decoder) value(n *Node, depth int) data.Value {
	if depth > MaxDepth {
		d.Fail("nested deeper than %d levels", MaxDepth)
		return data.Value{}
	}
	switch n.Type {
	case Boolean:
		return data.OfBool(d.Boolean())
	case Int:
		return d.integer(n, d.Int())
	case Long:
		return long(n, d.Long())
	case Float:
		return data.OfFloat32(d.Float())
	case Double:
		return data.OfFloat64(d.Double())
	case Bytes:
		return d.binary(n, d.Bytes())
	case String:
		return data.OfText(d.text())
	case Fixed:
		return d.binary(n, d.Fixed(n.Size))
	case Enum:
		i := d.Index(len(n.enums), "symbol")
		if d.err != nil {
			return data.Value{}
		}
		return n.enums[i]
	case Array:
		if n.As == AsPairs {
			return d.pairs(n, depth)
		}
		return d.array(n, depth)
	case Map:
		return d.mapping(n, depth)
	case Record:
		return d.record(n, depth)
	case Union:
		return d.union(n, depth)
	}
	return data.Value{} // null
}

func long(n *Node, i int64) data.Value {
	if n.As == AsTimestamp {
		return data.OfTimestamp(i)
	}
	return data.OfInt64(i)
}

func (d *decoder) integer(n *Node, i int32) data.Value {
	switch n.As {
	case AsInt8:
		return data.OfInt8(int8(i))
	case AsInt16:
		return data.OfInt16(int16(i))
	case AsDate:
		return data.OfDate(int64(i) * dayMillis)
	case AsTime:
		if i < 0 || i > dayMillis {
			return d.refuse(badTime())
		}
		return data.OfTime(int64(i))
	}
	return data.OfInt32(i)
}

func badTime() error {
	return dataError("Time values must use number of milliseconds greater than 0 and less than 86400000")
}

func (d *decoder) binary(n *Node, b []byte) data.Value {
	if n.As != AsDecimal {
		return data.OfBytes(b)
	}
	if len(b) == 0 {
		return d.refuse(dataError("Zero length BigInteger"))
	}
	return data.OfDecimal(shortest(b), n.Scale)
}

// text reads a string; what is not UTF-8 in it is replaced as in Java.
func (d *decoder) text() []byte { return d.valid(d.Bytes()) }

func (d *decoder) valid(b []byte) []byte {
	if !utf8.Valid(b) {
		b = values.ReplaceMalformed(d.arena.Bytes(3*len(b)), b)
	}
	return b
}

// take counts n values; false: there are too many. What a record may take is bounded
// by its size, because wide unions and records of nulls need few bytes.
func (d *decoder) take(n int) bool {
	if d.made += n; d.made > 1<<20+64*len(d.b) {
		d.Fail("more than %d values", d.made-n)
		return false
	}
	return true
}

// newValues takes n values from the arena.
func (d *decoder) newValues(n int) []data.Value {
	if !d.take(n) {
		n = 0
	}
	return d.arena.Values(n)
}

// pop moves what was pushed since start into the arena.
func (d *decoder) pop(start int) []data.Value {
	vs := d.newValues(len(d.stack) - start)
	copy(vs, d.stack[start:])
	d.stack = d.stack[:start]
	return vs
}

func (d *decoder) array(n *Node, depth int) data.Value {
	start := len(d.stack)
	for count := d.Block(n.Elem.least); count > 0; count = d.Block(n.Elem.least) {
		for ; count > 0 && d.err == nil; count-- {
			v := d.value(n.Elem, depth+1)
			d.stack = append(d.stack, v)
		}
	}
	if d.err != nil {
		return data.Value{}
	}
	return data.OfArray(d.pop(start))
}

func (d *decoder) mapping(n *Node, depth int) data.Value {
	start := len(d.stack)
	for count := d.Block(1 + n.Elem.least); count > 0; count = d.Block(1 + n.Elem.least) {
		for ; count > 0 && d.err == nil; count-- {
			k := data.OfText(d.text())
			v := d.value(n.Elem, depth+1)
			d.stack = append(d.stack, k, v)
		}
	}
	if d.err != nil {
		return data.Value{}
	}
	d.stack = d.stack[:start+len(d.names.Merge(d.stack[start:]))]
	return data.OfMap(d.pop(start))
}

// pairs reads a map whose keys are not strings.
func (d *decoder) pairs(n *Node, depth int) data.Value {
	start := len(d.stack)
	key, elem := n.Elem.Fields[0].Node, n.Elem.Fields[1].Node
	for count := d.Block(n.Elem.least); count > 0; count = d.Block(n.Elem.least) {
		for ; count > 0 && d.err == nil; count-- {
			k := d.value(key, depth+1)
			v := d.value(elem, depth+1)
			d.stack = append(d.stack, k, v)
		}
	}
	if d.err != nil {
		return data.Value{}
	}
	return data.OfMap(d.pop(start))
}

func (d *decoder) record(n *Node, depth int) data.Value {
	if n.As == AsAnything {
		return d.anything(n, depth)
	}
	fields := d.newValues(len(n.Fields))
	for i := range n.Fields {
		if d.err != nil {
			return data.Value{}
		}
		fields[i] = d.value(n.Fields[i].Node, depth+1)
	}
	return data.OfStruct(fields)
}

func (d *decoder) union(n *Node, depth int) data.Value {
	i := d.Index(len(n.Branches), "branch")
	if d.err != nil {
		return data.Value{}
	}
	v := d.value(n.Branches[i], depth+1)
	if n.As == AsNullable || n.slots[i] < 0 {
		return v
	}
	fields := d.newValues(len(n.slots) - nulls(n.slots))
	if d.err != nil {
		return data.Value{}
	}
	fields[n.slots[i]] = v
	return data.OfStruct(fields)
}

func nulls(slots []int) int {
	n := 0
	for _, s := range slots {
		if s < 0 {
			n++
		}
	}
	return n
}

// anything unwraps schemaless data: of the nine fields at most one is set.
func (d *decoder) anything(n *Node, depth int) data.Value {
	var found data.Value
	for i := range n.Fields {
		branches := n.Fields[i].Node.Branches
		set := d.Index(len(branches), "branch")
		if d.err != nil {
			return data.Value{}
		}
		if branches[set].Type == Null {
			continue
		}
		var v data.Value
		switch i {
		case 7:
			v = d.anyArray(n, depth+1)
		case 8:
			v = d.anyMap(n, depth+1)
		default:
			v = d.value(branches[set], depth+1)
		}
		if found.IsNull() {
			found = v
		}
	}
	return found
}

func (d *decoder) anyArray(n *Node, depth int) data.Value {
	if depth > MaxDepth {
		d.Fail("nested deeper than %d levels", MaxDepth)
	}
	start := len(d.stack)
	for count := d.Block(len(anythingFields)); count > 0; count = d.Block(len(anythingFields)) {
		for ; count > 0 && d.err == nil; count-- {
			v := d.anything(n, depth+1)
			d.stack = append(d.stack, v)
		}
	}
	if d.err != nil {
		return data.Value{}
	}
	return data.OfArray(d.pop(start))
}

func (d *decoder) anyMap(n *Node, depth int) data.Value {
	if depth > MaxDepth {
		d.Fail("nested deeper than %d levels", MaxDepth)
	}
	start := len(d.stack)
	for count := d.Block(2 * len(anythingFields)); count > 0; count = d.Block(2 * len(anythingFields)) {
		for ; count > 0 && d.err == nil; count-- {
			k := d.anything(n, depth+1)
			v := d.anything(n, depth+1)
			d.stack = append(d.stack, k, v)
		}
	}
	if d.err != nil {
		return data.Value{}
	}
	return data.OfMap(d.pop(start))
}
