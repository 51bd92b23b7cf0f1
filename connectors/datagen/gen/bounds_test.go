package gen

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"culvert/data"
)

// first makes the first value of a schema.
func first(t *testing.T, schema string) (data.Value, error) {
	t.Helper()
	s, err := Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	return New(s, NewRandom(1), 0).Next(&data.Arena{})
}

// TestBounds: what makes Java run out of stack or heap, or run for ever, is an
// error that says what to change.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct{ schema, want string }{
		"a record in itself":  {`{"type":"record","name":"T","fields":[{"name":"c","type":"T"}]}`, "nested in itself more than 1000 times"},
		"an array of itself":  {`{"type":"record","name":"T","fields":[{"name":"c","type":{"type":"array","items":"T"}}]}`, "nested in itself more than 1000 times"},
		"arrays of arrays":    {`{"type":"array","arg.properties":{"length":2000},"items":{"type":"array","items":"int","arg.properties":{"length":2000}}}`, "takes more than 64 MB"},
		"text without end":    {`{"type":"string","arg.properties":{"length":{"min":5}}}`, "takes more than 64 MB"},
		"bytes without end":   {`{"type":"bytes","arg.properties":{"length":{"min":5}}}`, "takes more than 64 MB"},
		"array without end":   {`{"type":"array","items":"int","arg.properties":{"length":{"min":5}}}`, "takes more than 64 MB"},
		"array of nulls":      {`{"type":"array","items":"null","arg.properties":{"length":100000000}}`, "takes more than 64 MB"},
		"map without end":     {`{"type":"map","values":"int","arg.properties":{"length":{"min":5}}}`, "takes more than 64 MB"},
		"a large fixed":       {`{"type":"fixed","name":"F","size":2000000000}`, "takes more than 64 MB"},
		"a long regex":        {`{"type":"string","arg.properties":{"regex":"((a{1000}){1000}){1000}"}}`, "takes more than 64 MB"},
		"groups in groups":    {`{"type":"string","arg.properties":{"regex":"` + strings.Repeat("(", 5000) + `a"}}`, "nested more than 1000 times"},
		"a long decimal":      {`{"type":"bytes","logicalType":"decimal","precision":1000000000,"scale":2}`, "a precision of at most 10000"},
		"wider than a double": {`{"type":"bytes","logicalType":"decimal","precision":9000,"scale":2,"arg.properties":{"range":{}}}`, "wider than a double"},
		"an end at the start": {`{"type":"long","arg.properties":{"iteration":{"start":9223372036854775807}}}`, "modulus not positive"},
		"a union of nothing":  {`[]`, "bound must be positive"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := first(t, c.schema)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	if v, err := first(t, `{"type":"string","arg.properties":{"regex":"[a-z]{5000}"}}`); err != nil || len(v.Str()) != 5000 {
		t.Errorf("a long text by regex: %d bytes, %v", len(v.Str()), err)
	}
	if v, err := first(t, `{"type":"string","arg.properties":{"regex":"(()|b{0}){2000000000}"}}`); err != nil || v.Str() != "" {
		t.Errorf("nothing, often: %q, %v", v.Str(), err)
	}
}

func TestComments(t *testing.T) {
	for text, want := range map[string]string{
		"// x\n{\"type\": /* b */\"int\" // c\n}//": "\n{\"type\":  \"int\" \n}",
		`{"doc":"a // b \"/* c */"}/**/`:            `{"doc":"a // b \"/* c */"} `,
		`/* {"type":"int"}`:                         `/* {"type":"int"}`,
		`"\`:                                        `"\`,
	} {
		if got := withoutComments(text); got != want {
			t.Errorf("%q without comments is %q, want %q", text, got, want)
		}
	}
	if _, err := Parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[ // none\n]}"); err != nil {
		t.Error(err)
	}
}

// TestRegex: the texts match, as Go and others read the expression.
func TestRegex(t *testing.T) {
	for _, expr := range []string{
		`[a-z]{3}`, `\d{2}`, `[\d]{4}-[\w.]+`, `a?b*c+`, `(ab|cd)*`, `User_[1-9]`, `[^a-c]{5}`, `.{3}`, `[A-Z][a-z]{2,5}-[0-9]{4}`, `\s\S\D\W`, `\.`, `(?:ab)+c`,
		`^abc$`, `\Qa.b*\E[x]`, `[a\-z]`, `[a-]`, `[+*?]`, `x{2,}`, `\t\n`, `[^ -~]`, `[a-z]+@[a-z]+\.com`, `#~&=`, `\b[a-f]\b`,
	} {
		s, err := Parse(fmt.Sprintf(`{"type":"string","arg.properties":{"regex":%q}}`, expr))
		if err != nil {
			t.Fatal(err)
		}
		g := New(s, NewRandom(7), 0)
		whole := regexp.MustCompile(`^(?s:` + expr + `)$`)
		for range 300 {
			v, err := g.Next(nil)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			if !whole.MatchString(v.Str()) {
				t.Fatalf("%q does not match %s", v.Str(), expr)
			}
		}
	}
}

// TestRegexIntervals: <1-120> are those numbers and no others.
func TestRegexIntervals(t *testing.T) {
	for expr, want := range map[string][2]int{"<1-120>": {1, 120}, "<001-120>": {1, 120}, "<0-9>": {0, 9}, "<7-7>": {7, 7}, "<120-95>": {95, 120}, "<0-99>": {0, 99}, "<00-99>": {0, 99}} {
		digits := 0
		if ends := strings.Split(strings.Trim(expr, "<>"), "-"); len(ends[0]) == len(ends[1]) {
			digits = len(ends[0])
		}
		gen, err := newRegexGen(expr)
		if err != nil {
			t.Fatal(err)
		}
		allowed, seen := map[string]bool{}, map[string]bool{}
		for n := want[0]; n <= want[1]; n++ {
			allowed[fmt.Sprintf("%0*d", digits, n)] = true
		}
		r := NewRandom(3)
		for range 20_000 {
			s := string(gen.generate(r, 1, 9))
			if !allowed[s] {
				t.Fatalf("%s gives %s", expr, s)
			}
			seen[s] = true
		}
		if len(seen) != len(allowed) {
			t.Errorf("%s gives %d of %d numbers", expr, len(seen), len(allowed))
		}
	}
}

// TestBinaryOptions: a file that another library wrote is read back.
func TestBinaryOptions(t *testing.T) {
	plain := `{"type":"record","name":"R","fields":[
	 {"name":"i","type":"int"},{"name":"l","type":"long"},{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"o","type":"boolean"},
	 {"name":"s","type":"string"},{"name":"b","type":"bytes"},{"name":"x","type":{"type":"fixed","name":"F","size":2}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
	 {"name":"u","type":["null","string"]},{"name":"a","type":{"type":"array","items":"long"}},{"name":"m","type":{"type":"map","values":"int"}}]%s}`
	schema, err := avro.ParseWithCache(fmt.Sprintf(plain, ""), "", &avro.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	record := map[string]any{
		"i": 5, "l": int64(-7), "f": float32(1.5), "d": 2.25, "o": true, "s": "text", "b": []byte{1, 2}, "x": [2]byte{3, 4}, "e": "B",
		"u": "there", "a": []any{int64(1), int64(2), int64(3)}, "m": map[string]any{"k": 9},
	}
	raw, err := avro.Marshal(schema, record)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "records.bin")
	use := fmt.Sprintf(plain, fmt.Sprintf(`,"arg.properties":{"options":{"file":%q,"encoding":"binary"}}`, file))
	write := func(raw []byte) {
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(append(raw, raw[:len(raw)/2]...)) // what is cut off at the end does not count
	v, err := first(t, use)
	if err != nil {
		t.Fatal(err)
	}
	want := `5 -7 1.5 2.25 true text [1 2] [3 4] B there [1 2 3] map[k:9]`
	if got := strings.TrimSpace(show(v)); got != want {
		t.Errorf("read %s, want %s", got, want)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "a negative length": {0, 0, 1}, "no such symbol": append(raw[:29:29], 0x7f)} {
		write(bad)
		if _, err := first(t, use); err == nil || !strings.Contains(err.Error(), "Unable to read options file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	write([]byte(strings.Repeat("\xff", 4096)))
	if _, err := first(t, use); err == nil {
		t.Error("a file of nonsense was read")
	}
}

// show prints a value without its schema.
func show(v data.Value) string {
	switch v.Kind() {
	case data.Struct:
		parts := make([]string, len(v.Elems()))
		for i, e := range v.Elems() {
			parts[i] = show(e)
		}
		return strings.Join(parts, " ")
	case data.Array:
		parts := make([]string, len(v.Elems()))
		for i, e := range v.Elems() {
			parts[i] = show(e)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case data.Map:
		return fmt.Sprintf("map[%s:%s]", show(v.Elems()[0]), show(v.Elems()[1]))
	case data.Bool:
		return fmt.Sprint(v.Bool())
	case data.Float32, data.Float64:
		return fmt.Sprint(v.Float())
	case data.String:
		return v.Str()
	case data.Bytes:
		return fmt.Sprint(v.Bytes())
	}
	return fmt.Sprint(v.Int())
}

// FuzzGenerator: no schema and no properties make the generator panic, hang or
// take memory without end.
func FuzzGenerator(f *testing.F) {
	for _, seed := range []string{
		`{"type":"string","arg.properties":{"regex":"[a-z]{3}<1-9>","length":{"min":1}}}`,
		`{"type":"record","name":"T","fields":[{"name":"c","type":["null","T"]},{"name":"m","type":{"type":"map","values":"int","arg.properties":{"length":2,"keys":{"regex":"a+"}}}}]}`,
		`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2,"arg.properties":{"range":{"min":-1e300,"max":1e300}}}`,
		`{"type":"long","arg.properties":{"iteration":{"start":9223372036854775807,"step":-3,"restart":1,"initial":5}}}`,
		`{"type":"array","items":"double","arg.properties":{"options":[[1.5]],"length":{"max":3}}}`,
	} {
		f.Add(seed, int64(1))
	}
	f.Fuzz(func(_ *testing.T, text string, seed int64) {
		if !json.Valid([]byte(text)) || strings.Contains(text, `"file"`) {
			return
		}
		s, err := Parse(text)
		if err != nil {
			return
		}
		g, a := New(s, NewRandom(seed), seed&0xffff), &data.Arena{}
		for range 3 {
			if _, err := g.Next(a); err != nil {
				return
			}
			a.Reset()
		}
	})
}
