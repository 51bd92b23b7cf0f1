package plugins

import (
	"fmt"
	"slices"
	"strings"

	"culvert/configdef"
	"culvert/converters"
	"culvert/fault"
)

// enrich adds the keys of the named transformations and predicates to the
// framework's: ConnectorConfig.enrich.
func (r *Registry) enrich(specs []configdef.Spec, props map[string]string) []configdef.Spec {
	for _, alias := range aliases(props[keyTransforms]) {
		prefix := keyTransforms + "." + alias + "."
		var own []configdef.Spec
		if p, err := r.Transform(props[prefix+"type"]); err == nil {
			for _, s := range p.Spec() {
				// The keys below mask those of the transformation with the same name.
				if s.Name != "predicate" && s.Name != "negate" {
					own = append(own, s)
				}
			}
			own = append(own,
				configdef.Spec{Name: "predicate", Type: configdef.String, Importance: configdef.Medium, Ungrouped: true,
					Doc: "The name of a predicate: the transformation runs for the records that it holds for."},
				configdef.Spec{Name: "negate", Type: configdef.Boolean, Default: configdef.Default("false"), Importance: configdef.Medium, Ungrouped: true,
					Doc: "Run the transformation for the records that the predicate does not hold for."})
		}
		specs = append(specs, r.alias(enriched{keyTransforms, "Transforms", "Transformation", Transformation}, alias, props, own, func() error {
			_, negate := props[prefix+"negate"]
			if _, predicate := props[prefix+"predicate"]; negate && !predicate {
				return configdef.Sentence(fmt.Sprintf("Config '%[1]snegate' was provided but there is no config '%[1]spredicate' defining a predicate to be negated.", prefix))
			}
			return nil
		})...)
	}
	for _, alias := range aliases(props[keyPredicates]) {
		var own []configdef.Spec
		if p, err := r.Predicate(props[keyPredicates+"."+alias+".type"]); err == nil {
			own = p.Spec()
		}
		specs = append(specs, r.alias(enriched{keyPredicates, "Predicates", "Predicate", Predicate}, alias, props, own, func() error { return nil })...)
	}
	return specs
}

// enriched is one of the two families of keys that a list of aliases opens.
type enriched struct {
	key, group, what string
	kind             Kind
}

// alias declares what stands under "<family>.<alias>.". Own is nil for a class
// that is not known.
func (r *Registry) alias(f enriched, alias string, props map[string]string, own []configdef.Spec, check func() error) []configdef.Spec {
	prefix, group := f.key+"."+alias+".", f.group+": "+alias
	classes := r.Classes(f.kind)
	given := props[prefix+"type"]
	version := ""
	var versions []string
	if own != nil {
		version = r.VersionOf(given)
		versions = []string{version}
		if wanted, ok := props[prefix+"plugin.version"]; ok && r.Allow(given, wanted) != nil {
			own = nil
		}
	}
	return append([]configdef.Spec{
		{Name: prefix + "type", Type: configdef.Class, Required: true, Importance: configdef.High, Group: group, Width: configdef.LongWidth,
			DisplayName: f.what + " type for " + alias, Doc: fmt.Sprintf("The class of the %s %s.", strings.ToLower(f.what), alias), Resolve: r.existing,
			Recommend: func(map[string]string) []string { return classes },
			Check: func(_ string, v configdef.Parsed) error {
				if err := check(); err != nil {
					return err
				}
				if v.Null {
					return nil
				}
				return r.concrete(f, v.Text)
			}},
		{Name: prefix + "plugin.version", Type: configdef.String, Default: orNull(version), Importance: configdef.High, Group: group, Order: 1,
			Width: configdef.LongWidth, DisplayName: f.what + " version for " + alias, Check: checkVersion,
			Recommend: func(map[string]string) []string { return versions },
			Doc:       fmt.Sprintf("The version that the %s must have.", strings.ToLower(f.what))},
	}, configdef.Embed(prefix, group, 2, own)...)
}

// aliases is the list of names in a value, each once.
func aliases(text string) []string {
	v, _ := configdef.ParseText(configdef.List, text) // a list takes every text
	var names []string
	for _, n := range v.List {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// checkTransforms adds versions that are not there, and what a transformation finds
// in several keys together.
func (r *Registry) checkTransforms(report *configdef.Report, props map[string]string) {
	for _, alias := range aliases(props[keyTransforms]) {
		prefix := keyTransforms + "." + alias + "."
		p, err := r.Transform(props[prefix+"type"])
		if err != nil || r.failVersion(report, prefix+"type", prefix+"plugin.version", props) {
			continue
		}
		if p.Check != nil {
			for _, res := range p.Check(under(props, prefix, "type", "plugin.version", "predicate", "negate")).Results {
				have := report.Get(prefix + res.Spec.Name)
				if len(res.Errors) == 0 || have != nil && len(have.Errors) > 0 {
					continue
				}
				for _, e := range res.Errors {
					report.Fail(prefix+res.Spec.Name, "%s", e)
				}
			}
		}
		if strings.HasPrefix(p.Class, "culvert.") {
			fullNames(report, prefix)
		}
	}
}

// fullNames has errors name the whole key. Those of Java's transformations name it
// without the prefix, and there that is the answer to give.
func fullNames(report *configdef.Report, prefix string) {
	for i := range report.Results {
		res := &report.Results[i]
		short, ok := strings.CutPrefix(res.Spec.Name, prefix)
		if !ok {
			continue
		}
		for n, e := range res.Errors {
			res.Errors[n] = strings.Replace(e, " for configuration "+short+":", " for configuration "+prefix+short+":", 1)
		}
	}
}

// failVersion adds an error to a class and its version if this version is not
// there. One that cannot be read has an error already.
func (r *Registry) failVersion(report *configdef.Report, class, version string, props map[string]string) (failed bool) {
	wanted, given := props[version]
	if !given || report.Get(class) == nil || len(report.Get(class).Errors) > 0 {
		return false
	}
	err := r.Allow(props[class], wanted)
	if fault.Is(err, fault.Config) && fault.Of(err).Code == codeVersion {
		report.Fail(class, "%s", err)
		report.Fail(version, "%s", err)
	}
	return err != nil
}

// under returns the keys below a prefix, without it.
func under(props map[string]string, prefix string, except ...string) map[string]string {
	out := map[string]string{}
	for k, v := range props {
		if name, ok := strings.CutPrefix(k, prefix); ok && !slices.Contains(except, name) {
			out[name] = v
		}
	}
	return out
}

// converter validates the keys of a converter that the connector names itself:
// AbstractHerder.validateConverterConfig.
func (r *Registry) converter(key string, side converters.Side, props map[string]string) []piece {
	p, err := r.Converter(props[key], side)
	if err != nil {
		return nil // its own key has the error
	}
	prefix := key + "."
	report := p.Check(under(props, prefix, "plugin.version"), side)
	specs := p.Spec()
	orders := configdef.Orders(specs)
	at := map[string]int{}
	var names []string
	for i := range specs {
		at[specs[i].Name] = i
		names = append(names, specs[i].Name)
	}
	var pieces []piece
	for _, name := range configdef.JavaOrder(names) {
		res := report.Get(name)
		if res == nil || res.Spec.Extended && !res.Value.Given && len(res.Errors) == 0 {
			continue
		}
		d, v := definition(res.Spec, orders[at[name]]), valueOf(res, props)
		d.Name, v.Name = prefix+d.Name, prefix+v.Name
		pieces = append(pieces, piece{d, v})
	}
	for i := range report.Results {
		if res := &report.Results[i]; len(res.Errors) > 0 {
			if _, declared := at[res.Spec.Name]; !declared {
				v := valueOf(res, props)
				v.Name = prefix + v.Name
				pieces = append(pieces, piece{nil, v})
			}
		}
	}
	return pieces
}
