package datagen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	schema := `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	file := filepath.Join(t.TempDir(), "s.avsc")
	if err := os.WriteFile(file, []byte(schema), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		props map[string]string
		want  map[string]string // key to the beginning of its one error
	}{
		"good":             {props: map[string]string{"kafka.topic": "t", "quickstart": "Orders"}},
		"schema.string":    {props: map[string]string{"kafka.topic": "t", "schema.string": schema, "schema.keyfield": "a"}},
		"schema.filename":  {props: map[string]string{"kafka.topic": "t", "schema.filename": file}},
		"bundled filename": {props: map[string]string{"kafka.topic": "t", "schema.filename": "orders_schema.avro"}},
		"alias":            {props: map[string]string{"kafka.topic": "t", "quickstart": "orders", "maxInterval": "x"}, want: map[string]string{"max.interval": "Invalid value x for configuration max.interval: Not a number of type LONG"}},
		"no topic":         {props: map[string]string{"quickstart": "orders"}, want: map[string]string{"kafka.topic": `Missing required configuration "kafka.topic" which has no default value.`}},
		"no source": {props: map[string]string{"kafka.topic": "t"}, want: map[string]string{
			"schema.string": errOneSource, "schema.filename": errOneSource, "quickstart": errOneSource}},
		"two sources": {props: map[string]string{"kafka.topic": "t", "quickstart": "orders", "schema.string": schema}, want: map[string]string{
			"schema.string": errOneSource, "quickstart": errOneSource}},
		"bad schema":       {props: map[string]string{"kafka.topic": "t", "schema.string": "{"}, want: map[string]string{"schema.string": errParse}},
		"no file":          {props: map[string]string{"kafka.topic": "t", "schema.filename": "nope.avsc"}, want: map[string]string{"schema.filename": errParse}},
		"quickstart":       {props: map[string]string{"kafka.topic": "t", "quickstart": "nope"}, want: map[string]string{"quickstart": "quickstart must be one out of clickstream_codes,clickstream,"}},
		"key field":        {props: map[string]string{"kafka.topic": "t", "schema.string": schema, "schema.keyfield": "b"}, want: map[string]string{"schema.keyfield": errKeyField}},
		"macd key field":   {props: map[string]string{"kafka.topic": "t", "quickstart": "MACD_ORDERS", "schema.keyfield": "b"}, want: map[string]string{"schema.keyfield": errKeyField}},
		"rate above 1":     {props: map[string]string{"kafka.topic": "t", "quickstart": "MACD_PAYMENTS", "payments.missing.rate": "1.5"}, want: map[string]string{"payments.missing.rate": "Invalid value 1.5 for configuration payments.missing.rate: "}},
		"rate elsewhere":   {props: map[string]string{"kafka.topic": "t", "quickstart": "orders", "payments.missing.rate": "0.5"}, want: map[string]string{"payments.missing.rate": "Invalid value 0.5 for configuration payments.missing.rate: only"}},
		"late by the wall": {props: map[string]string{"kafka.topic": "t", "quickstart": "MACD_PAYMENTS", "payments.late.rate": "0.1"}, want: map[string]string{"payments.late.rate": "Invalid value 0.1 for configuration payments.late.rate: a payment can only be late in event time"}},
		"event time":       {props: map[string]string{"kafka.topic": "t", "quickstart": "MACD_PAYMENTS", "event.time.start": "soon"}, want: map[string]string{"event.time.start": "Invalid value soon for configuration event.time.start: Must be"}},
		"step alone":       {props: map[string]string{"kafka.topic": "t", "quickstart": "MACD_PAYMENTS", "event.time.step.ms": "5"}, want: map[string]string{"event.time.step.ms": "Invalid value 5 for configuration event.time.step.ms: has no meaning"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := check(t.Context(), c.props)
			for _, res := range r.Results {
				want, bad := c.want[res.Spec.Name]
				switch {
				case !bad && len(res.Errors) > 0:
					t.Errorf("%s: unexpected %q", res.Spec.Name, res.Errors)
				case bad && (len(res.Errors) != 1 || !strings.HasPrefix(res.Errors[0], want)):
					t.Errorf("%s: %q, want %q", res.Spec.Name, res.Errors, want)
				}
			}
			_, err := Parse(c.props)
			if (err != nil) != (len(c.want) > 0) {
				t.Errorf("Parse: %v", err)
			}
		})
	}
}
