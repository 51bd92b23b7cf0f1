package plugins

import (
	"fmt"
	"strings"

	"culvert/configdef"
	"culvert/fault"
)

// CheckStages refuses what ConnectorConfig's constructor refuses of transforms= and
// predicates=, in its words: the configuration of a connector that nobody has
// validated, because it was read from the config topic.
func (r *Registry) CheckStages(props map[string]string) error {
	for _, f := range []enriched{{keyTransforms, "Transforms", "Transformation", Transformation}, {keyPredicates, "Predicates", "Predicate", Predicate}} {
		for _, alias := range aliases(props[f.key]) {
			key := f.key + "." + alias + ".type"
			if err := r.stageClass(f, key, props); err != nil {
				return stageError(key, err.Error())
			}
		}
	}
	specs := []configdef.Spec{
		{Name: keyTransforms, Type: configdef.List, Default: configdef.Default(""), Check: configdef.Aliases},
		{Name: keyPredicates, Type: configdef.List, Default: configdef.Default(""), Check: configdef.Aliases},
	}
	for _, res := range configdef.Configure(r.enrich(specs, props), props).Results {
		if len(res.Errors) > 0 {
			return stageError(res.Spec.Name, res.Errors[0])
		}
	}
	for _, alias := range aliases(props[keyTransforms]) {
		key := keyTransforms + "." + alias + ".predicate"
		name, ok := props[key]
		if ok && !contains(aliases(props[keyPredicates]), name) {
			return fault.New(fault.Config, "connect.unknown_predicate", "org.apache.kafka.connect.errors.ConnectException: "+
				"org.apache.kafka.common.config.ConfigException: Unknown configuration 'predicates.%s.plugin.version'", name).
				WithField(key).WithJava("org.apache.kafka.connect.errors.ConnectException").WithFix("Name the predicate in predicates, and configure it.")
		}
	}
	return nil
}

// stageClass looks at the class of a transformation or predicate.
func (r *Registry) stageClass(f enriched, key string, props map[string]string) error {
	given, ok := props[key]
	if !ok {
		return fmt.Errorf("Invalid value null for configuration %s: Not a %s", key, f.what)
	}
	class, ok := r.existing(strings.TrimSpace(given))
	if !ok {
		return fmt.Errorf("Invalid value %s for configuration %s: Class %s could not be found.", given, key, given)
	}
	return r.concrete(f, class)
}

// existing resolves the name of a class, also of one that is there in Java only to be
// extended by the classes for keys and for values.
func (r *Registry) existing(name string) (class string, ok bool) {
	if class, ok := r.Class(name); ok {
		return class, true
	}
	return name, len(r.halves(name)) > 0
}

// concrete is Utils.ensureConcreteSubclass for a class that exists.
func (r *Registry) concrete(f enriched, class string) error {
	if halves := r.halves(class); len(halves) > 0 {
		return configdef.Sentence(fmt.Sprintf("This class is abstract and cannot be created. Did you mean %s?", strings.Join(halves, ", ")))
	}
	if !contains(r.Classes(f.kind), class) {
		return notA(class, f.what)
	}
	return nil
}

// halves lists the classes for keys and for values that a transformation has, whose
// own name stands for none.
func (r *Registry) halves(name string) []string {
	var list []string
	for _, half := range []string{"$Key", "$Value"} {
		if class, ok := r.classes[name+half]; ok {
			list = append(list, class)
		}
	}
	return list
}

func stageError(key, text string) error {
	return fault.New(fault.Config, "connect.stage", "%s", text).WithField(key).WithJava("org.apache.kafka.common.config.ConfigException")
}
