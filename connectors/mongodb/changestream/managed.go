package changestream

import (
	"strings"

	"culvert/connectors"
	"culvert/connectors/mongodb"
)

// managedClass is the connector's name in Confluent Cloud.
const managedClass = "MongoDbAtlasSource"

// managed translates MongoDbAtlasSource of Confluent Cloud, whose keys are those of the
// original but for the server and the formats.
var managed = connectors.Managed{
	Class:   managedClass,
	Secrets: []string{mongodb.ManagedPassword},
	Map: func(m *connectors.Mapping) {
		mongodb.ManagedURI(m)
		m.Prefix("output.json.format", keyFormatter, formatters)
		m.Move("json.output.decimal.format", "value.converter.decimal.format")
		managedFormat(m, "output.data.format", "value")
		managedFormat(m, "output.data.key.format", "key")
	},
}

// managedFormat sets what the connector gives to the converter of the format: texts of
// JSON, bytes of BSON, or data with a schema, which for values is made of each document.
func managedFormat(m *connectors.Mapping, format, side string) {
	name := strings.ToUpper(strings.TrimSpace(m.Value(format)))
	switch name {
	case "", "JSON", "STRING":
		// The texts are JSON already: a JSON converter would quote them.
		m.Drop(format)
		m.Set(format, side+".converter", "org.apache.kafka.connect.storage.StringConverter")
		return
	case "BSON", "BYTES":
		m.Set(format, "output.format."+side, "bson")
	case "AVRO", "JSON_SR", "PROTOBUF":
		m.Set(format, "output.format."+side, "schema")
		if side == "value" {
			m.Set(format, "output.schema.infer.value", "true")
		}
	}
	m.Format(format, side+".converter", "")
}
