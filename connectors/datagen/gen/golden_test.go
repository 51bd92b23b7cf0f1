package gen

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/data"
)

// vectors is one file of recorded answers.
type vectors struct {
	Subject string            `json:"subject"`
	Files   map[string]string `json:"files"`
	Cases   []struct {
		Name   string            `json:"name"`
		Config map[string]string `json:"config"`
		Input  json.RawMessage   `json:"input"`
		Output json.RawMessage   `json:"output"`
		Error  *struct {
			Message string `json:"message"`
			After   int    `json:"after"`
		} `json:"error"`
	} `json:"cases"`
}

// goldenDir is the folder of the recorded answers; CULVERT_GOLDEN names another.
func goldenDir() string {
	if dir := os.Getenv("CULVERT_GOLDEN"); dir != "" {
		return filepath.Join(dir, "datagen")
	}
	return filepath.FromSlash("../../../internal/golden/testdata/datagen")
}

// TestGoldenDatagen runs every recorded case of the random generator.
func TestGoldenDatagen(t *testing.T) {
	passed, cases := runRecorded(t, filepath.Join(goldenDir(), "*.json"))
	t.Logf("golden datagen %d/%d", passed, cases)
}

// TestRecorded runs cases of our own: each property on each type, alone and with
// others, with good values and bad ones; schemas that contain themselves, names
// used twice, defaults, decimals, files of options.
func TestRecorded(t *testing.T) {
	passed, cases := runRecorded(t, filepath.Join("testdata", "recorded.json"))
	t.Logf("recorded %d/%d", passed, cases)
}

// runRecorded runs the cases of all files of a pattern.
func runRecorded(t *testing.T, pattern string) (passed, cases int) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded cases in %s (%v)", pattern, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v vectors
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		dir := t.TempDir()
		for name, content := range v.Files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for i := range v.Cases {
			c := &v.Cases[i]
			cases++
			ok := t.Run(strings.TrimSuffix(filepath.Base(file), ".json")+"/"+c.Name, func(t *testing.T) {
				if strings.Contains(v.Subject, "java.util.Random") {
					checkRandom(t, c.Config, c.Input, c.Output)
					return
				}
				after, message := -1, ""
				if c.Error != nil {
					after, message = c.Error.After, c.Error.Message
				}
				checkGenerator(t, dir, c.Config, c.Input, c.Output, after, message)
			})
			if ok {
				passed++
			}
		}
	}
	if cases == 0 {
		t.Fatal("the recorded files hold no case")
	}
	return passed, cases
}

func checkRandom(t *testing.T, config map[string]string, input, output json.RawMessage) {
	seed, _ := strconv.ParseInt(config["seed"], 10, 64)
	r := NewRandom(seed)
	var calls []string
	mustJSON(t, input, &calls)
	var want struct{ Array []json.RawMessage }
	mustJSON(t, output, &want)
	for i, call := range calls {
		name, arg, _ := strings.Cut(call, ":")
		n, _ := strconv.Atoi(arg)
		var got data.Value
		switch name {
		case "nextInt":
			if arg == "" {
				got = data.OfInt32(r.NextInt())
			} else {
				got = data.OfInt32(r.NextIntN(int32(n)))
			}
		case "nextLong":
			got = data.OfInt64(r.NextLong())
		case "nextDouble":
			got = data.OfFloat64(r.NextDouble())
		case "nextFloat":
			got = data.OfFloat32(r.NextFloat())
		case "nextBoolean":
			got = data.OfBool(r.NextBoolean())
		case "nextGaussian":
			got = data.OfFloat64(r.NextGaussian())
		case "nextBytes":
			b := make([]byte, n)
			r.NextBytes(b)
			got = data.OfBytes(b)
		case "setSeedFromNextLong":
			s := r.NextLong()
			r.SetSeed(s)
			got = data.OfInt64(s)
		default:
			t.Fatalf("call %q is unknown", call)
		}
		if err := compare(nil, want.Array[i], got); err != nil {
			t.Fatalf("call %d %s: %v", i, call, err)
		}
	}
}

func checkGenerator(t *testing.T, dir string, config map[string]string, input, output json.RawMessage, after int, message string) {
	var in struct{ Schema json.RawMessage }
	text := strings.ReplaceAll(string(input), "DIR/", dir+"/")
	mustJSON(t, json.RawMessage(text), &in)
	message = strings.ReplaceAll(message, "DIR/", dir+"/")
	schema, err := Parse(string(in.Schema))
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := strconv.ParseInt(config["seed"], 10, 64)
	count, _ := strconv.Atoi(config["count"])
	generation, _ := strconv.ParseInt(config["generation"], 10, 64)
	g := New(schema, NewRandom(seed), generation)
	g.plain = true
	var want struct{ Array []json.RawMessage }
	if after < 0 {
		mustJSON(t, output, &want)
		if len(want.Array) != count {
			t.Fatalf("recorded %d values, count is %d", len(want.Array), count)
		}
	}
	arena := &data.Arena{}
	for i := range count {
		v, err := g.Next(arena)
		if i == after {
			hash := regexp.MustCompile(`@[0-9a-f]+|@HASH`)
			if err == nil || hash.ReplaceAllString(err.Error(), "") != hash.ReplaceAllString(message, "") {
				t.Fatalf("value %d: error %v, want %s", i, err, message)
			}
			return
		}
		if err != nil {
			t.Fatalf("value %d: %v", i, err)
		}
		if err := compare(schema.top, want.Array[i], v); err != nil {
			t.Fatalf("value %d: %v", i, err)
		}
	}
}

func mustJSON(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}

// compare checks a value against its recorded form.
func compare(n *node, want json.RawMessage, got data.Value) error {
	if string(want) == "null" {
		if !got.IsNull() {
			return fmt.Errorf("got a %s, want null", got.Kind())
		}
		return nil
	}
	if n != nil && n.kind == unionKind {
		for _, b := range n.branches {
			if compare(b, want, got) == nil {
				return nil
			}
		}
		return fmt.Errorf("no branch of the union gives %s", want)
	}
	var tagged map[string]json.RawMessage
	if err := json.Unmarshal(want, &tagged); err != nil {
		return err
	}
	for tag, raw := range tagged {
		return compareTagged(n, tag, raw, got)
	}
	return fmt.Errorf("empty value %s", want)
}

func compareTagged(n *node, tag string, raw json.RawMessage, got data.Value) error {
	kinds := map[string]data.Kind{
		"int32": data.Int32, "int64": data.Int64, "float32": data.Float32, "float64": data.Float64, "boolean": data.Bool,
		"string": data.String, "enum": data.String, "bytes": data.Bytes, "array": data.Array, "map": data.Map, "struct": data.Struct,
	}
	if got.Kind() != kinds[tag] {
		return fmt.Errorf("got a %s, want %s %s", got.Kind(), tag, raw)
	}
	var shown string
	switch tag {
	case "int32", "int64":
		shown = strconv.FormatInt(got.Int(), 10)
	case "float32", "float64":
		bits := 64
		if tag == "float32" {
			bits = 32
		}
		f, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), bits)
		if err != nil || f != got.Float() && !(math.IsNaN(f) && math.IsNaN(got.Float())) {
			return fmt.Errorf("got %v, want %s", got.Float(), raw)
		}
		return nil
	case "boolean":
		shown = strconv.FormatBool(got.Bool())
	case "bytes":
		shown = strconv.Quote(base64.StdEncoding.EncodeToString(got.Bytes()))
	case "string", "enum":
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		return compareText(n, s, got.Str())
	case "array", "struct", "map":
		return compareElems(n, tag, raw, got)
	}
	if shown != string(raw) {
		return fmt.Errorf("got %s, want %s", shown, raw)
	}
	return nil
}

// compareText wants the same text, or, for a text made by regex, one that
// matches and has a length that may be.
func compareText(n *node, want, got string) error {
	props, _ := n.propsMap()
	expr, ok := props["regex"].(string)
	if !ok || n.kind != stringKind || n.plan.regex == nil {
		if got != want {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	}
	prefix, suffix, _ := affixes(props)
	inner := strings.TrimSuffix(strings.TrimPrefix(got, prefix), suffix)
	if !regexp.MustCompile(`^(?:`+expr+`)$`).MatchString(inner) || !strings.HasPrefix(got, prefix) || !strings.HasSuffix(got, suffix) {
		return fmt.Errorf("%q does not match %q between %q and %q", got, expr, prefix, suffix)
	}
	if _, given := props["length"]; given {
		if len(inner) < int(n.plan.minLen) || len(inner) >= int(n.plan.maxLen) {
			return fmt.Errorf("%q has not the length of %q", got, want)
		}
	}
	return nil
}

func (n *node) propsMap() (map[string]any, bool) {
	if n == nil {
		return nil, false
	}
	m, ok := n.props.(map[string]any)
	return m, ok
}

func compareElems(n *node, tag string, raw json.RawMessage, got data.Value) error {
	if tag == "array" {
		var want []json.RawMessage
		if err := json.Unmarshal(raw, &want); err != nil || len(want) != got.Len() {
			return fmt.Errorf("got %d elements, want %s", got.Len(), raw)
		}
		for i, e := range got.Elems() {
			if err := compare(n.elem, want[i], e); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
		return nil
	}
	var want [][2]json.RawMessage
	if err := json.Unmarshal(raw, &want); err != nil || len(want) != got.Len() {
		return fmt.Errorf("got %d members, want %s", got.Len(), raw)
	}
	for i, w := range want {
		if tag == "struct" {
			if i >= len(n.fields) {
				return fmt.Errorf("field %s is not in the schema", w[0])
			}
			if string(w[0]) != strconv.Quote(n.fields[i].name) {
				return fmt.Errorf("field %d is %s, want %s", i, n.fields[i].name, w[0])
			}
			if err := compare(n.fields[i].node, w[1], got.Elems()[i]); err != nil {
				return fmt.Errorf("field %s: %w", w[0], err)
			}
			continue
		}
		pairs := slices.Collect(slices.Chunk(got.Elems(), 2))
		if !slices.ContainsFunc(pairs, func(p []data.Value) bool {
			return compare(&node{kind: stringKind}, w[0], p[0]) == nil && compare(n.elem, w[1], p[1]) == nil
		}) {
			return fmt.Errorf("no pair %s: %s", w[0], w[1])
		}
	}
	return nil
}
