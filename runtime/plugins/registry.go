package plugins

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/converters"
	"culvert/fault"
	"culvert/transforms"
)

// Set is what a binary carries. connectors/all has ours.
type Set struct {
	Connectors []connectors.Plugin
	Converters []converters.Plugin
	Transforms []transforms.Plugin
	Predicates []transforms.PredicatePlugin
}

// Kind is the type of a plugin as /connector-plugins spells it.
type Kind string

// The kinds, in the order in which the plugin list has them.
const (
	Sink            Kind = "sink"
	Source          Kind = "source"
	Transformation  Kind = "transformation"
	Predicate       Kind = "predicate"
	Converter       Kind = "converter"
	HeaderConverter Kind = "header_converter"
)

var kinds = []Kind{Sink, Source, Transformation, Predicate, Converter, HeaderConverter}

// Registry finds plugins by class or alias. What it answers never changes.
type Registry struct {
	version    string
	connectors map[string]*connectors.Plugin // by class
	converters map[string]*converters.Plugin
	transforms map[string]*transforms.Plugin
	predicates map[string]*transforms.PredicatePlugin
	classes    map[string]string // class or alias -> class
	list       []Info
	passwords  sync.Map // class -> map[string]bool, made when first asked for
}

// Info is one entry of the plugin list. A class that serves as converter and as
// header converter has two.
type Info struct {
	Class   string `json:"class"`
	Type    Kind   `json:"type"`
	Version string `json:"version"`
}

// New makes a registry. Version is that of the worker: plugins without a version
// of their own show it, as Kafka's own do.
func New(version string, s Set) (*Registry, error) {
	r := &Registry{
		version:    version,
		connectors: map[string]*connectors.Plugin{},
		converters: map[string]*converters.Plugin{},
		transforms: map[string]*transforms.Plugin{},
		predicates: map[string]*transforms.PredicatePlugin{},
		classes:    map[string]string{},
	}
	aliases := map[string][]string{} // alias -> classes
	for i := range s.Connectors {
		p := &s.Connectors[i]
		r.connectors[p.Class] = p
		r.add(aliases, Info{Class: p.Class, Type: Kind(p.Kind), Version: p.Version}, "Connector", p.Aliases)
	}
	for i := range s.Converters {
		p := &s.Converters[i]
		r.converters[p.Class] = p
		if p.Serves(converters.Key) || p.Serves(converters.Value) {
			r.add(aliases, Info{Class: p.Class, Type: Converter, Version: p.Version}, "Converter", p.Aliases)
		}
		if p.Serves(converters.Header) {
			r.add(aliases, Info{Class: p.Class, Type: HeaderConverter, Version: p.Version}, "Converter", p.Aliases)
		}
	}
	for i := range s.Transforms {
		p := &s.Transforms[i]
		r.transforms[p.Class] = p
		r.add(aliases, Info{Class: p.Class, Type: Transformation}, "Transformation", p.Aliases)
	}
	for i := range s.Predicates {
		p := &s.Predicates[i]
		r.predicates[p.Class] = p
		r.add(aliases, Info{Class: p.Class, Type: Predicate}, "Predicate", p.Aliases)
	}
	if n := len(s.Connectors) + len(s.Converters) + len(s.Transforms) + len(s.Predicates); n != len(r.classes) {
		return nil, fmt.Errorf("plugins: %d plugins have %d class names: one is listed twice", n, len(r.classes))
	}
	for alias, owners := range aliases {
		// As in PluginUtils.computeAliases, an alias of several classes names none.
		if _, isClass := r.classes[alias]; !isClass && len(owners) == 1 {
			r.classes[alias] = owners[0]
		}
	}
	slices.SortFunc(r.list, func(a, b Info) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Type), slices.Index(kinds, b.Type)), cmp.Compare(a.Class, b.Class))
	})
	return r, nil
}

func (r *Registry) add(aliases map[string][]string, i Info, suffix string, own []string) {
	r.classes[i.Class] = i.Class
	i.Version = cmp.Or(i.Version, r.version)
	r.list = append(r.list, i)
	names := slices.Clone(own)
	if simple := i.Class[strings.LastIndexByte(i.Class, '.')+1:]; !strings.Contains(simple, "$") {
		names = append(names, simple)
		if pruned := strings.TrimSuffix(simple, suffix); pruned != "" {
			names = append(names, pruned)
		}
	}
	for _, n := range names {
		if !slices.Contains(aliases[n], i.Class) {
			aliases[n] = append(aliases[n], i.Class)
		}
	}
}

// Version is the version that the worker itself shows.
func (r *Registry) Version() string { return r.version }

// List is the plugin list; connectors alone, or all.
func (r *Registry) List(connectorsOnly bool) []Info {
	list := []Info{}
	for _, i := range r.list {
		if !connectorsOnly || i.Type == Sink || i.Type == Source {
			list = append(list, i)
		}
	}
	return list
}

// Classes lists the classes of the given kinds, sorted, each once.
func (r *Registry) Classes(of ...Kind) []string {
	var names []string
	for _, i := range r.list {
		if slices.Contains(of, i.Type) {
			names = append(names, i.Class)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Class resolves a class name or an alias.
func (r *Registry) Class(name string) (class string, ok bool) {
	class, ok = r.classes[name]
	return class, ok
}

// VersionOf is the version of a plugin, empty if there is none of that name.
func (r *Registry) VersionOf(name string) string {
	class := r.classes[name]
	for _, i := range r.list {
		if i.Class == class {
			return i.Version
		}
	}
	return ""
}

// Connector finds a connector. The error is Config in Java's words, which list
// the connectors that there are.
func (r *Registry) Connector(name string) (*connectors.Plugin, error) {
	if p := r.connectors[r.classes[name]]; p != nil {
		return p, nil
	}
	var have []string
	for _, i := range r.List(true) {
		have = append(have, fmt.Sprintf("PluginDesc{klass=class %[1]s, name='%[1]s', version='%[2]s', encodedVersion=%[2]s, type=%[3]s, typeName='%[3]s', location='built-in'}",
			i.Class, i.Version, i.Type))
	}
	return nil, fault.New(fault.Config, "connect.unknown_class",
		"Failed to find any class that implements Connector and which name matches %s, available connectors are: %s", name, strings.Join(have, ", ")).
		WithField("connector.class").WithJava("org.apache.kafka.connect.errors.ConnectException").
		WithFix("Set connector.class to one of %s.", strings.Join(r.Classes(Sink, Source), ", "))
}

// Converter finds a converter for a side.
func (r *Registry) Converter(name string, side converters.Side) (*converters.Plugin, error) {
	p := r.converters[r.classes[name]]
	if p != nil && p.Serves(side) {
		return p, nil
	}
	kind := Converter
	if side == converters.Header {
		kind = HeaderConverter
	}
	return nil, r.missing(name, string(kind), kind)
}

// Transform finds a transformation.
func (r *Registry) Transform(name string) (*transforms.Plugin, error) {
	if p := r.transforms[r.classes[name]]; p != nil {
		return p, nil
	}
	return nil, r.missing(name, "transformation", Transformation)
}

// Predicate finds a predicate.
func (r *Registry) Predicate(name string) (*transforms.PredicatePlugin, error) {
	if p := r.predicates[r.classes[name]]; p != nil {
		return p, nil
	}
	return nil, r.missing(name, "predicate", Predicate)
}

func (r *Registry) missing(name, what string, kind Kind) error {
	return fault.New(fault.Config, "connect.unknown_class", "Class %s could not be found.", name).
		WithJava("org.apache.kafka.common.config.ConfigException").
		WithFix("Use a %s that this worker has: %s.", strings.ReplaceAll(what, "_", " "), strings.Join(r.Classes(kind), ", "))
}

// specs returns the kind of a plugin and its own keys.
func (r *Registry) specs(class string) (Kind, []configdef.Spec) {
	if p := r.connectors[class]; p != nil {
		return Kind(p.Kind), p.Spec()
	}
	if p := r.converters[class]; p != nil {
		return Converter, p.Spec()
	}
	if p := r.transforms[class]; p != nil {
		return Transformation, p.Spec()
	}
	return Predicate, r.predicates[class].Spec()
}
