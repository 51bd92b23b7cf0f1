package plugins

import (
	"slices"
	"strings"
)

// Typo is a key of a request that nobody declares, and the declared key that it
// looks like.
type Typo struct{ Key, Meant string }

// Typos finds keys of the request that are probably misspelt. Unknown keys are no errors, as in
// Java; one that is close to a declared key deserves a line in the log.
func (a *Answer) Typos() []Typo {
	var declared []string
	for _, c := range a.Configs {
		if c.Definition != nil {
			declared = append(declared, c.Definition.Name)
		}
	}
	var typos []Typo
	for k := range a.props {
		if slices.Contains(declared, k) || inFamily(k, declared) {
			continue
		}
		if meant := nearest(k, declared); meant != "" {
			typos = append(typos, Typo{k, meant})
		}
	}
	slices.SortFunc(typos, func(a, b Typo) int { return strings.Compare(a.Key, b.Key) })
	return typos
}

// families are prefixes below which everything may stand.
var families = []string{"producer.override.", "consumer.override.", "admin.override.", topicCreationPrefix}

func inFamily(k string, declared []string) bool {
	for _, f := range families {
		if strings.HasPrefix(k, f) {
			return true
		}
	}
	for _, d := range declared {
		// A key that names a class opens a family of its own: value.converter.
		if strings.HasPrefix(k, d+".") {
			return true
		}
	}
	return false
}

// nearest is the declared key with the smallest distance, if that is at most two
// characters, or one of six.
func nearest(k string, declared []string) string {
	best, limit := "", max(2, len(k)/6)+1
	if len(k) < 4 {
		return ""
	}
	for _, d := range declared {
		if n := distance(k, d); n < limit {
			best, limit = d, n
		}
	}
	return best
}

// distance counts the characters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
