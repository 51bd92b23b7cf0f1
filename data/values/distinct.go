package values

import "hash/maphash"

// Distinct finds names that occur twice in one object, where the names lie in the
// bytes that are being written. Objects nest, so that it is a stack: a mark is where
// the innermost object's names begin. The zero Distinct is ready.
type Distinct struct {
	spans []span
	table []int32
}

type span struct{ from, to int32 }

// Mark is where the names of an object begin.
func (d *Distinct) Mark() int { return len(d.spans) }

// Add notes the name b[from:to] of the bytes that Since will get.
func (d *Distinct) Add(from, to int) { d.spans = append(d.spans, span{int32(from), int32(to)}) }

// Reset forgets all names.
func (d *Distinct) Reset() { d.spans = d.spans[:0] }

// Since reports whether the names since mark all differ, and forgets them.
func (d *Distinct) Since(b []byte, mark int) bool {
	spans := d.spans[mark:]
	d.spans = d.spans[:mark]
	if len(spans) > fewNames {
		return d.indexed(b, spans)
	}
	for i := 1; i < len(spans); i++ {
		for j := 0; j < i; j++ {
			if same(b, spans[i], spans[j]) {
				return false
			}
		}
	}
	return true
}

func same(b []byte, x, y span) bool {
	return x.to-x.from == y.to-y.from && string(b[x.from:x.to]) == string(b[y.from:y.to])
}

func (d *Distinct) indexed(b []byte, spans []span) bool {
	size := 16
	for size < 2*len(spans) {
		size *= 2
	}
	if cap(d.table) < size {
		d.table = make([]int32, size)
	}
	t := d.table[:size]
	clear(t)
	for i, s := range spans {
		at := int(maphash.Bytes(seed, b[s.from:s.to])) & (size - 1)
		for ; t[at] != 0; at = (at + 1) & (size - 1) {
			if same(b, spans[t[at]-1], s) {
				return false
			}
		}
		t[at] = int32(i + 1)
	}
	return true
}
