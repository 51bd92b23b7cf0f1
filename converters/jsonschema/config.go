package jsonschema

import (
	"strings"

	"culvert/configdef"
	"culvert/converters"
	"culvert/schemas"
)

// config is JsonSchemaConverter's configuration.
type config struct {
	registry schemas.Config
	cache    int
	validate bool // json.fail.invalid.schema
	mapping
}

// mapping holds the settings that decide how schemas and data are mapped.
type mapping struct {
	generalized      bool // generalized.sum.type.support
	ignoreDefault    bool // ignore.default.for.nullables
	additional       bool // object.additional.properties
	optionalUnless   bool // use.optional.for.nonrequired
	ignoreModern     bool // ignore.modern.dialects
	flattenSingleton bool // flatten.singleton.unions
	decimal          string
}

func (m *mapping) numeric() bool { return strings.EqualFold(m.decimal, "NUMERIC") }

func def() *configdef.Def[config] {
	d := &configdef.Def[config]{Keys: schemas.Keys(func(c *config) *schemas.Config { return &c.registry })}
	add := func(s configdef.Spec, into func(*config, configdef.Parsed)) {
		s.Group, s.DisplayName, s.Order = "JSON Schema", s.Name, len(d.Keys)
		d.Keys = append(d.Keys, configdef.Key[config]{Spec: s, Into: into})
	}
	flag := func(name, def, doc string, importance configdef.Importance, field func(*config) *bool) {
		add(configdef.Spec{Name: name, Type: configdef.Boolean, Importance: importance, Default: configdef.Default(def), Doc: doc}, configdef.Flag(field))
	}
	flag("generalized.sum.type.support", "false", "Number unions' fields and enums' symbols, as other formats do.", configdef.Medium,
		func(c *config) *bool { return &c.generalized })
	flag("ignore.default.for.nullables", "false", "Write null for a nullable field that is null, even if it has a default.", configdef.Medium,
		func(c *config) *bool { return &c.ignoreDefault })
	flag("object.additional.properties", "true", "Let the schemas that are written allow properties that they do not name.", configdef.Medium,
		func(c *config) *bool { return &c.additional })
	flag("use.optional.for.nonrequired", "false", "Read properties that are not required as nullable.", configdef.Medium,
		func(c *config) *bool { return &c.optionalUnless })
	flag("ignore.modern.dialects", "false", "Read all schemas as draft 7.", configdef.Low,
		func(c *config) *bool { return &c.ignoreModern })
	flag("flatten.singleton.unions", "true", "Read a union of one type as that type.", configdef.Low,
		func(c *config) *bool { return &c.flattenSingleton })
	flag("json.fail.invalid.schema", "false", "Refuse payloads that their schema does not allow.", configdef.Medium,
		func(c *config) *bool { return &c.validate })
	add(configdef.Spec{Name: "decimal.format", Type: configdef.String, Importance: configdef.Low, Default: configdef.Default("BASE64"),
		Doc:   "How decimals are written: BASE64 (the bytes of the unscaled value) or NUMERIC (a JSON number).",
		Check: converters.OneOfFold("BASE64", "NUMERIC")}, configdef.Str(func(c *config) *string { return &c.decimal }))
	add(configdef.Spec{Name: "schemas.cache.config", Aliases: []string{"schemas.cache.size"}, Type: configdef.Int, Importance: configdef.Low,
		Default: configdef.Default("1000"), Doc: "How many schemas are kept in this converter."}, configdef.Num(func(c *config) *int { return &c.cache }))
	d.Rules = append(d.Rules, func(c *config, r *configdef.Report) { c.registry.Complete(r) })
	return d
}
