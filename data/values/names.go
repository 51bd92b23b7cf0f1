package values

import (
	"hash/maphash"
	"unicode/utf8"

	"culvert/data"
)

// Names merges the members of an object that have the same name. Few names are
// compared with each other; many go through a hash table, so that no object costs
// the square of its size. The seed is random: nobody can prepare names that
// collide. The zero Names is ready; it is for one goroutine.
type Names struct {
	table []int32 // position of a name among the pairs, plus one
}

var seed = maphash.MakeSeed()

const fewNames = 8

// Merge drops members that a later one with the same name replaces: the name
// keeps its first place and gets the last value, as in Java's LinkedHashMap. All
// names must be strings. It works in place and returns what is left of pairs.
func (k *Names) Merge(pairs []data.Value) []data.Value {
	if k.distinct(pairs) {
		return pairs
	}
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

func (k *Names) distinct(pairs []data.Value) bool {
	n := len(pairs) / 2
	if n > fewNames {
		return k.index(pairs)
	}
	for i := 1; i < n; i++ {
		for j := 0; j < i; j++ {
			if sameText(pairs[2*i], pairs[2*j]) {
				return false
			}
		}
	}
	return true
}

func sameText(a, b data.Value) bool {
	return a.Len() == b.Len() && string(a.Bytes()) == string(b.Bytes())
}

// index fills the table and reports whether all names differ.
func (k *Names) index(pairs []data.Value) bool {
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
	mask := size - 1
	for i := 0; i < n; i++ {
		name := pairs[2*i]
		at := int(maphash.Bytes(seed, name.Bytes())) & mask
		for t[at] != 0 {
			if sameText(pairs[2*(t[at]-1)], name) {
				return false
			}
			at = (at + 1) & mask
		}
		t[at] = int32(i + 1)
	}
	return true
}

// ReplaceMalformed appends what new String(raw, UTF_8) makes of bytes that are not
// UTF-8: each longest start of a character that has no end becomes one U+FFFD.
func ReplaceMalformed(dst, raw []byte) []byte {
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if r == utf8.RuneError && n == 1 {
			n = malformed(raw)
			dst = utf8.AppendRune(dst, utf8.RuneError)
		} else {
			dst = append(dst, raw[:n]...)
		}
		raw = raw[n:]
	}
	return dst
}

// malformed is the length of the longest start of a character at the start of raw.
func malformed(raw []byte) int {
	c := raw[0]
	need := 0
	low, high := byte(0x80), byte(0xbf)
	switch {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c >= 0xe0 && c <= 0xef:
		need = 2
		if c == 0xe0 {
			low = 0xa0
		}
	case c >= 0xf0 && c <= 0xf4:
		need = 3
		if c == 0xf0 {
			low = 0x90
		}
		if c == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for ; n <= need && n < len(raw) && raw[n] >= low && raw[n] <= high; n++ {
		low, high = 0x80, 0xbf
	}
	return n
}
