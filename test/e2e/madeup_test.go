//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/internal/golden"
	"culvert/test/servers"
)

// TestMadeUpCases mixes the recorded calls of converters, transformations, the mapping
// between Avro and Connect, and the MongoDB sink into new ones, has them answered by Java's classes, and runs the golden
// tests on them. CULVERT_MADE_UP is how many for each file (40), CULVERT_SEED begins
// another series.
func TestMadeUpCases(t *testing.T) {
	t.Parallel()
	each, seed := number(t, "CULVERT_MADE_UP", 40), number(t, "CULVERT_SEED", 1)
	made, answered := t.TempDir(), t.ArtifactDir()
	m := &maker{Rand: rand.New(rand.NewPCG(uint64(seed), 0))}
	for _, area := range []string{"converters", "transforms", "avro", "mongosink"} {
		m.area(t, area, made, each)
	}
	record(t, made, answered)
	left := leaveOut(t, answered)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestGolden(Converters|Transforms|Avro|Mongosink)$",
		"culvert/converters", "culvert/runtime/worker", "culvert/converters/avro", "culvert/connectors/mongodb")
	cmd.Env = append(os.Environ(), golden.Env+"="+answered)
	out, err := cmd.CombinedOutput()
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("golden ")) {
			t.Logf("%s", bytes.TrimSpace(line))
		}
	}
	if err != nil {
		t.Errorf("seed %d: %v\n%s", seed, err, out)
	}
	if ran := bytes.Count(out, []byte("\n--- PASS: TestGolden")); ran != 4 {
		t.Errorf("%d of 4 golden tests passed", ran)
	}
	t.Logf("%d cases left out: Java cannot make their input", left)
}

func number(t *testing.T, env string, otherwise int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

// record has Java answer the cases below in.
func record(t *testing.T, in, out string) {
	t.Helper()
	var path []string
	for _, jars := range []func() (string, error){
		func() (string, error) { return servers.KafkaJars(t.Context()) },
		func() (string, error) { return servers.MongoConnectorJars(t.Context()) },
		func() (string, error) { return servers.ApicurioConverterJars(t.Context()) },
	} {
		dir, err := jars()
		if err != nil {
			t.Fatal(err)
		}
		path = append(path, dir+"/*")
	}
	classes := t.TempDir()
	sources, err := filepath.Glob("java/recorder/*.java")
	if err != nil || len(sources) == 0 {
		t.Fatalf("%d sources: %v", len(sources), err)
	}
	run := func(name string, args ...string) {
		if text, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
	}
	run("javac", append([]string{"-nowarn", "-cp", strings.Join(path, ":"), "-d", classes}, sources...)...)
	run("java", "-Xmx512m", "-Duser.timezone=UTC", "-Duser.language=en", "-Duser.country=US",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", strings.Join(append([]string{classes}, path...), ":"), "Recorder", in, out)
}

// leaveOut removes the cases whose input Java could not make.
func leaveOut(t *testing.T, dir string) (left int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file map[string]json.RawMessage // the order of fields counts in documents
		var cases []json.RawMessage
		if err = json.Unmarshal(text, &file); err == nil {
			err = json.Unmarshal(file["cases"], &cases)
		}
		if err != nil {
			t.Fatal(err)
		}
		kept := slices.DeleteFunc(slices.Clone(cases), func(c json.RawMessage) bool { return bytes.Contains(c, []byte(`"left out":`)) })
		left += len(cases) - len(kept)
		raw, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		file["cases"] = raw
		write(t, name, file)
	}
	return left
}

// maker makes new cases of recorded ones.
type maker struct {
	*rand.Rand
	documents bool             // texts are JSON documents
	values    map[string][]any // values of each configuration key in an area
}

// Files whose cases are no single calls.
var whole = []string{"chain_with_predicates", "batches", "bulk_write_failures", "config_validation", "configdef"}

func (m *maker) area(t *testing.T, area, dir string, each int) {
	t.Helper()
	names, err := fs.Glob(golden.Root(), area+"/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files in %s: %v", len(names), area, err)
	}
	files := map[string]map[string]any{}
	m.values, m.documents = map[string][]any{}, area == "mongosink"
	for _, name := range names {
		if slices.Contains(whole, strings.TrimSuffix(path.Base(name), ".json")) {
			continue
		}
		text, err := fs.ReadFile(golden.Root(), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = decode(t, text)
		for _, c := range list(files[name]["cases"]) {
			for k, v := range object(object(c)["config"]) {
				m.values[k] = append(m.values[k], v)
			}
		}
	}
	for _, name := range names { // in their order, so that a seed is a series
		if files[name] == nil {
			continue
		}
		files[name]["cases"] = m.mix(files[name], each)
		write(t, filepath.Join(dir, name), files[name])
	}
}

// mix makes n cases: the configuration of one with the input of another, some
// values of both changed.
func (m *maker) mix(file map[string]any, n int) (made []any) {
	groups := map[string][]map[string]any{}
	var ops []string
	for _, e := range list(file["cases"]) {
		c := object(e)
		op := fmt.Sprint(c["op"], c["recordType"])
		if c["configured"] == true || c["input"] == nil || !makeable(file["subject"], c["input"]) {
			continue
		}
		if groups[op] == nil {
			ops = append(ops, op)
		}
		groups[op] = append(groups[op], c)
	}
	for i := 0; i < n && len(ops) > 0; i++ {
		g := groups[pick(m, ops)]
		c := clone(pick(m, g))
		config := object(clone(pick(m, g))["config"])
		if m.Float64() < .2 || config == nil {
			config = object(c["config"])
		}
		m.change(config)
		c["config"], c["name"] = config, fmt.Sprintf("made up %d", i)
		if m.input(object(c["input"])); !makeable(file["subject"], c["input"]) {
			continue
		}
		delete(c, "output")
		delete(c, "error")
		made = append(made, c)
	}
	return made
}

// makeable leaves out what the recorder cannot make, or Java answers anew each time:
// integers without bounds, texts that are numbers to us alone, addresses of arrays, negative zeros, broken UTF-16, parameters in Java's order.
func makeable(subject, input any) bool {
	raw, err := json.Marshal(input)
	if err != nil {
		return false
	}
	text := string(raw)
	if strings.Contains(fmt.Sprint(subject), "TimestampConverter") && longDate.MatchString(text) {
		return false // Java cuts a number in a date to 32 bits, see deviations.json
	}
	if strings.Contains(text, `"connect.default":"x"`) {
		return false // a 0 in Java, see deviations.json
	}
	return !strings.Contains(text, "-0.0") && !strings.Contains(text, `\u0000`) && !strings.Contains(text, `NaN\"`) && !strings.Contains(text, `Infinity\"`) && !strings.Contains(text, `"parameters"`) && !strings.Contains(text, `"bigint"`) && !strings.Contains(text, `"timestamp":-1`) &&
		(!strings.Contains(text, `"bytes"`) || !strings.HasSuffix(fmt.Sprint(subject), "StringConverter"))
}

var longDate = regexp.MustCompile(`"string":"[^"]*[0-9]{10}`)

// change gives one key a value that it has elsewhere, or leaves it out.
func (m *maker) change(config map[string]any) {
	var keys []string
	for k := range config {
		if k != "topics" && k != "connection.uri" && k != "database" && k != "collection" {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.Sort(keys)
	switch k := pick(m, keys); {
	case m.Float64() < .2:
		config[k] = pick(m, m.values[k])
	case m.Float64() < .05:
		delete(config, k)
	}
}

func (m *maker) input(in map[string]any) {
	switch data := object(in["data"]); {
	case in["valueSchema"] != nil || in["headers"] != nil:
		for _, side := range []string{"key", "value"} {
			in[side] = m.value(in[side])
		}
		for _, h := range list(in["headers"]) {
			object(h)["value"] = m.value(object(h)["value"])
		}
	case data["text"] != nil:
		text := m.text(data["text"].(string))
		in["data"] = map[string]any{"text": text, "bytes": base64.StdEncoding.EncodeToString([]byte(text))}
	default:
		in["value"] = m.value(in["value"])
	}
}

// value changes some of the scalars in a value.
func (m *maker) value(v any) any {
	for kind, x := range object(v) { // one member
		switch kind {
		case "array":
			for i, e := range list(x) {
				list(x)[i] = m.value(e)
			}
		case "map", "struct":
			for _, pair := range list(x) {
				list(pair)[1] = m.value(list(pair)[1])
			}
		case "string":
			if s := x.(string); m.documents && strings.HasPrefix(s, "{") && m.Float64() < .7 {
				return map[string]any{kind: m.text(s)}
			}
			fallthrough
		default:
			if others := scalars[kind]; others != nil && m.Float64() < .25 {
				return map[string]any{kind: pick(m, others)}
			}
		}
	}
	return v
}

var texts = []any{"", "a", " ", "true", "FALSE", "1", "-1", "128", "1.5", "1e3", "0x10", "null", "2023-11-14", "2023-11-14T22:13:20Z", "12:34:56",
	"1970-01-01T00:00:00.000Z", "héllo", "日本", "a.b", "a-b", `{"a":1}`, "[1,2]", `"q"`, "9223372036854775807", "9223372036854775808", "+5", " 7 ", "1_000", "３", "a,b", "a:b"}

func numbers(list ...string) (n []any) {
	for _, text := range list {
		n = append(n, json.Number(text))
	}
	return n
}

var scalars = map[string][]any{
	"int8": numbers("0", "1", "-1", "127", "-128"), "int16": numbers("0", "-1", "300", "32767", "-32768"), "int32": numbers("0", "-1", "70000", "2147483647", "-2147483648", "19675"),
	"int64":   numbers("0", "-1", "9223372036854775807", "-9223372036854775808", "1700000000123", "-62135596800000", "253402300800000"),
	"float32": append(numbers("0", "1.5", "-2.25", "0.1", "3.5"), "NaN", "Infinity"), "float64": append(numbers("0", "1.5", "1e10", "-1e20", "0.1", "2.5"), "NaN", "-Infinity"),
	"boolean": {true, false}, "string": texts, "bytes": {"", "AQ==", "//8A", "AQIDBAUGBwg="},
	"date": numbers("0", "86400000", "-86400000"), "time": numbers("0", "1", "86399999"), "timestamp": numbers("0", "1", "-1", "1700000000123", "951782400000", "4000000000000"),
}

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}\[\]:,]|\s+|.`)

// text changes one or two tokens of a text as JSON has them.
func (m *maker) text(s string) string {
	for range 1 + m.IntN(2) {
		tokens := token.FindAllString(s, -1)
		if len(tokens) == 0 {
			return "{}"
		}
		at := &tokens[m.IntN(len(tokens))]
		switch c := (*at)[0]; {
		case c == '"' && m.Float64() < .5:
			raw, err := json.Marshal(pick(m, texts))
			if err != nil {
				panic(err) // texts are strings
			}
			*at = string(raw)
		case c == '"':
			*at = pick(m, []string{"1", "null", "true", "{}", "[]", "1.5"})
		case c == '-' || c >= '0' && c <= '9':
			*at = pick(m, []string{"0", "1", "127", "128", "32768", "2147483648", "9223372036854775807", "1.0", "1.5", "1e2", "-1", "0.1", `"1"`, "null", "true", "00", "1."})
		case strings.Contains("tfn", string(c)):
			*at = pick(m, []string{"true", "false", "null", "0", `"x"`})
		default:
			*at = pick(m, []string{"", *at + " ", *at + "\n", "{", "}", "[", "]", ",", ":"})
		}
		s = strings.Join(tokens, "")
	}
	return s
}

func pick[T any](m *maker, from []T) T { return from[m.IntN(len(from))] }

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func clone(m map[string]any) map[string]any {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err) // it has been JSON
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var c map[string]any
	if err := d.Decode(&c); err != nil {
		panic(err)
	}
	return c
}

func write(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err == nil {
		err = os.WriteFile(name, raw, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
