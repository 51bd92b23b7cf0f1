package datagen

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

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

	Tasks int // of the connector; 0: not known, one

	PerSecond float64 // 0: no rate
	Curve     curve   // without steps: none

	Missing, Late, Duplicate, Wrong, Orphan float64

	EventStart    moment
	HasEventStart bool
	EventStep     int64 // milliseconds
	EventSpan     int64 // milliseconds; 0: none
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
	keyPerSecond  = "records.per.second"
	keyCurve      = "rate.curve"
	keyMissing    = "payments.missing.rate"
	keyLate       = "payments.late.rate"
	keyDuplicate  = "payments.duplicate.rate"
	keyWrong      = "payments.wrong.amount.rate"
	keyOrphan     = "payments.orphan.rate"
	keyEventStart = "event.time.start"
	keyEventStep  = "event.time.step.ms"
	keyEventSpan  = "event.time.span"

	// Set by Tasks, not by users.
	keyTask  = "task.id"
	keyTasks = "task.count"
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
		{
			Spec: configdef.Spec{
				Name: keyPerSecond, Type: configdef.Double, Importance: configdef.Low, Default: configdef.Default("0"), Ungrouped: true, Extended: true, Check: checkPerSecond,
				Doc: "How many records the connector sends in a second, its tasks together, as a number that may be below 1. Each record has its place on a schedule, so that up to 10 seconds of delay are made up for. 0: max.interval decides; otherwise it does not count.",
			},
			Into: configdef.Float(func(c *Config) *float64 { return &c.PerSecond }),
		},
		{
			Spec: configdef.Spec{
				Name: keyCurve, Type: configdef.String, Importance: configdef.Low, Ungrouped: true, Extended: true, Check: checkCurve,
				Doc: "A rate that changes, instead of records.per.second: " + curveForm + ", repeated for ever. It begins when the tasks start. A rate of 0 is a silence.",
			},
			Into: func(c *Config, v configdef.Parsed) { c.Curve, _ = parseCurve(v.Text) },
		},
		rate(keyMissing, "The share of orders, 0 to 1, that are never paid.", func(c *Config) *float64 { return &c.Missing }),
		rate(keyLate, "The share of paid orders, 0 to 1, that are paid after more than 24 hours. Needs event.time.start.", func(c *Config) *float64 { return &c.Late }),
		rate(keyDuplicate, "The share of paid orders, 0 to 1, that are paid twice.", func(c *Config) *float64 { return &c.Duplicate }),
		rate(keyWrong, "The share of paid orders, 0 to 1, that are paid with another amount.", func(c *Config) *float64 { return &c.Wrong }),
		rate(keyOrphan, "How many further payments there are for orders that do not exist, as a share of the orders, 0 to 1.", func(c *Config) *float64 { return &c.Orphan }),
		{
			Spec: configdef.Spec{
				Name: keyEventStart, Type: configdef.String, Importance: configdef.Low, Ungrouped: true, Extended: true, Check: checkTime,
				Doc: "The time of the first record: " + momentForm + " (UTC; fixed when the connector first runs and kept with its offsets: start connectors that belong together on one day). " +
					"What follows is event.time.step.ms apart or fills event.time.span; orders come as a day goes, most of them at lunch and dinner time. Without it: the time of the clock.",
			},
			Into: func(c *Config, v configdef.Parsed) { c.EventStart, _ = parseMoment(v.Text); c.HasEventStart = true },
		},
		{
			Spec: configdef.Spec{
				Name: keyEventStep, Type: configdef.Long, Importance: configdef.Low, Default: configdef.Default("1000"), Ungrouped: true, Extended: true,
				Check: configdef.AtLeast(0), Doc: "How much later each record is than the one before, in milliseconds of event time; for orders on average over the day.",
			},
			Into: configdef.Num(func(c *Config) *int64 { return &c.EventStep }),
		},
		{
			Spec: configdef.Spec{
				Name: keyEventSpan, Type: configdef.String, Importance: configdef.Low, Ungrouped: true, Extended: true, Check: checkSpan,
				Doc: "Spreads all iterations over this much event time, such as 30d, 12h or 90s, instead of event.time.step.ms. With event.time.start=now-30d and a span of 30d: the last 30 days.",
			},
			Into: func(c *Config, v configdef.Parsed) { c.EventSpan, _ = parseSpan(v.Text) },
		},
	},
	Rules: []func(*Config, *configdef.Report){checkSchema, checkMacd, checkTimes},
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
	_, err := parseMoment(v.Text)
	return err
}

func checkSpan(_ string, v configdef.Parsed) error {
	if v.Null {
		return nil
	}
	if _, err := parseSpan(v.Text); err != nil {
		return fmt.Errorf("It %w", err)
	}
	return nil
}

func checkCurve(_ string, v configdef.Parsed) error {
	if v.Null {
		return nil
	}
	_, err := parseCurve(v.Text)
	return err
}

// fastest is the highest rate that can be asked for, far beyond what can be made.
const fastest = 1e9

func checkPerSecond(_ string, v configdef.Parsed) error {
	if v.Null || v.Float >= 0 && v.Float <= fastest {
		return nil
	}
	return fmt.Errorf("Value must be a number from 0 to %d", int64(fastest))
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
	if s, err := c.stream(0); err == nil && !s.hasField(c.KeyField) {
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
	}{{keyMissing, c.Missing}, {keyLate, c.Late}, {keyDuplicate, c.Duplicate}, {keyWrong, c.Wrong}, {keyOrphan, c.Orphan}} {
		if k.rate > 0 && !ours {
			r.FailValue(k.name, text(k.rate), "only quickstart MACD_ORDERS and MACD_PAYMENTS know payments")
		}
	}
	if ours && c.Late > 0 && !c.HasEventStart {
		r.FailValue(keyLate, text(c.Late), "a payment can only be late in event time: set event.time.start, the same on both connectors")
	}
}

// checkTimes refuses settings of time and pace that say nothing, or two things.
func checkTimes(c *Config, r *configdef.Report) {
	given := func(k string) (string, bool) {
		res := r.Get(k)
		return res.Value.Text, res.Value.Given && len(res.Errors) == 0
	}
	timed := c.HasEventStart || len(r.Get(keyEventStart).Errors) > 0
	stepText, stepGiven := given(keyEventStep)
	if stepGiven && !timed {
		r.FailValue(keyEventStep, stepText, "has no meaning without event.time.start")
	}
	if span, ok := given(keyEventSpan); ok {
		switch {
		case !timed:
			r.FailValue(keyEventSpan, span, "has no meaning without event.time.start")
		case stepGiven:
			r.FailValue(keyEventSpan, span, "set either event.time.span or event.time.step.ms")
		case c.Iterations < 1 && len(r.Get(keyIterations).Errors) == 0:
			r.FailValue(keyEventSpan, span, "only a number of iterations can be spread over a span: set iterations above 0")
		}
	}
	if curve, ok := given(keyCurve); ok && c.PerSecond > 0 {
		r.FailValue(keyCurve, curve, "set either rate.curve or records.per.second")
	}
}

func text(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// macd returns the configuration of the matched streams; start is event.time.start.
func (c *Config) macd(start int64) macd.Config {
	return macd.Config{
		Seed: c.Seed, Iterations: c.Iterations,
		Missing: c.Missing, Late: c.Late, Duplicate: c.Duplicate, Wrong: c.Wrong, Orphan: c.Orphan,
		EventTime: c.HasEventStart, Start: start, Step: c.EventStep, Span: c.EventSpan,
	}
}

func isMacd(quickstart string) bool {
	return strings.EqualFold(quickstart, macdOrders) || strings.EqualFold(quickstart, macdPayments)
}
