package avro

import (
	"culvert/configdef"
	"culvert/schemas"
)

// config is AvroConverter's configuration.
type config struct {
	registry schemas.Config
	cache    int
	mapping
}

func def() *configdef.Def[config] {
	d := &configdef.Def[config]{Keys: schemas.Keys(func(c *config) *schemas.Config { return &c.registry })}
	flag := func(name, def, doc string, importance configdef.Importance, field func(*config) *bool) {
		d.Keys = append(d.Keys, configdef.Key[config]{
			Spec: configdef.Spec{Name: name, Type: configdef.Boolean, Importance: importance, Default: configdef.Default(def), Doc: doc,
				Group: "Avro", DisplayName: name, Order: len(d.Keys)},
			Into: configdef.Flag(field),
		})
	}
	flag("connect.meta.data", "true", "Keep what Avro cannot say about a Connect schema in properties of the Avro schema.", configdef.Low,
		func(c *config) *bool { return &c.metaData })
	flag("enhanced.avro.schema.support", "false", "Keep enums as enums, and namespaces in the names of unions' fields.", configdef.Medium,
		func(c *config) *bool { return &c.enhanced })
	flag("scrub.invalid.names", "false", "Replace characters that Avro does not allow in names.", configdef.Medium,
		func(c *config) *bool { return &c.scrub })
	flag("generalized.sum.type.support", "false", "Number unions' fields and enums' symbols, as other formats do.", configdef.Medium,
		func(c *config) *bool { return &c.generalized })
	flag("ignore.default.for.nullables", "false", "Write null for a nullable field that is null, even if it has a default.", configdef.Medium,
		func(c *config) *bool { return &c.ignoreDefault })
	flag("allow.optional.map.keys", "false", "Write maps whose string keys are optional as Avro maps.", configdef.Low,
		func(c *config) *bool { return &c.optionalMapKeys })
	flag("flatten.singleton.unions", "true", "Read a union of one type as that type.", configdef.Low,
		func(c *config) *bool { return &c.flattenSingleton })
	flag("discard.type.doc.default", "false", "Keep only the documentation and the defaults of fields.", configdef.Low,
		func(c *config) *bool { return &c.discardTypeDocument })
	d.Keys = append(d.Keys, configdef.Key[config]{
		Spec: configdef.Spec{Name: "schemas.cache.config", Aliases: []string{"schemas.cache.size"}, Type: configdef.Int, Importance: configdef.Low,
			Default: configdef.Default("1000"), Doc: "How many schemas are kept in this converter.", Group: "Avro", DisplayName: "schemas.cache.config", Order: len(d.Keys)},
		Into: configdef.Num(func(c *config) *int { return &c.cache }),
	})
	d.Rules = append(d.Rules, func(c *config, r *configdef.Report) { c.registry.Complete(r) })
	return d
}
