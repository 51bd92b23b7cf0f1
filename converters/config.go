package converters

import (
	"fmt"
	"maps"
	"strings"

	"culvert/configdef"
	"culvert/fault"
)

var sideNames = [...]string{"key", "value", "header"}

// String is Java's name of the side (ConverterType).
func (s Side) String() string { return sideNames[s] }

// TypeKey declares converter.type, which Java's converters have in their
// definition and which the worker sets itself.
func TypeKey() configdef.Spec {
	return configdef.Spec{Name: "converter.type", Type: configdef.String, Importance: configdef.Low, Required: true, Ungrouped: true,
		Doc: "What the converter is for: key, value or header. The worker sets it.",
		Check: func(_ string, v configdef.Parsed) error {
			for _, name := range sideNames {
				if v.Text == name {
					return nil
				}
			}
			return fmt.Errorf("String must be one of: key, value, header")
		}}
}

// WithType returns props with converter.type set for the side.
func WithType(props map[string]string, side Side) map[string]string {
	p := maps.Clone(props)
	if p == nil {
		p = map[string]string{}
	}
	p["converter.type"] = side.String()
	return p
}

// ConfigError is the first error of a report as a fault of class Config; nil if
// the report has none.
func ConfigError(class string, report *configdef.Report) error {
	for i := range report.Results {
		if r := &report.Results[i]; len(r.Errors) > 0 {
			return fault.New(fault.Config, "converter.config", "%s", r.Errors[0]).WithField(r.Spec.Name).
				WithJava("org.apache.kafka.common.config.ConfigException").
				WithFix("Correct %s of %s.", r.Spec.Name, class)
		}
	}
	return nil
}

// OneOfFold is ConfigDef.CaseInsensitiveValidString.in.
func OneOfFold(values ...string) configdef.Validator {
	return func(_ string, v configdef.Parsed) error {
		for _, want := range values {
			if !v.Null && strings.EqualFold(v.Text, want) {
				return nil
			}
		}
		return fmt.Errorf("String must be one of (case insensitive): %s", strings.Join(values, ", "))
	}
}
