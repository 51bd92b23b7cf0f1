package protobuf

import (
	"culvert/configdef"
	"culvert/schemas"
)

// config is ProtobufConverter's configuration.
type config struct {
	registry schemas.Config
	cache    int
	mapping
}

// mapping holds the settings that decide how schemas are mapped.
type mapping struct {
	enhanced          bool // enhanced.protobuf.schema.support
	scrub             bool // scrub.invalid.names
	generalized       bool // generalized.sum.type.support
	ignoreDefault     bool // ignore.default.for.nullables
	intEnums          bool // int.for.enums
	optionalNullables bool // optional.for.nullables
	optionalProto2    bool // optional.for.proto2
	wrapNullables     bool // wrapper.for.nullables
	wrapRoot          bool // wrapper.for.raw.primitives
	structForNulls    bool // generate.struct.for.nulls
	indexUnions       bool // generate.index.for.unions
	flattenUnions     bool // flatten.unions
}

func def() *configdef.Def[config] {
	d := &configdef.Def[config]{Keys: schemas.Keys(func(c *config) *schemas.Config { return &c.registry })}
	flag := func(name, def, doc string, importance configdef.Importance, field func(*config) *bool) {
		d.Keys = append(d.Keys, configdef.Key[config]{
			Spec: configdef.Spec{Name: name, Type: configdef.Boolean, Importance: importance, Default: configdef.Default(def), Doc: doc,
				Group: "Protobuf", DisplayName: name, Order: len(d.Keys)},
			Into: configdef.Flag(field),
		})
	}
	flag("generalized.sum.type.support", "false", "Name unions and enums as other formats do.", configdef.Medium,
		func(c *config) *bool { return &c.generalized })
	flag("ignore.default.for.nullables", "false", "Leave a nullable field that is null unset, even if it has a default.", configdef.Medium,
		func(c *config) *bool { return &c.ignoreDefault })
	flag("enhanced.protobuf.schema.support", "false", "Keep packages in the names of schemas.", configdef.Medium,
		func(c *config) *bool { return &c.enhanced })
	flag("scrub.invalid.names", "false", "Replace characters that Protobuf does not allow in names.", configdef.Medium,
		func(c *config) *bool { return &c.scrub })
	flag("int.for.enums", "false", "Read enums as their numbers.", configdef.Medium,
		func(c *config) *bool { return &c.intEnums })
	flag("optional.for.nullables", "false", "Give nullable fields the label optional, and read only such fields as nullable.", configdef.Medium,
		func(c *config) *bool { return &c.optionalNullables })
	flag("optional.for.proto2", "true", "Read a field of proto2 with the label optional that is not set as null.", configdef.Medium,
		func(c *config) *bool { return &c.optionalProto2 })
	flag("wrapper.for.nullables", "false", "Put nullable fields into Protobuf's wrapper messages, and read only such fields as nullable.", configdef.Medium,
		func(c *config) *bool { return &c.wrapNullables })
	flag("wrapper.for.raw.primitives", "true", "Read a record that is a wrapper message as the value in it.", configdef.Medium,
		func(c *config) *bool { return &c.wrapRoot })
	flag("generate.struct.for.nulls", "false", "Read a message that is not set as a struct of defaults.", configdef.Medium,
		func(c *config) *bool { return &c.structForNulls })
	flag("generate.index.for.unions", "true", "Add _ and their number to the names of oneofs.", configdef.Low,
		func(c *config) *bool { return &c.indexUnions })
	flag("flatten.unions", "false", "Read the fields of a oneof as fields of the message.", configdef.Low,
		func(c *config) *bool { return &c.flattenUnions })
	d.Keys = append(d.Keys, configdef.Key[config]{
		Spec: configdef.Spec{Name: "schemas.cache.config", Aliases: []string{"schemas.cache.size"}, Type: configdef.Int, Importance: configdef.Low,
			Default: configdef.Default("1000"), Doc: "How many schemas are kept in this converter.", Group: "Protobuf", DisplayName: "schemas.cache.config", Order: len(d.Keys)},
		Into: configdef.Num(func(c *config) *int { return &c.cache }),
	})
	d.Rules = append(d.Rules, func(c *config, r *configdef.Report) { c.registry.Complete(r) })
	return d
}
