package changestream

import (
	"strings"

	"culvert/connectors"
	"culvert/connectors/mongodb"
)

// managedClass is the connector's name in Confluent Cloud.
const managedClass = "MongoDbAtlasSource"

// managed translates MongoDbAtlasSource of Confluent Cloud, whose keys are those of the
// original but for the server and the formats. What becomes of them is in Confluent's
// connect-migration-utility, templates/fm/MongoDbAtlasSource_resolved_templates.json; that
// does not say which converter keys have.
var managed = connectors.Managed{
	Class:   managedClass,
	Secrets: []string{mongodb.ManagedPassword},
	Map: func(m *connectors.Mapping) {
		mongodb.ManagedURI(m)
		m.Prefix("output.json.format", keyFormatter, formatters)
		m.Move("json.output.decimal.format", "value.converter.decimal.format")
		m.Move("linger.ms", "producer.override.linger.ms")
		m.Move("producer.batch.size", "producer.override.batch.size")
		// The managed connector alone takes fields out of documents that do not fit.
		m.Ignore("remove.field.on.schema.mismatch")
		m.Set("mongo.errors.tolerance", "mongo.errors.log.enable", "true")
		managedFormat(m, "output.data.format", "value")
		if m.Value("output.key.format") != "" {
			m.Drop("output.data.key.format")
			managedFormat(m, "output.key.format", "key")
			return
		}
		managedFormat(m, "output.data.key.format", "key")
	},
}

// managedFormat sets what the connector gives to the converter of the format: texts of
// JSON, bytes of BSON, or data with a schema, which for values is made of each document.
func managedFormat(m *connectors.Mapping, format, side string) {
	name := strings.ToUpper(strings.TrimSpace(m.Value(format)))
	switch {
	case name == "", name == "STRING", name == "JSON" && side == "key":
		// The texts are JSON already: a JSON converter would quote them.
		m.Drop(format)
		m.Set(format, side+".converter", "org.apache.kafka.connect.storage.StringConverter")
		return
	case name == "BSON", name == "BYTES":
		m.Set(format, "output.format."+side, "bson")
	default:
		m.Set(format, "output.format."+side, "schema")
		if side == "value" {
			m.Set(format, "output.schema.infer.value", "true")
		}
	}
	m.Format(format, side+".converter", "")
}
