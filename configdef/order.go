package configdef

import (
	"cmp"
	"slices"
	"unicode/utf16"
)

// Orders gives the order in its group for each key: -1 for an ungrouped one, and
// 1, 2, … where no key of the group names an order.
func Orders(specs []Spec) []int {
	explicit := map[string]bool{}
	for i := range specs {
		if specs[i].Order != 0 {
			explicit[specs[i].Group] = true
		}
	}
	next := map[string]int{}
	orders := make([]int, len(specs))
	for i := range specs {
		s := &specs[i]
		switch {
		case s.Ungrouped:
			orders[i] = -1
		case explicit[s.Group]:
			orders[i] = s.Order
		default:
			next[s.Group]++
			orders[i] = next[s.Group]
		}
	}
	return orders
}

// Embed is ConfigDef.embed: the keys of another table under a prefix, in one
// group, ordered from start in the order of ConfigDef.sortedConfigs. Error texts of
// their validators name the key without the prefix, as Java's do.
func Embed(prefix, group string, start int, specs []Spec) []Spec {
	orders := Orders(specs)
	groups := map[string]int{}
	index := make([]int, len(specs))
	for i := range specs {
		index[i] = i
		if _, ok := groups[specs[i].Group]; !ok && !specs[i].Ungrouped {
			groups[specs[i].Group] = len(groups)
		}
	}
	rank := func(i int) int {
		if specs[i].Ungrouped {
			return -1 // before every group
		}
		return groups[specs[i].Group]
	}
	slices.SortStableFunc(index, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(orders[a], orders[b]),
			cmp.Compare(defaulted(&specs[a]), defaulted(&specs[b])),
			cmp.Compare(specs[b].Importance, specs[a].Importance),
			cmp.Compare(specs[a].Name, specs[b].Name),
		)
	})
	out := make([]Spec, len(specs))
	for n, i := range index {
		s := specs[i]
		if s.DisplayName == "" {
			s.DisplayName = s.Name
		}
		s.checkName = s.Name
		s.Name = prefix + s.Name
		s.Aliases = prefixed(prefix, s.Aliases)
		s.Dependents = prefixed(prefix, s.Dependents)
		if s.Ungrouped {
			s.Group = group
		} else {
			s.Group = group + ": " + s.Group
		}
		s.Ungrouped = false
		s.Order = start + n
		out[n] = s
	}
	return out
}

func defaulted(s *Spec) int {
	if s.Required {
		return 0
	}
	return 1
}

func prefixed(prefix string, names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, prefix+n)
	}
	return out
}

// JavaOrder sorts distinct names as a java.util.HashMap with these keys iterates.
// Java's answers have that order in many places, and people compare them.
func JavaOrder(names []string) []string {
	size := 16
	for len(names)*4 > size*3 {
		size *= 2
	}
	return inBuckets(names, size)
}

func inBuckets(names []string, size int) []string {
	buckets := make([][]string, size)
	for _, n := range names {
		h := javaHash(n)
		at := int(h^h>>16) & (size - 1)
		buckets[at] = append(buckets[at], n)
	}
	return slices.Concat(buckets...)
}

// JavaCopyOrder is JavaOrder for a map that was made as a copy of another, which
// has another size.
func JavaCopyOrder(names []string) []string {
	size := 1
	for float32(size) < float32(len(names))/0.75+1 {
		size *= 2
	}
	return inBuckets(names, size)
}

// javaHash is String.hashCode.
func javaHash(s string) uint32 {
	var h uint32
	for _, c := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(c)
	}
	return h
}
