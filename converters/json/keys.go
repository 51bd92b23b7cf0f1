package json

import (
	"hash/maphash"

	"culvert/data"
)

// keys finds names that occur twice in an object. Few names are compared with
// each other; many go through a hash table, so that no object costs the square of
// its size. The seed is random: nobody can prepare names that collide.
type keys struct {
	table []int32 // position of a name among the pairs, plus one
}

var seed = maphash.MakeSeed()

const fewNames = 8

// merge drops members that a later one with the same name replaces: the name
// keeps its first place and gets the last value, as in Java's LinkedHashMap. It
// returns what is left of pairs.
func (k *keys) merge(pairs []data.Value) []data.Value {
	n := len(pairs) / 2
	if n <= fewNames {
		for i := 1; i < n; i++ {
			for j := 0; j < i; j++ {
				if sameText(pairs[2*i], pairs[2*j]) {
					return k.rebuild(pairs)
				}
			}
		}
		return pairs
	}
	if k.index(pairs) {
		return pairs
	}
	return k.rebuild(pairs)
}

func sameText(a, b data.Value) bool {
	return a.Len() == b.Len() && string(a.Bytes()) == string(b.Bytes())
}

// index fills the table and reports whether all names differ.
func (k *keys) index(pairs []data.Value) bool {
	n := len(pairs) / 2
	size := 16
	for size < 2*n {
		size *= 2
	}
	if cap(k.table) < size {
		k.table = make([]int32, size)
	}
	t := k.table[:size]
	clear(t)
	for i := 0; i < n; i++ {
		if at := find(t, pairs, i); t[at] != 0 {
			return false
		} else {
			t[at] = int32(i + 1)
		}
	}
	return true
}

// find returns the slot of the i-th name: where it stands, or where it goes.
func find(t []int32, pairs []data.Value, i int) int {
	mask := len(t) - 1
	at := int(maphash.Bytes(seed, pairs[2*i].Bytes())) & mask
	for t[at] != 0 && !sameText(pairs[2*(t[at]-1)], pairs[2*i]) {
		at = (at + 1) & mask
	}
	return at
}

func (k *keys) rebuild(pairs []data.Value) []data.Value {
	at := make(map[string]int, len(pairs)/2)
	out := pairs[:0]
	for i := 0; i+1 < len(pairs); i += 2 {
		name := pairs[i].Str()
		if j, ok := at[name]; ok {
			out[j+1] = pairs[i+1]
			continue
		}
		at[name] = len(out)
		out = append(out, pairs[i], pairs[i+1])
	}
	return out
}
