package smt

import (
	"context"
	"log/slog"

	"culvert/configdef"
	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
)

// Plugins lists all transformations of the package.
func Plugins() []transforms.Plugin {
	return []transforms.Plugin{
		onKey("Cast", castDef, newCast), onValue("Cast", castDef, newCast),
		onRecord("DropHeaders", dropHeadersDef, newDropHeaders),
		onKey("ExtractField", extractFieldDef, newExtractField), onValue("ExtractField", extractFieldDef, newExtractField),
		onRecord("Filter", filterDef, newFilter),
		onKey("Flatten", flattenDef, newFlatten), onValue("Flatten", flattenDef, newFlatten),
		onKey("HeaderFrom", headerFromDef, newHeaderFrom), onValue("HeaderFrom", headerFromDef, newHeaderFrom),
		onKey("HoistField", hoistFieldDef, newHoistField), onValue("HoistField", hoistFieldDef, newHoistField),
		onKey("InsertField", insertFieldDef, newInsertField), onValue("InsertField", insertFieldDef, newInsertField),
		onRecord("InsertHeader", insertHeaderDef, newInsertHeader),
		onKey("MaskField", maskFieldDef, newMaskField), onValue("MaskField", maskFieldDef, newMaskField),
		onRecord("RegexRouter", regexRouterDef, newRegexRouter),
		onKey("ReplaceField", replaceFieldDef, newReplaceField), onValue("ReplaceField", replaceFieldDef, newReplaceField),
		onKey("SetSchemaMetadata", setSchemaMetadataDef, newSetSchemaMetadata),
		onValue("SetSchemaMetadata", setSchemaMetadataDef, newSetSchemaMetadata),
		onKey("TimestampConverter", timestampConverterDef, newTimestampConverter),
		onValue("TimestampConverter", timestampConverterDef, newTimestampConverter),
		onRecord("TimestampRouter", timestampRouterDef, newTimestampRouter),
		onRecord("ValueToKey", valueToKeyDef, newValueToKey),
	}
}

const javaPackage = "org.apache.kafka.connect.transforms."

// half is the part of a record that a $Key or a $Value works on.
type half uint8

const (
	valueHalf half = iota
	keyHalf
)

func (h half) of(r *data.Record) *data.Cell {
	if h == keyHalf {
		return &r.Key
	}
	return &r.Value
}

func onKey[C any](name string, d *configdef.Def[C], make func(half, C) (transforms.Transform, error)) transforms.Plugin {
	return plugin(name+"$Key", d, func(c C) (transforms.Transform, error) { return make(keyHalf, c) })
}

func onValue[C any](name string, d *configdef.Def[C], make func(half, C) (transforms.Transform, error)) transforms.Plugin {
	return plugin(name+"$Value", d, func(c C) (transforms.Transform, error) { return make(valueHalf, c) })
}

func onRecord[C any](name string, d *configdef.Def[C], make func(C) (transforms.Transform, error)) transforms.Plugin {
	return plugin(name, d, make)
}

func plugin[C any](name string, d *configdef.Def[C], make func(C) (transforms.Transform, error)) transforms.Plugin {
	return transforms.Plugin{Class: javaPackage + name, Spec: d.Specs,
		New: func(props map[string]string, _ *slog.Logger) (transforms.Transform, error) {
			c, err := transforms.Configure(d, props)
			if err != nil {
				return nil, err
			}
			return make(c)
		}}
}

// badConfig is the error of a configuration whose keys are right one by one, but not
// together: Java's ConfigException in configure.
func badConfig(format string, args ...any) *fault.Error {
	return fault.New(fault.Config, "smt.config", format, args...).WithJava("org.apache.kafka.common.config.ConfigException")
}

// each is a transformation that treats every record for itself. A record that
// fails is left as it was.
type each func(r *data.Record, a *data.Arena) error

// Apply implements transforms.Transform.
func (f each) Apply(_ context.Context, b *data.Batch) error {
	for i := range b.Records {
		if err := f(&b.Records[i], b.Arena); err != nil {
			b.Fail(i, data.StageTransformation, err)
		}
	}
	return nil
}

// spec shortens the declaration of keys that Java declares without group.
func spec(name string, t configdef.Type, importance configdef.Importance, doc string) configdef.Spec {
	return configdef.Spec{Name: name, Type: t, Importance: importance, Doc: doc, Ungrouped: true}
}

func required(s configdef.Spec) configdef.Spec {
	s.Required = true
	return s
}

func withDefault(s configdef.Spec, text string) configdef.Spec {
	s.Default = configdef.Default(text)
	return s
}

func checked(s configdef.Spec, check configdef.Validator) configdef.Spec {
	s.Check = check
	return s
}

// replaceNull is the key replace.null.with.default (KIP-1040).
func replaceNull[C any](field func(*C) *bool) configdef.Key[C] {
	return configdef.Key[C]{Spec: withDefault(spec("replace.null.with.default", configdef.Boolean, configdef.Medium,
		"Whether a field that is null and has a default gets the default. With false it stays null."), "true"),
		Into: configdef.Flag(field)}
}

// text stores an optional string; it stays nil where the key is not given.
func text[C any](field func(*C) **string) func(*C, configdef.Parsed) {
	return func(c *C, v configdef.Parsed) { *field(c) = &v.Text }
}

// nonEmptyList is NonEmptyListValidator.
func nonEmptyList(_ string, v configdef.Parsed) error {
	if len(v.List) == 0 {
		return errEmptyList
	}
	return nil
}

// distinct is a list of names, none twice and none empty: ConfigDef.ValidList.
func distinct(s configdef.Spec) configdef.Spec {
	s.Check, s.Distinct = configdef.NonEmptyElements, true
	return s
}
