package expr_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
	"culvert/transforms/expr"
)

// result is what an expression gives for a schemaless record, or its error.
func result(t testing.TB, text string, pairs ...data.Value) string {
	t.Helper()
	b := data.NewBatch()
	b.Append().Value = data.ValueCell(data.OfMap(pairs), nil)
	tr, err := expr.New(map[string]string{"fields": "{out: " + text + "}"}, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := tr.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if fs := b.Failed(); len(fs) > 0 {
		if !fault.Is(fs[0].Err, fault.Record) {
			t.Errorf("%s: %v is not the record's fault", text, fs[0].Err)
		}
		return "error: " + fs[0].Err.Error()
	}
	v, _, _ := b.Records[0].Value.Value(nil)
	elems := v.Elems()
	return fmt.Sprint(golden.ShowValue(elems[len(elems)-1]))
}

func numbers() []data.Value {
	return []data.Value{
		data.OfString("max"), data.OfInt64(math.MaxInt64), data.OfString("min"), data.OfInt64(math.MinInt64), data.OfString("one"), data.OfInt64(1),
		data.OfString("big"), data.OfInt64(1<<53 + 1), data.OfString("zero"), data.OfInt64(0), data.OfString("half"), data.OfFloat64(0.5),
		data.OfString("huge"), data.OfFloat64(1e308), data.OfString("text"), data.OfString("x"),
		data.OfString("list"), data.OfArray([]data.Value{data.OfInt64(math.MaxInt64), data.OfInt64(1)}),
	}
}

// What has no exact result fails the record; nothing is invented.
func TestExpr_losses(t *testing.T) {
	for text, want := range map[string]string{
		"value.max + 1":         "9223372036854775807 + 1 does not fit a 64-bit integer",
		"value.one + value.max": "1 + 9223372036854775807 does not fit",
		"value.min - 1":         "-9223372036854775808 - 1 does not fit",
		"value.one - value.min": "1 - -9223372036854775808 does not fit",
		"value.max * 2":         "9223372036854775807 * 2 does not fit",
		"value.min * -1":        "-9223372036854775808 * -1 does not fit",
		"-1 * value.min":        "-1 * -9223372036854775808 does not fit",
		"-value.min":            "-(-9223372036854775808) does not fit",
		"abs(value.min)":        "abs(-9223372036854775808) does not fit",
		"offset * 0 + 9223372036854775807 + value.one": "does not fit a 64-bit integer",
		"9223372036854775807 + 1":                      "does not fit a 64-bit integer",
		"sum(value.list)":                              "9223372036854775807 + 1 does not fit",
		"sum(value.list, # * 2)":                       "9223372036854775807 * 2 does not fit",
		"reduce(value.list, #acc + #)":                 "does not fit a 64-bit integer",
		"value.one / value.zero":                       "division of 1 by zero",
		"1 / 0":                                        "division of 1 by zero",
		"value.half / 0":                               "division of 0.5 by zero",
		"value.one % value.zero":                       "remainder of 1 divided by zero",
		"value.big / 1":                                "no 64-bit float is equal to the integer 9007199254740993",
		"value.big * 1.0":                              "no 64-bit float is equal to the integer 9007199254740993",
		"value.half + value.big":                       "no 64-bit float is equal to the integer 9007199254740993",
		"float(value.big)":                             "no 64-bit float is equal to the integer 9007199254740993",
		"round(value.big)":                             "no 64-bit float is equal",
		"value.huge * 10":                              "is no 64-bit float",
		"value.huge + value.huge":                      "is no 64-bit float",
		"10 ** 400":                                    "is no 64-bit float",
		"(-value.half) ** 0.5":                         "is no 64-bit float",
		"int(value.huge)":                              "1e+308 does not fit a 64-bit integer",
		"int('99999999999999999999')":                  "invalid operation",
		"value.text + 1":                               "invalid operation",
		"value.text.more":                              "more",
		"value.none.more":                              "more is read of null",
	} {
		if got := result(t, text, numbers()...); !strings.HasPrefix(got, "error: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", text, got, want)
		}
	}
}

func TestExpr_arithmetic(t *testing.T) {
	for text, want := range map[string]string{
		"value.max - 1":             `9223372036854775806`,
		"value.max + value.min":     `-1`,
		"value.min + 0":             `-9223372036854775808`,
		"value.one - 0":             `1`,
		"-value.one - value.max":    `-9223372036854775808`,
		"value.max * 1":             `9223372036854775807`,
		"value.min * value.one":     `-9223372036854775808`,
		"value.zero * value.min":    `0`,
		"value.min % -1":            `0`,
		"-7 % 3":                    `-1`,
		"value.max":                 `9223372036854775807`,
		"value.one / 4":             `0.25`,
		"value.one + value.half":    `1.5`,
		"2 ** 10":                   `float64(1024)`,
		"-value.half":               `-0.5`,
		"int(value.half * 5)":       `2`,
		"abs(-3)":                   `3`,
		"sum([1, 2.5])":             `3.5`,
		"sum([])":                   `0`,
		"value.text + 'y'":          `y`,
		"'a' + 'b' + string(1 + 1)": `ab2`,
		"round(value.half * 3)":     `float64(2)`,
		"(date('2024-01-02') - date('2024-01-01')).Hours()": `float64(24)`,
		"(date('2024-01-01') + duration('24h')).Year()":     `2024`,
		"value?.one ?? 2":              `1`,
		"value?.none?.more ?? 'no'":    `no`,
		"value['one'] + value.list[1]": `2`,
		"len(keys(value)) > 3":         `true`,
		"'one' in value":               `true`,
	} {
		if got := result(t, text, numbers()...); strings.HasPrefix(got, "error") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// A result does not change the type of a field because of its size.
func TestExpr_typed_losses(t *testing.T) {
	s := data.NewStruct("S", data.Field{Name: "i", Schema: data.Of(data.Int64)}, data.Field{Name: "f", Schema: data.Of(data.Float64)},
		data.Field{Name: "g", Schema: data.Of(data.Float32)}, data.Field{Name: "d", Schema: data.Of(data.Date)}, data.Field{Name: "b", Schema: data.Of(data.Int8)})
	for text, want := range map[string]string{
		"{f: value.i}":                      "field f: 9007199254740993 does not fit the type",
		"{g: value.i - 1}":                  "field g: 9007199254740992 does not fit the type",
		"{g: value.f * 1e39}":               "field g: 1.5e+39 does not fit the type",
		"{d: date('2024-01-01T01:00:00Z')}": "field d: ",
		"{b: value.i % 1000}":               "field b: 993 does not fit the type",
	} {
		b := data.NewBatch()
		b.Append().Value = data.ValueCell(data.OfStruct([]data.Value{data.OfInt64(1<<53 + 1), data.OfFloat64(1.5), data.OfFloat32(1), data.OfDate(0), data.OfInt8(1)}), s)
		apply(t, map[string]string{"fields": text}, b)
		if fs := b.Failed(); len(fs) != 1 || !strings.Contains(fs[0].Err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, fs, want)
		}
	}
}

// FuzzExpr runs any text as any of the three settings: it is refused, or the record
// fails, or it has a result; nothing panics, hangs or grows.
func FuzzExpr(f *testing.F) {
	for _, text := range []string{
		"value.quantity > 1", "topic + '-' + upper(value.order_id)", "{id: value.order_id, order_id: omit, n: sum(value.list, # * 2)}",
		"value.order_id ?? 'no'", "value?.a?.b", "let x = value.quantity; x ** 2 / x % 3", "all(1..9, {# + value.at.Year() > 0})",
		"{a: -value.quantity, b: int(value.price), c: key.id, d: [value.list[0]]}", "filter(value.list, # in 1..3) | map({# + 1}) | len() > 0",
		"reduce(1..9, #acc + #acc, 'x')", "value[topic]", "value.at + duration('1h') > now()", "fromJSON(toJSON(value)).price", "repeat('x', 9999999)",
	} {
		f.Add(text)
	}
	free := data.OfMap([]data.Value{data.OfString("order_id"), data.OfString("a"), data.OfString("quantity"), data.OfInt64(3),
		data.OfString("price"), data.OfFloat64(2.5), data.OfString("list"), data.OfArray([]data.Value{data.OfInt64(1), data.OfString("x")})})
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"filter", "fields", "topic"} {
			tr, err := expr.New(map[string]string{name: text}, nil)
			if err != nil {
				if !fault.Is(err, fault.Config) {
					t.Errorf("%s: %v has another class", name, err)
				}
				continue
			}
			b := data.NewBatch()
			typed(b, 3)
			b.Append().Value = data.ValueCell(free, nil)
			b.Append()
			if err := tr.Apply(t.Context(), b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, fail := range b.Failed() {
				if !fault.Is(fail.Err, fault.Record) {
					t.Errorf("%s: %v has another class", name, fail.Err)
				}
			}
			b.Release()
		}
	})
}
