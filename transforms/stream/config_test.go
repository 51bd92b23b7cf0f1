package stream

import (
	"strings"
	"testing"

	"culvert/configdef"
	"culvert/fault"
)

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "86400000": 24 * hour, "24 hours": 24 * hour, "1 hour": hour, "90 Minutes": 90 * 60_000, "10s": 10_000,
		"1 day 12 hours": 36 * hour, "1 day, 2h": 26 * hour, "500 ms": 500, " 5 min ": 300_000,
		"PT24H": 24 * hour, "P1D": 24 * hour, "P1DT1H": 25 * hour, "PT0.5S": 500, "PT1.25S": 1250, "pt15m": 900_000, "PT1M30S": 90_000,
	} {
		if got, err := parseSpan(text); err != nil || got != want {
			t.Errorf("parseSpan(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "soon", "24 fortnights", "P", "PT", "P1DT", "PT24", "1.5 hours", "hours", "24 hours ago!", "99999999999999999999"} {
		if got, err := parseSpan(text); err == nil {
			t.Errorf("parseSpan(%q) = %d, want an error", text, got)
		}
	}
}

func FuzzParseSpan(f *testing.F) {
	for _, s := range []string{"24 hours", "PT24H", "P1DT2H3M4.5S", "1000", "1 day, 2 h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ms, err := parseSpan(s); err == nil && ms < 0 {
			t.Errorf("parseSpan(%q) = %d", s, ms)
		}
	})
}

// parse parses "key=value;key=value" over the two topics.
func parse(text string) (config, []string) {
	props := map[string]string{"left.topic": "L", "right.topic": "R"}
	for _, kv := range strings.Split(text, ";") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			props[k] = v
		}
	}
	for k, v := range props {
		if v == "(none)" {
			delete(props, k)
		}
	}
	c, r := def().Parse(props)
	return c, r.Errors()
}

func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		text                     string
		before, after, retention int64
	}{
		{"within=24 hours", 24 * hour, 24 * hour, 48 * hour}, // grace 0, as ksqlDB has it
		{"within=10 s", 10_000, 10_000, 24 * hour},           // grace 24 h - 20 s
		{"within=10 s;grace=0", 10_000, 10_000, 20_000},
		{"within=10 s;before=0", 0, 10_000, 24*hour - 10_000},
		{"before=1 h;after=2 h", hour, 2 * hour, 24 * hour},
		{"before=1 h;after=2 h;grace=1 h", hour, 2 * hour, 4 * hour},
	} {
		got, errs := parse(c.text)
		if len(errs) > 0 || got.before.ms != c.before || got.after.ms != c.after || got.retention() != c.retention {
			t.Errorf("%s: before %d, after %d, retention %d, errors %v", c.text, got.before.ms, got.after.ms, got.retention(), errs)
		}
	}
	got, _ := parse("within=1 h;on=order_id")
	if !got.copartitioned || got.on != [2]string{"order_id", "order_id"} || got.alias != [2]string{"left", "right"} || len(got.columns) != 1 {
		t.Errorf("%+v", got)
	}
	if got, _ = parse("within=1 h;left.on=a;right.on=b;copartitioned=false"); got.copartitioned || got.on != [2]string{"a", "b"} {
		t.Errorf("%+v", got)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"left.topic=(none);within=1 h":                `Missing required configuration "left.topic"`,
		"right.topic=L;within=1 h":                    "Invalid value L for configuration right.topic: must differ from left.topic",
		"on=x":                                        "Invalid value null for configuration within: must be set",
		"before=1 h":                                  "Invalid value null for configuration within: must be set",
		"within=soon":                                 "Invalid value soon for configuration within: must be a time span such as 24 hours, PT24H",
		"within=-5":                                   "Invalid value -5 for configuration within",
		"within=500000 days":                          "Invalid value 500000 days for configuration within: Value must be no more than",
		"within=0;grace=0":                            "configuration grace: with a window of 0 the join would keep nothing",
		"within=1 h;kind=left":                        "Invalid value left for configuration kind: String must be one of: inner",
		"within=1 h;copartitioned=maybe":              "Expected value to be either true or false",
		"within=1 h;on=a;left.on=b":                   "configuration on: set either on, or left.on and right.on",
		"within=1 h;left.on=b":                        "configuration right.on: left.on is set",
		"within=1 h;right.on=b":                       "configuration left.on: right.on is set",
		"within=1 h;left.alias=a b":                   "Invalid value a b for configuration left.alias",
		"within=1 h;right.alias=left":                 "Invalid value left for configuration right.alias: must differ from left.alias",
		"within=1 h;select=":                          "configuration select: it has an empty element",
		"within=1 h;select=amount":                    `"amount" must begin with the alias of its side: left.amount or right.amount`,
		"within=1 h;select=o.amount":                  "there is no side o, the sides are left and right",
		"within=1 h;select=left.* AS x":               "stands for several fields",
		"within=1 h;select=left.a as x y":             "the name after AS must be of letters",
		"within=1 h;select=left.a AS x, right.b AS x": "two fields are called x",
		"within=1 h;select=left.a, right.a, left.a":   `"left.a" takes a second time`,
		"within=1 h;select=right.*, *":                `"*" takes a second time`,
	} {
		_, errs := parse(text)
		if len(errs) != 1 || !strings.Contains(errs[0], want) {
			t.Errorf("%s:\n got %q\nwant %q", text, errs, want)
		}
	}
	if _, err := NewPlan(map[string]string{}, nil); !fault.Is(err, fault.Config) {
		t.Errorf("NewPlan without keys: %v", err)
	}
}

// The plugin's table has every key that users write down.
func TestSpec(t *testing.T) {
	want := "left.topic right.topic on left.on right.on within before after grace kind copartitioned left.alias right.alias select timestamp.field"
	var names []string
	for _, s := range Plugin().Spec() {
		names = append(names, s.Name)
		if s.Doc == "" || s.Group == "" {
			t.Errorf("%s has no doc or group", s.Name)
		}
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("keys\n got %s\nwant %s", got, want)
	}
	r := Plugin().Check(map[string]string{"left.topic": "L", "right.topic": "R", "within": "24 hours", "on": "order_id"})
	if errs := r.Errors(); len(errs) > 0 {
		t.Errorf("the demo's join: %v", errs)
	}
	var _ *configdef.Report = r
}
