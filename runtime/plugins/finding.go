package plugins

import (
	"fmt"
	"strings"

	"culvert/configdef"
)

// Finding is one error of a configuration with what the user can do about it. Java's
// texts have no room for a remedy; dry runs, culvert validate and the log have.
type Finding struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"` // as it was seen; a secret is hidden
	Error string `json:"error"`
	Fix   string `json:"fix,omitempty"`
}

// Findings lists all errors, each with its remedy.
func (a *Answer) Findings() []Finding {
	all := []Finding{}
	for _, c := range a.Configs {
		if c.Value == nil {
			continue
		}
		for n, e := range c.Value.Errors {
			if n > 0 && strings.HasPrefix(e, "Invalid value null ") {
				continue // what Java's validator says of a value that could not be parsed
			}
			f := Finding{Key: c.Value.Name, Error: e, Fix: remedy(c.Definition, c.Value)}
			if given, ok := a.sent[f.Key]; ok {
				f.Value = a.shown(f.Key, c.Definition, given)
			}
			all = append(all, f)
		}
	}
	return all
}

func (a *Answer) shown(key string, d *Definition, value string) string {
	if d != nil && d.Type == configdef.Password.String() || a.secret(key) {
		return configdef.Hidden
	}
	return value
}

// kindsOfValue says what a value of a type is.
var kindsOfValue = map[string]string{
	"BOOLEAN": "true or false", "INT": "a whole number", "SHORT": "a whole number up to 32767", "LONG": "a whole number", "DOUBLE": "a number",
	"LIST": "values separated by commas", "CLASS": "the name of a class", "PASSWORD": "a secret", "STRING": "a text",
}

// remedy says what would be right: what the connector says, else the declaration of
// the key.
func remedy(d *Definition, v *Value) string {
	if v.Remedy != "" {
		return v.Remedy
	}
	if d == nil {
		return ""
	}
	what := kindsOfValue[d.Type]
	const few = 12
	if n := len(v.Recommended); n > 0 && n <= few {
		what = "one of " + strings.Join(v.Recommended, ", ")
	}
	text := fmt.Sprintf("%s takes %s", d.Name, what)
	if d.Default != nil && *d.Default != "" && d.Type != configdef.Password.String() {
		text += fmt.Sprintf(" (default %s)", *d.Default)
	}
	return strings.TrimSuffix(strings.TrimSpace(text+": "+d.Documentation), ":")
}
