package datagen

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"culvert/configdef"
	"culvert/connectors/datagen/gen"
	"culvert/connectors/datagen/macd"
)

// Config is the configuration of a connector.
type Config struct {
	Topic       string
	MaxInterval int64 // milliseconds between records at most; 0: no pause
	Iterations  int64 // below 1: endless
	SchemaText  string
	SchemaFile  string
	KeyField    string
	Quickstart  string
	Seed        int64
	HasSeed     bool
	TaskID      int

	Missing, Late, Duplicate, Wrong float64

	EventStart    int64
	HasEventStart bool
	EventStep     int64
}

const (
	keyTopic      = "kafka.topic"
	keyInterval   = "max.interval"
	keyIterations = "iterations"
	keySchema     = "schema.string"
	keyFile       = "schema.filename"
	keyKeyField   = "schema.keyfield"
	keyQuickstart = "quickstart"
	keySeed       = "random.seed"
	keyMissing    = "payments.missing.rate"
	keyLate       = "payments.late.rate"
	keyDuplicate  = "payments.duplicate.rate"
	keyWrong      = "payments.wrong.amount.rate"
	keyEventStart = "event.time.start"
	keyEventStep  = "event.time.step.ms"
	keyTask       = "task.id" // set by Tasks, not by users
)

// The texts of io.confluent.kafka.connect.datagen.DatagenConnector.
const (
	errOneSource = "Must set exactly one of schema.string, schema.filename, quickstart"
	errParse     = "Unable to parse the provided schema"
	errKeyField  = "The schema does not contain the field provided in 'schema.keyfield'"
)

type key = configdef.Key[Config]

// def is the table of keys: first those of the original in its order, then ours.
var def = configdef.Def[Config]{
	Keys: []key{
		own(keyTopic, configdef.String, nil, "The topic to write to.", configdef.Str(func(c *Config) *string { return &c.Topic })),
		alias("maxInterval", own(keyInterval, configdef.Long, configdef.Default("500"),
			"The longest pause between two records, in milliseconds; each pause is between 0 and this. 0 generates without pause.",
			configdef.Num(func(c *Config) *int64 { return &c.MaxInterval }))),
		own(keyIterations, configdef.Int, configdef.Default("-1"),
			"How many records each task sends before it ends as failed; below 1 there is no end. For MACD_ORDERS and MACD_PAYMENTS: the number of orders.",
			configdef.Num(func(c *Config) *int64 { return &c.Iterations })),
		own(keySchema, configdef.String, configdef.Default(""), "The Avro schema of the records, as JSON text. arg.properties in it say how values are made.",
			configdef.Str(func(c *Config) *string { return &c.SchemaText })),
		own(keyFile, configdef.String, configdef.Default(""), "A file on the worker's machine with the Avro schema of the records.",
			configdef.Str(func(c *Config) *string { return &c.SchemaFile })),
		own(keyKeyField, configdef.String, configdef.Default(""), "The field whose value is the key of the record; the quickstarts have one of their own.",
			configdef.Str(func(c *Config) *string { return &c.KeyField })),
		own(keyQuickstart, configdef.String, configdef.Default(""), "The name of a stream that is ready to use, such as ORDERS, MACD_ORDERS or MACD_PAYMENTS.",
			configdef.Str(func(c *Config) *string { return &c.Quickstart })),
		seedKey(),
		rate(keyMissing, "The share of orders, 0 to 1, that are never paid.", func(c *Config) *float64 { return &c.Missing }),
		rate(keyLate, "The share of orders, 0 to 1, that are paid after more than 24 hours. Needs event.time.start.", func(c *Config) *float64 { return &c.Late }),
		rate(keyDuplicate, "The share of orders, 0 to 1, that are paid twice.", func(c *Config) *float64 { return &c.Duplicate }),
		rate(keyWrong, "The share of orders, 0 to 1, that are paid with another amount.", func(c *Config) *float64 { return &c.Wrong }),
		{
			Spec: configdef.Spec{
				Name: keyEventStart, Type: configdef.String, Importance: configdef.Low, Ungrouped: true, Extended: true, Check: checkTime,
				Doc: "The time of the first record, in milliseconds since 1970 or as 2026-01-31T12:00:00Z. Record i has this time plus i times event.time.step.ms. Without it: the time of the clock.",
			},
			Into: func(c *Config, v configdef.Parsed) { c.EventStart, _ = parseTime(v.Text); c.HasEventStart = true },
		},
		{
			Spec: configdef.Spec{
				Name: keyEventStep, Type: configdef.Long, Importance: configdef.Low, Default: configdef.Default("1000"), Ungrouped: true, Extended: true,
				Check: configdef.AtLeast(0), Doc: "How much later each record is than the one before, in milliseconds of event time.",
			},
			Into: configdef.Num(func(c *Config) *int64 { return &c.EventStep }),
		},
	},
	Rules: []func(*Config, *configdef.Report){checkSchema, checkMacd},
}

func own(name string, t configdef.Type, deflt *string, doc string, into func(*Config, configdef.Parsed)) key {
	return key{
		Spec: configdef.Spec{Name: name, Type: t, Importance: configdef.High, Required: deflt == nil, Default: deflt, Doc: doc, Ungrouped: true},
		Into: into,
	}
}

func alias(name string, k key) key {
	k.Aliases = append(k.Aliases, name)
	return k
}

func seedKey() key {
	k := own(keySeed, configdef.Long, configdef.Default(""),
		"The number that the random values follow from: the same seed gives the same records. Without it every start differs, except for MACD_ORDERS and MACD_PAYMENTS, which must agree: they take 0.",
		func(c *Config, v configdef.Parsed) { c.Seed, c.HasSeed = v.Int, true })
	k.Importance, k.Default = configdef.Low, nil
	return k
}

func rate(name, doc string, field func(*Config) *float64) key {
	return key{
		Spec: configdef.Spec{
			Name: name, Type: configdef.Double, Importance: configdef.Low, Default: configdef.Default("0"), Doc: doc, Ungrouped: true, Extended: true,
			Check: func(_ string, v configdef.Parsed) error {
				if v.Null || v.Float >= 0 && v.Float <= 1 {
					return nil
				}
				return fmt.Errorf("Value must be a share between 0 and 1")
			},
		},
		Into: configdef.Float(field),
	}
}

func checkTime(_ string, v configdef.Parsed) error {
	if v.Null {
		return nil
	}
	_, err := parseTime(v.Text)
	return err
}

// parseTime reads milliseconds since 1970, a time, or a day in UTC.
func parseTime(s string) (int64, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ms, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("Must be milliseconds since 1970 or a time such as 2026-01-31T12:00:00Z")
}

// checkSchema wants exactly one source of the schema, one that can be read, and
// a key field that is in it. It adds no second error to a key that has one.
func checkSchema(c *Config, r *configdef.Report) {
	var given []string
	for _, k := range []string{keySchema, keyFile, keyQuickstart} {
		if res := r.Get(k); res != nil && res.Value.Text != "" {
			given = append(given, k)
		}
	}
	for _, k := range given {
		if err := checkSource(c, k); err != nil {
			r.Fail(k, "%s", err.Error())
		}
	}
	switch {
	case len(given) == 0:
		given = []string{keySchema, keyFile, keyQuickstart}
		fallthrough
	case len(given) > 1:
		for _, k := range given {
			r.Fail(k, errOneSource)
		}
		return
	}
	if len(r.Errors()) > 0 || c.KeyField == "" {
		return
	}
	if s, err := c.stream(); err == nil && !s.hasField(c.KeyField) {
		r.Fail(keyKeyField, errKeyField)
	}
}

func checkSource(c *Config, k string) error {
	switch k {
	case keySchema:
		if _, err := gen.Parse(c.SchemaText); err != nil {
			return errors.New(errParse)
		}
	case keyFile:
		if _, err := schemaFile(c.SchemaFile); err != nil {
			return errors.New(errParse)
		}
	case keyQuickstart:
		return checkQuickstart(c.Quickstart)
	}
	return nil
}

// checkMacd refuses what the two matched streams cannot do.
func checkMacd(c *Config, r *configdef.Report) {
	ours := isMacd(c.Quickstart)
	for _, k := range []struct {
		name string
		rate float64
	}{{keyMissing, c.Missing}, {keyLate, c.Late}, {keyDuplicate, c.Duplicate}, {keyWrong, c.Wrong}} {
		if k.rate > 0 && !ours {
			r.FailValue(k.name, text(k.rate), "only quickstart MACD_ORDERS and MACD_PAYMENTS know payments")
		}
	}
	if ours && c.Late > 0 && !c.HasEventStart {
		r.FailValue(keyLate, text(c.Late), "a payment can only be late in event time: set event.time.start, the same on both connectors")
	}
	if res := r.Get(keyEventStep); res != nil && res.Value.Given && !c.HasEventStart && len(r.Get(keyEventStart).Errors) == 0 {
		r.FailValue(keyEventStep, res.Value.Text, "has no meaning without event.time.start")
	}
}

func text(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// macd returns the configuration of the matched streams.
func (c *Config) macd() macd.Config {
	return macd.Config{
		Seed: c.Seed, Iterations: c.Iterations,
		Missing: c.Missing, Late: c.Late, Duplicate: c.Duplicate, Wrong: c.Wrong,
		EventTime: c.HasEventStart, Start: c.EventStart, Step: c.EventStep,
	}
}

func isMacd(quickstart string) bool {
	return strings.EqualFold(quickstart, macdOrders) || strings.EqualFold(quickstart, macdPayments)
}
