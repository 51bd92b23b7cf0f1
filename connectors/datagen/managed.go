package datagen

import "culvert/connectors"

// managed translates DatagenSource of Confluent Cloud, whose keys are those of the
// original except for the format.
var managed = connectors.Managed{
	Class: "DatagenSource",
	Map: func(m *connectors.Mapping) {
		m.Format("output.data.format", "value.converter", "")
		m.Move("json.output.decimal.format", "value.converter.decimal.format")
	},
}
