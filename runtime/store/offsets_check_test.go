package store

import (
	"testing"

	"culvert/data"
)

func TestCheckSourceOffsets(t *testing.T) {
	for _, c := range []struct{ partition, offset, want string }{
		{`{"a":"x","b":null}`, `{"c":1,"d":true,"e":1.5}`, ""},
		{`{}`, `null`, ""},
		{`null`, `{"a":1}`, ""},
		{`{"a":1}`, `{"b":1,"c":{"d":1}}`, "Offsets may only contain primitive types as values, but field c contains MAP"},
		{`{"a":[1]}`, `null`, "Offsets may only contain primitive types as values, but field a contains ARRAY"},
	} {
		var m data.Mark
		for text, v := range map[string]*data.Value{c.partition: &m.Partition, c.offset: &m.Next} {
			var err error
			if *v, err = ParseJSON([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := CheckSourceOffsets([]data.Mark{m}); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s %s: %v, want %q", c.partition, c.offset, err, c.want)
		}
	}
}
