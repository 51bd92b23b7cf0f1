package configdef

import (
	"slices"
	"testing"
)

func TestJavaOrder(t *testing.T) {
	// As recorded: the config of a connector read back, and the keys of JsonConverter,
	// two of which fall into one bucket and keep their order there.
	for _, c := range [][2][]string{
		{{"connector.class", "tasks.max", "file", "topic", "name"}, {"connector.class", "file", "tasks.max", "name", "topic"}},
		{{"converter.type", "schemas.enable", "schemas.cache.size", "schema.content", "decimal.format", "replace.null.with.default"},
			{"decimal.format", "converter.type", "schemas.cache.size", "replace.null.with.default", "schemas.enable", "schema.content"}},
	} {
		if got := JavaOrder(c[0]); !slices.Equal(got, c[1]) {
			t.Errorf("JavaOrder(%q) = %q, want %q", c[0], got, c[1])
		}
	}
}

func TestOrders(t *testing.T) {
	got := Orders([]Spec{{Name: "a", Group: "G"}, {Name: "b", Ungrouped: true}, {Name: "c", Group: "G"}, {Name: "d", Group: "H", Order: 0}, {Name: "e", Group: "H", Order: 1}})
	if want := []int{1, -1, 2, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("orders %v, want %v", got, want)
	}
}

func TestEmbed(t *testing.T) {
	specs := Embed("p.x.", "P: x", 2, []Spec{
		{Name: "negate", Type: Boolean, Default: Default("false"), Importance: Medium, Ungrouped: true},
		{Name: "regex", Required: true, Importance: High, Ungrouped: true, Check: OneOf("a")},
		{Name: "grouped", Group: "G", Order: 7, Default: Default("")},
	})
	var names []string
	for i, s := range specs {
		names = append(names, s.Name+"|"+s.Group)
		if s.Order != 2+i {
			t.Errorf("%s has order %d, want %d", s.Name, s.Order, 2+i)
		}
	}
	if want := []string{"p.x.regex|P: x", "p.x.negate|P: x", "p.x.grouped|P: x: G"}; !slices.Equal(names, want) {
		t.Errorf("keys %q, want %q", names, want)
	}
	r := Validate(specs, map[string]string{"p.x.regex": "b", "p.x.negate": "no"})
	want := []string{
		"Invalid value b for configuration regex: String must be one of: a",
		"Invalid value no for configuration p.x.negate: Expected value to be either true or false",
	}
	if !slices.Equal(r.Errors(), want) {
		t.Errorf("errors %q, want %q", r.Errors(), want)
	}
}
