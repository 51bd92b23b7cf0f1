package file

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/connectors"
	"culvert/connectors/conntest"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

// stored is an OffsetReader over marks.
type stored []data.Mark

func (s stored) Load(_ context.Context, partitions []data.Value) ([]data.Value, error) {
	out := make([]data.Value, len(partitions))
	for i, p := range partitions {
		for _, m := range s {
			if m.Partition.Equal(p) {
				out[i] = m.Next
			}
		}
	}
	return out, nil
}

func open(t *testing.T, file string, batch int, from []data.Mark) connectors.Source {
	t.Helper()
	src, err := SourcePlugin().Source(t.Context(), connectors.Env{Offsets: stored(from)},
		map[string]string{"file": file, "topic": "lines", "batch.size": fmt.Sprint(batch)})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func put(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, src connectors.Source) (lines []string, position int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	b := data.NewBatch()
	if err := src.Read(ctx, b); err != nil {
		t.Fatal(err)
	}
	for i := range b.Records {
		v, s, err := b.Records[i].Value.Value(b.Arena)
		if err != nil || s.Kind != data.String {
			t.Fatal(err, s)
		}
		lines = append(lines, v.Str())
	}
	pos, ok := b.Marks()[0].Next.Lookup("position")
	if name, _ := b.Marks()[0].Partition.Lookup("filename"); !ok || name.Str() == "" {
		t.Fatal("partition and offset are not those of the original")
	}
	return lines, pos.Int()
}

func TestSourceSuite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.txt")
	for i := range 20 {
		put(t, file, fmt.Sprintf("line %d\n", i))
	}
	conntest.Source(t, conntest.SourceCase{
		Batches: 4,
		Open:    func(t *testing.T, from []data.Mark) connectors.Source { return open(t, file, 3, from) },
		Quiet: func(t *testing.T) connectors.Source {
			return open(t, filepath.Join(t.TempDir(), "missing.txt"), 3, nil)
		},
	})
}

func TestSinkSuite(t *testing.T) {
	var file string
	conntest.Sink(t, conntest.SinkCase{
		Open: func(t *testing.T) connectors.Sink {
			file = filepath.Join(t.TempDir(), "out.txt")
			s, err := SinkPlugin().Sink(t.Context(), connectors.Env{}, map[string]string{"file": file})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Batch: func(b *data.Batch, n int) {
			for i := range 10 {
				r := b.Append()
				r.Topic, r.Partition, r.Offset = "t", 0, int64(10*n+i)
				r.Value = data.ValueCell(data.OfText(b.Arena.Copy(fmt.Appendf(nil, "record %d", 10*n+i))), nil)
			}
		},
		Written: func(t *testing.T) []string {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) == 0 {
				return nil
			}
			return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		},
	})
}

func TestSourceLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.txt")
	put(t, file, "a\r\nb\rc\n\nlast")
	src := open(t, file, 2000, nil)
	lines, pos := read(t, src)
	if got := fmt.Sprintf("%q", lines); got != `["a" "b" "c" ""]` || pos != 8 {
		t.Fatalf("%s at %d", got, pos)
	}
	put(t, file, "é\r") // half an end
	put(t, file, "\nx\n")
	if lines, pos = read(t, src); fmt.Sprintf("%q", lines) != `["lasté" "x"]` || pos != 18 {
		t.Fatalf("%q at %d", lines, pos)
	}
	if err := src.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSourceWaitsForTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "later.txt")
	src := open(t, file, 10, nil)
	// After Read has looked once, or before: both must work.
	time.AfterFunc(10*time.Millisecond, func() { _ = os.WriteFile(file, []byte("here\n"), 0o600) })
	if lines, _ := read(t, src); len(lines) != 1 || lines[0] != "here" {
		t.Fatal(lines)
	}
	_ = src.Close(t.Context())
}

func TestSourceRefusesAStrangeOffset(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.txt")
	put(t, file, "a\n")
	from := []data.Mark{{
		Partition: data.OfMap([]data.Value{data.OfString("filename"), data.OfString(file)}),
		Next:      data.OfMap([]data.Value{data.OfString("position"), data.OfString("x")}),
	}}
	err := open(t, file, 1, from).Read(t.Context(), data.NewBatch())
	if err == nil || err.Error() != "Offset position is the incorrect type" {
		t.Fatal(err)
	}
}

func TestSinkFileMissing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "no", "out.txt")
	_, err := openSink(name)
	if want := "Couldn't find or create file '" + name + "' for FileStreamSinkTask"; err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	if !strings.Contains(fault.Explain(err), "no such file") {
		t.Fatal("the cause is not told:", fault.Explain(err))
	}
}

func TestCheckOffsets(t *testing.T) {
	m := func(kv ...data.Value) data.Value { return data.OfMap(kv) }
	s := data.OfString
	for _, c := range []struct {
		partition, next data.Value
		want            string
	}{
		{m(s("filename"), s("f")), m(s("position"), data.OfInt64(3)), ""},
		{m(s("filename"), s("f")), data.Value{}, ""},
		{m(s("file"), s("f")), m(s("position"), data.OfInt64(3)), "Partition objects should contain the key 'filename'"},
		{data.Value{}, m(s("position"), data.OfInt64(3)), "Partition objects cannot be null"},
		{m(s("filename"), s("f")), m(s("pos"), data.OfInt64(3)), "Offset objects should either be null or contain the key 'position'"},
		{m(s("filename"), s("f")), m(s("position"), s("1")), "The value for the 'position' key in the offset is expected to be a Long value"},
		{m(s("filename"), s("f")), m(s("position"), data.OfInt64(-1)), "The value for the 'position' key in the offset should be a non-negative value"},
	} {
		err := checkOffsets(map[string]string{"file": "f"}, []data.Mark{{Partition: c.partition, Next: c.next}})
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestGoldenConfigDef compares the connectors' own keys with the recorded answers
// of /connector-plugins/{class}/config.
func TestGoldenConfigDef(t *testing.T) {
	for _, p := range []connectors.Plugin{SourcePlugin(), SinkPlugin()} {
		text, err := fs.ReadFile(golden.Root(), "configdefs/"+p.Class+".json")
		if err != nil {
			t.Skip("the recorded definitions are not among the vectors: ", err)
		}
		var def struct {
			Configs []struct {
				Name, Type   string
				Required     bool
				DefaultValue *string `json:"default_value"`
				Importance   string
			}
		}
		if err := json.Unmarshal(text, &def); err != nil {
			t.Fatal(err)
		}
		for i, s := range p.Spec() {
			w := def.Configs[i]
			got := fmt.Sprintln(s.Name, s.Type, s.Required, show(s.Default), s.Importance)
			if want := fmt.Sprintln(w.Name, w.Type, w.Required, show(w.DefaultValue), w.Importance); got != want {
				t.Errorf("%s: %s, want %s", p.Class, got, want)
			}
		}
	}
}

func show(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func TestCheck(t *testing.T) {
	r := SourcePlugin().Check(t.Context(), map[string]string{"batch.size": "q"})
	want := []string{`Missing required configuration "topic" which has no default value.`, "Invalid value q for configuration batch.size: Not a number of type INT"}
	if got := r.Errors(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
}
