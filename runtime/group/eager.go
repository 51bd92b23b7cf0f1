package group

import (
	"cmp"
	"slices"
	"unicode/utf16"
)

// Eager is the protocol "default" (org.apache.kafka.connect.runtime.distributed.EagerAssignor):
// every worker gives up all it has before it joins, then everything is dealt out
// anew, round robin.
type Eager struct{}

// Protocol is Java's name of it.
func (Eager) Protocol() string { return "default" }

// Version is 0.
func (Eager) Version() int16 { return V0 }

// Assign deals first all connectors and then all tasks to the members in one
// circle: otherwise, with connectors of one task each, half of an even number of
// workers would get only connectors.
func (Eager) Assign(r Round) map[string]Assignment {
	members := make([]string, len(r.Members))
	out := make(map[string]Assignment, len(r.Members))
	for i, w := range r.Members {
		members[i] = w.Member
		out[w.Member] = Assignment{Version: V0, Leader: r.Leader, LeaderURL: r.url(), Offset: r.Offset}
	}
	if len(members) == 0 {
		return out
	}
	slices.SortFunc(members, compareJava)
	work := slices.Clone(r.Work)
	slices.SortFunc(work, func(a, b Work) int { return compareJava(a.Connector, b.Connector) })
	next := 0
	deal := func(give func(a *Assignment)) {
		m := members[next%len(members)]
		next++
		a := out[m]
		give(&a)
		out[m] = a
	}
	for _, w := range work {
		deal(func(a *Assignment) { a.Connectors = append(a.Connectors, w.Connector) })
	}
	for _, w := range work {
		for n := range w.Tasks {
			deal(func(a *Assignment) { a.Tasks = append(a.Tasks, Task{w.Connector, n}) })
		}
	}
	return out
}

// compareJava orders texts as String.compareTo does: by UTF-16 units, which
// differs from the order of bytes beyond the basic plane.
func compareJava(a, b string) int {
	return slices.CompareFunc(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)), cmp.Compare[uint16])
}

var _ Assignor = Eager{}
