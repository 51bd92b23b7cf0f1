package bson

import "hash/maphash"

// names finds names that occur twice in one document. The names lie in the
// document's bytes. Objects nest, so that names is a stack: mark is where the
// innermost object's names begin.
type names struct {
	spans []span
	table []int32
}

type span struct{ from, to int32 }

var seed = maphash.MakeSeed()

const fewNames = 6

// distinct reports whether the names since mark all differ.
func (n *names) distinct(b []byte, mark int) bool {
	spans := n.spans[mark:]
	if len(spans) > fewNames {
		return n.indexed(b, spans)
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

func (n *names) indexed(b []byte, spans []span) bool {
	size := 16
	for size < 2*len(spans) {
		size *= 2
	}
	if cap(n.table) < size {
		n.table = make([]int32, size)
	}
	t := n.table[:size]
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
