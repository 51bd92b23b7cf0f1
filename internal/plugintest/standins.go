// Package plugintest gives tests the plugins that Java has and Culvert has not
// yet: declarations without code, made from recorded definitions.
package plugintest

import (
	"context"
	"encoding/json"
	"io/fs"
	"strings"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/converters"
	"culvert/internal/golden"
	"culvert/runtime/plugins"
	"culvert/transforms"
)

// StandIns adds to s a declaration for each recorded class that s has not. What is
// added cannot run.
func StandIns(s plugins.Set) plugins.Set {
	have := map[string]bool{}
	for _, p := range s.Connectors {
		have[p.Class] = true
	}
	for _, p := range s.Converters {
		have[p.Class] = true
	}
	for _, p := range s.Transforms {
		have[p.Class] = true
	}
	for _, p := range s.Predicates {
		have[p.Class] = true
	}
	var index []struct {
		Class string
		Types []string
		File  string
	}
	read("index.json", &index)
	for _, e := range index {
		if have[e.Class] {
			continue
		}
		switch specs := specsOf(e.File); e.Types[0] {
		case "source", "sink":
			s.Connectors = append(s.Connectors, connector(e.Class, connectors.Kind(e.Types[0]), specs()))
		case "converter", "header_converter":
			s.Converters = append(s.Converters, converter(e.Class, e.Types, specs))
		case "transformation":
			s.Transforms = append(s.Transforms, transforms.Plugin{Class: e.Class, Spec: specs})
		case "predicate":
			s.Predicates = append(s.Predicates, transforms.PredicatePlugin{Class: e.Class, Spec: specs})
		}
	}
	return s
}

func connector(class string, kind connectors.Kind, all []configdef.Spec) connectors.Plugin {
	var own []configdef.Spec
	for _, s := range all {
		if s.Name == "name" {
			break // the framework's keys follow
		}
		if strings.Contains(class, "FileStreamSource") && s.Name == "topic" {
			s.Check = configdef.NonEmpty
		}
		own = append(own, s)
	}
	p := connectors.Plugin{Class: class, Kind: kind, TaskClass: strings.TrimSuffix(class, "Connector") + "Task",
		Spec: func() []configdef.Spec { return own },
		Check: func(_ context.Context, props map[string]string) *configdef.Report {
			return configdef.Validate(own, props)
		},
		Tasks: func(props map[string]string, max int) ([]map[string]string, error) {
			if kind == connectors.SourceKind {
				max = 1
			}
			tasks := make([]map[string]string, max)
			for i := range tasks {
				tasks[i] = props
			}
			return tasks, nil
		}}
	if strings.HasPrefix(class, "com.mongodb.") {
		p.Version = "2.0.1"
	}
	if kind == connectors.SourceKind {
		p.ExactlyOnce = func(map[string]string) bool { return true }
	}
	return p
}

func converter(class string, types []string, specs func() []configdef.Spec) converters.Plugin {
	p := converters.Plugin{Class: class, Spec: specs, Check: func(props map[string]string, side converters.Side) *configdef.Report {
		return configdef.Validate(specs(), converters.WithType(props, side))
	}}
	if len(types) == 1 && types[0] == "header_converter" {
		p.Sides = []converters.Side{converters.Header}
	}
	return p
}

func specsOf(file string) func() []configdef.Spec {
	return func() []configdef.Spec {
		var f struct{ Configs []plugins.Definition }
		read(file, &f)
		specs := make([]configdef.Spec, len(f.Configs))
		for i, d := range f.Configs {
			specs[i] = configdef.Spec{Name: d.Name, Type: parse(configdef.String, configdef.Password, d.Type), Required: d.Required, Default: d.Default,
				Importance: parse(configdef.Low, configdef.High, d.Importance), Width: parse(configdef.NoWidth, configdef.LongWidth, d.Width),
				Order: d.Order, DisplayName: d.DisplayName, Dependents: d.Dependents, Ungrouped: d.Group == nil, Doc: "As in Java."}
			if d.Group != nil {
				specs[i].Group = *d.Group
			}
		}
		return specs
	}
}

// parse finds the constant with a name.
func parse[T interface {
	~uint8
	String() string
}](first, last T, name string) T {
	for v := first; v < last; v++ {
		if v.String() == name {
			return v
		}
	}
	return last
}

func read(name string, into any) {
	text, err := fs.ReadFile(golden.Root(), "configdefs/"+name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic("recorded definitions: " + err.Error())
	}
}
