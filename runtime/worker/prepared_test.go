package worker

import (
	"maps"
	"testing"

	"culvert/converters"
	"culvert/runtime/task"
)

func TestPreparedChangesWithWhatIsKept(t *testing.T) {
	base := map[string]string{
		"key.converter": "K", "value.converter": "V", "value.converter.schema.registry.url": "http://a:8081", "value.converter.basic.auth.user.info": "me:secret",
		"transforms": "cast,join,last", "transforms.cast.type": "Cast$Key", "transforms.cast.spec": "string",
		"transforms.join.type": "StreamJoin", "transforms.join.within": "1 hour", "transforms.last.type": "DropHeaders", "predicates": "p", "predicates.p.type": "T",
	}
	print := func(changes map[string]string, aliases ...string) string {
		props := maps.Clone(base)
		maps.Copy(props, changes)
		b := &builder{conn: props, chain: task.Chain{Key: factory{props["key.converter"]}, Value: factory{props["value.converter"]}}}
		if b.keys.Transforms = aliases; aliases == nil {
			b.keys.Transforms = []string{"cast", "join", "last"}
		}
		return b.prepared(&stages{alias: "join"})
	}
	was := print(nil)
	for _, changes := range []map[string]string{
		{"key.converter": "other"}, {"value.converter": "other"}, {"value.converter.schemas.enable": "false"},
		{"transforms.cast.spec": "int64"}, {"predicates.p.type": "other"},
	} {
		if print(changes) == was {
			t.Errorf("%v changes what is kept, not the print", changes)
		}
	}
	if print(nil, "join", "last") == was || print(nil, "cast", "more", "join") == was {
		t.Error("another chain before the join has the same print")
	}
	for _, changes := range []map[string]string{
		{"value.converter.schema.registry.url": "http://b:8081"}, {"value.converter.basic.auth.user.info": "you:secret"},
		{"transforms.join.within": "2 hours"}, {"transforms.last.type": "other"}, {"topic": "other"},
	} {
		if print(changes) != was {
			t.Errorf("%v changes the print, not what is kept", changes)
		}
	}
	if print(nil) != was {
		t.Error("the print differs from one call to the next")
	}
}

// factory is a converter of that class.
type factory struct{ class string }

func (f factory) Class() string                 { return f.class }
func (factory) For(string) converters.Converter { return nil }
