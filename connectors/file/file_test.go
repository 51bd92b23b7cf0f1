package file

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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

// warnings hands on what is logged.
type warnings struct {
	slog.Handler
	said chan string
}

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	w.said <- r.Message
	return nil
}

// A file that is cut or replaced under the source is read on as it is, and never
// from its beginning: that would double lines. The log says so, once.
func TestSourceSaysThatTheFileIsNotTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, file string) (grown string)
		want   string
	}{
		"cut": {func(t *testing.T, file string) string {
			if err := os.Truncate(file, 0); err != nil {
				t.Fatal(err)
			}
			return file
		}, "shorter"},
		"moved": {func(t *testing.T, file string) string {
			if err := os.Rename(file, file+".1"); err != nil {
				t.Fatal(err)
			}
			return file + ".1"
		}, "moved"},
		"replaced": {func(t *testing.T, file string) string {
			if err := os.Rename(file, file+".1"); err != nil {
				t.Fatal(err)
			}
			put(t, file, "new\n")
			return file + ".1"
		}, "moved"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "in.txt")
			put(t, file, "one\ntwo\n")
			said := make(chan string, 10)
			src, err := SourcePlugin().Source(t.Context(), connectors.Env{Log: slog.New(warnings{slog.NewTextHandler(io.Discard, nil), said})},
				map[string]string{"file": file, "topic": "lines"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = src.Close(context.WithoutCancel(t.Context())) }()
			if lines, pos := read(t, src); len(lines) != 2 || pos != 8 {
				t.Fatal(lines, pos)
			}
			grown := c.change(t, file)
			go func() {
				if text := <-said; !strings.Contains(text, c.want) {
					t.Errorf("%q does not say %q", text, c.want)
				}
				text := "three\n"
				if grown == file { // the part that was read comes again, and another line
					text = "uno\ndos\n" + text
				}
				put(t, grown, text)
			}()
			if lines, pos := read(t, src); fmt.Sprint(lines) != "[three]" || pos != 14 {
				t.Errorf("%q at %d", lines, pos)
			}
			if n := len(said); n > 0 {
				t.Errorf("said %d times more", n)
			}
		})
	}
}

// A file without line ends must not fill the memory.
func TestSourceRefusesALineWithoutEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.txt")
	put(t, file, "first\n")
	if err := os.Truncate(file, maxLine+100); err != nil { // zeros, which take no space
		t.Fatal(err)
	}
	src := open(t, file, 10, nil)
	if lines, _ := read(t, src); len(lines) != 1 {
		t.Fatal(lines)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := src.Read(ctx, data.NewBatch())
	if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "at byte 6 ") {
		t.Error(err)
	}
	_ = src.Close(t.Context())
}

// Wherever a read ends, the lines are the same.
func TestSourceLinesInPieces(t *testing.T) {
	const text = "a\r\nb\rc\n\n\r\rde\r\n\r\nlast\n"
	const want = `["a" "b" "c" "" "" "" "de" "" "last"]`
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for size := 1; size <= len(text); size++ {
		s := &source{cfg: sourceConfig{Batch: 1 + size%3}, in: strings.NewReader(text), chunk: make([]byte, size)}
		var lines []string
		for s.position < int64(len(text)) {
			b := data.NewBatch()
			if err := s.Read(ctx, b); err != nil {
				t.Fatalf("read by %d bytes, after %q: %v", size, lines, err)
			}
			for i := range b.Records {
				v, _, err := b.Records[i].Value.Value(b.Arena)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, strings.Clone(v.Str()))
			}
		}
		if got := fmt.Sprintf("%q", lines); got != want {
			t.Errorf("read by %d bytes: %s, want %s", size, got, want)
		}
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
		err := checkOffsets(t.Context(), map[string]string{"file": "f"}, []data.Mark{{Partition: c.partition, Next: c.next}})
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
