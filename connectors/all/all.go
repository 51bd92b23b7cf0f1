// Package all lists every plugin that Culvert is built with. It is the only place
// that names concrete ones: a new connector, converter, transformation or
// predicate is one line here.
package all

import (
	"culvert/connectors"
	"culvert/connectors/datagen"
	"culvert/connectors/file"
	"culvert/connectors/mongodb"
	"culvert/connectors/mongodb/changestream"
	"culvert/connectors/topicsink"
	"culvert/converters/avro"
	"culvert/converters/header"
	"culvert/converters/json"
	"culvert/converters/jsonschema"
	"culvert/converters/number"
	"culvert/converters/protobuf"
	"culvert/converters/raw"
	"culvert/converters/text"
	"culvert/runtime/plugins"
	"culvert/transforms/expr"
	"culvert/transforms/predicates"
	"culvert/transforms/smt"
	"culvert/transforms/stream"
)

// Set returns the plugins.
func Set() plugins.Set {
	return plugins.Set{
		Connectors: []connectors.Plugin{
			datagen.Plugin(),
			file.SourcePlugin(),
			file.SinkPlugin(),
			mongodb.Plugin(),
			changestream.Plugin(),
			topicsink.Plugin(),
		},
		Converters: append(number.Plugins(),
			avro.Plugin(),
			header.Plugin(),
			json.Plugin(),
			jsonschema.Plugin(),
			protobuf.Plugin(),
			raw.Plugin(),
			text.Plugin(),
		),
		Transforms: append(smt.Plugins(),
			expr.Plugin(),
			stream.Plugin(),
		),
		Predicates: predicates.Plugins(),
	}
}
