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
		"span alone":       {props: macdProps("event.time.span", "30d"), want: map[string]string{"event.time.span": "Invalid value 30d for configuration event.time.span: has no meaning without event.time.start"}},
		"span for ever":    {props: macdProps("event.time.span", "30d", "event.time.start", "now-30d"), want: map[string]string{"event.time.span": "Invalid value 30d for configuration event.time.span: only a number of iterations"}},
		"span and step":    {props: macdProps("event.time.span", "30d", "event.time.start", "now", "iterations", "9", "event.time.step.ms", "1"), want: map[string]string{"event.time.span": "Invalid value 30d for configuration event.time.span: set either"}},
		"bad span":         {props: macdProps("event.time.span", "month", "event.time.start", "now", "iterations", "9"), want: map[string]string{"event.time.span": "Invalid value month for configuration event.time.span: It is not a time span from 1ms to 36600d"}},
		"bad iterations":   {props: macdProps("event.time.span", "30d", "event.time.start", "now", "iterations", "x"), want: map[string]string{"iterations": "Invalid value x"}},
		"backfill":         {props: macdProps("event.time.span", "1d12h", "event.time.start", "now-30d", "iterations", "9")},
		"bad distance":     {props: macdProps("event.time.start", "now-30"), want: map[string]string{"event.time.start": "Invalid value now-30 for configuration event.time.start: Must be"}},
		"bad start":        {props: macdProps("event.time.start", "soon", "event.time.span", "9d", "iterations", "9"), want: map[string]string{"event.time.start": "Invalid value soon"}},
		"orphan elsewhere": {props: map[string]string{"kafka.topic": "t", "quickstart": "orders", "payments.orphan.rate": "0.5"}, want: map[string]string{"payments.orphan.rate": "Invalid value 0.5 for configuration payments.orphan.rate: only"}},
		"rate":             {props: macdProps("records.per.second", "0.5")},
		"bad rate":         {props: macdProps("records.per.second", "-1"), want: map[string]string{"records.per.second": "Invalid value -1.0 for configuration records.per.second: Value must be"}},
		"no rate":          {props: macdProps("records.per.second", "NaN"), want: map[string]string{"records.per.second": "Invalid value NaN for configuration records.per.second: Value must be"}},
		"curve":            {props: macdProps("rate.curve", "100 for 30s,1000 for 10s")},
		"bad curve":        {props: macdProps("rate.curve", "fast"), want: map[string]string{"rate.curve": "Invalid value fast for configuration rate.curve: Must be steps such as"}},
		"rate and curve":   {props: macdProps("rate.curve", "1 for 1s", "records.per.second", "5"), want: map[string]string{"rate.curve": "Invalid value 1 for 1s for configuration rate.curve: set either"}},
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

func macdProps(more ...string) map[string]string {
	props := map[string]string{"kafka.topic": "t", "quickstart": "MACD_PAYMENTS"}
	for i := 0; i < len(more); i += 2 {
		props[more[i]] = more[i+1]
	}
	return props
}

func TestTaskNumbers(t *testing.T) {
	for name, props := range map[string]map[string]string{
		"no number":       macdProps("task.id", "x"),
		"below 0":         macdProps("task.id", "-1"),
		"no count":        macdProps("task.id", "1"),
		"beyond":          macdProps("task.id", "2", "task.count", "2"),
		"more than parts": macdProps("task.id", "2", "task.count", "17"),
		"count below 0":   macdProps("task.id", "2", "task.count", "-3"),
	} {
		if c, err := Parse(props); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c, err := Parse(macdProps("task.id", "15", "task.count", "16")); err != nil || c.TaskID != 15 || c.Tasks != 16 {
		t.Errorf("%+v, %v", c, err)
	}
}
