package store

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/data"
	"culvert/fault"

	"github.com/google/go-cmp/cmp"
)

func openOffsets(t *testing.T, open Open) *OffsetStore {
	t.Helper()
	s, err := OpenOffsets(context.Background(), open, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func position(n int32) data.Value {
	return data.OfMap([]data.Value{data.OfString("position"), data.OfInt32(n)})
}

// text shows marks as JSON.
func text(marks []data.Mark) string {
	var b strings.Builder
	for _, m := range marks {
		b.Write(appendValue(nil, m.Partition))
		b.WriteByte('=')
		b.Write(appendValue(nil, m.Next))
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

// TestOffsetsGolden carries out what the recorded operations did to the offsets.
func TestOffsetsGolden(t *testing.T) {
	ctx := context.Background()
	table := &fakeTable{}
	s := openOffsets(t, table.opener())
	in, other := strs("filename", "in.txt"), strs("filename", "other.txt")
	commit := func(marks ...data.Mark) {
		t.Helper()
		if err := s.Commit(ctx, "src", marks); err != nil {
			t.Fatal(err)
		}
	}
	commit(data.Mark{Partition: in, Next: position(14)})
	commit(data.Mark{Partition: in, Next: position(4)})
	commit(data.Mark{Partition: in}, data.Mark{Partition: other, Next: position(1)})
	commit(data.Mark{Partition: in, Next: position(14)})
	all, err := s.All(ctx, "src")
	if err != nil || text(all) != `{"filename":"in.txt"}={"position":14} {"filename":"other.txt"}={"position":1}` {
		t.Errorf("all: %s %v", text(all), err)
	}
	commit(data.Mark{Partition: other}, data.Mark{Partition: in})
	got := table.records()
	want := readTopic(t, "offset")
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, w := range want {
		if string(got[i].Key) != w.Key || string(got[i].Value) != string(w.value()) || (got[i].Value == nil) != (w.Value == nil) {
			t.Errorf("record %d is\n%s %s, want\n%s %s", i, got[i].Key, got[i].Value, w.Key, w.value())
		}
	}
	if all, _ := s.All(ctx, "src"); len(all) != 0 {
		t.Errorf("left: %s", text(all))
	}
}

// TestOffsetsSamePartition: Java wrote the keys of the partition in the order of
// its hash table; our plugin gives another order and smaller integers.
func TestOffsetsSamePartition(t *testing.T) {
	ctx := context.Background()
	javas := `["c",{"b":{"y":1,"x":2},"a":3}]`
	table := &fakeTable{}
	s := openOffsets(t, table.opener(recorded{Key: javas, Value: ptr(`{"n":5}`)}))
	ours := data.OfMap([]data.Value{
		data.OfString("a"), data.OfInt16(3),
		data.OfString("b"), data.OfMap([]data.Value{data.OfString("x"), data.OfInt32(2), data.OfString("y"), data.OfInt64(1)}),
	})
	got, err := s.Load(ctx, "c", []data.Value{ours, strs("a", "3"), ours})
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := got[0].Lookup("n"); n.Int() != 5 || !got[1].IsNull() || !got[2].Equal(got[0]) {
		t.Errorf("loaded %v", got)
	}
	if err := s.Commit(ctx, "c", []data.Mark{{Partition: ours, Next: position(6)}}); err != nil {
		t.Fatal(err)
	}
	if k := string(table.records()[0].Key); k != javas {
		t.Errorf("written under %s, want %s", k, javas)
	}
	if other, _ := s.Load(ctx, "d", []data.Value{ours}); !other[0].IsNull() {
		t.Error("another connector sees the offset")
	}
	// A tombstone of a record under other bytes, left from before, changes nothing.
	table.feed(recorded{Key: `["c",{"a":3,"b":{"x":2,"y":1}}]`})
	if got, _ := s.Load(ctx, "c", []data.Value{ours}); got[0].IsNull() {
		t.Error("forgotten by the tombstone of another record")
	}
}

// TestJSON has the bytes that JsonConverter writes for Connect's types.
func TestJSON(t *testing.T) {
	for want, v := range map[string]data.Value{
		`null`: {}, `true`: data.OfBool(true), `-128`: data.OfInt8(-128), `9223372036854775807`: data.OfInt64(1<<63 - 1),
		`1.0`: data.OfFloat64(1), `0.1`: data.OfFloat32(0.1), `1.0E7`: data.OfFloat64(1e7), `1.5E-5`: data.OfFloat64(1.5e-5), `-0.0`: data.OfFloat64(math.Copysign(0, -1)),
		`9999999.0`: data.OfFloat64(9999999), `0.001`: data.OfFloat64(0.001), `"AQI="`: data.OfBytes([]byte{1, 2}),
		`"a\"\\/\b\t\n\f\r\u001B\u0000é<>&` + "\u2028\x7f" + `"`: data.OfString("a\"\\/\b\t\n\f\r\x1b\x00é<>&\u2028\x7f"),
		`[1,[],{}]`:                     data.OfArray([]data.Value{data.OfInt32(1), data.OfArray(nil), data.OfMap(nil)}),
		`[[1,"a"]]`:                     data.OfMap([]data.Value{data.OfInt32(1), data.OfString("a")}),
		`{"k":null}`:                    data.OfMap([]data.Value{data.OfString("k"), {}}),
		`"` + "\uFFFD" + `"`:            data.OfString("\xff"),
		`{"b":1,"a":{"d":2.5,"c":"x"}}`: data.OfMap([]data.Value{data.OfString("b"), data.OfInt32(1), data.OfString("a"), data.OfMap([]data.Value{data.OfString("d"), data.OfFloat64(2.5), data.OfString("c"), data.OfString("x")})}),
	} {
		if got := string(appendValue(nil, v)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		back, err := parseValue([]byte(want))
		if err != nil {
			t.Errorf("%s: %v", want, err)
		} else if again := string(appendValue(nil, back)); again != want {
			t.Errorf("%s read and written is %s", want, again)
		}
	}
}

// javaFiles are the recorded offset files by name.
func javaFiles(t testing.TB) map[string][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "java-hashmap.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := map[string][]byte{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if name == "#" {
			continue
		}
		if files[name], err = hex.DecodeString(text); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestHashMapReadsJava(t *testing.T) {
	same := []byte(`{"position":7}`)
	for name, want := range map[string]int{"empty": 0, "one": 1, "null-value": 2, "null-key": 1, "capacity-1000": 2, "shared-value-load-2": 20} {
		got, err := parseHashMap(javaFiles(t)[name])
		if err != nil || len(got) != want {
			t.Errorf("%s: %d entries, want %d: %v", name, len(got), want, err)
		}
		for _, e := range got {
			switch name {
			case "one":
				if string(e.key) != `["src",{"filename":"in.txt"}]` || string(e.value) != `{"position":14}` {
					t.Errorf("%s: %q=%q", name, e.key, e.value)
				}
			case "null-value":
				if (e.value == nil) != strings.Contains(string(e.key), "other") {
					t.Errorf("%s: %q=%q", name, e.key, e.value)
				}
			case "null-key":
				if e.key != nil || string(e.value) != "{}" {
					t.Errorf("%s: %q=%q", name, e.key, e.value)
				}
			case "shared-value-load-2":
				if string(e.value) != string(same) {
					t.Errorf("%s: %q=%q", name, e.key, e.value)
				}
			}
		}
		again, err := parseHashMap(appendHashMap(nil, got))
		if err != nil {
			t.Errorf("%s written again: %v", name, err)
		}
		if d := cmp.Diff(got, again, cmp.AllowUnexported(pair{})); d != "" {
			t.Errorf("%s written again: %s", name, d)
		}
	}
}

// TestHashMapWritesJava: with the same entries in the same order the bytes are
// Java's own.
func TestHashMapWritesJava(t *testing.T) {
	for _, name := range []string{"one", "null-value", "null-key"} {
		java := javaFiles(t)[name]
		entries, err := parseHashMap(java)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendHashMap(nil, entries); string(got) != string(java) {
			t.Errorf("%s:\n%x, want\n%x", name, got, java)
		}
	}
}

func TestHashMapRefuses(t *testing.T) {
	files := javaFiles(t)
	one := files["one"]
	for n := range one {
		if _, err := parseHashMap(one[:n]); err == nil {
			t.Errorf("the first %d bytes are taken for the whole", n)
		}
	}
	for _, name := range []string{"not-a-map", "strings"} {
		if _, err := parseHashMap(files[name]); err == nil {
			t.Errorf("%s is taken for offsets", name)
		}
	}
}

func FuzzHashMap(f *testing.F) {
	for _, raw := range javaFiles(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := parseHashMap(raw)
		if err != nil {
			return
		}
		again, err := parseHashMap(appendHashMap(nil, entries))
		if err != nil || !cmp.Equal(entries, again, cmp.AllowUnexported(pair{})) {
			t.Errorf("written again: %v", err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{"null", "[1,2.5,{\"a\":[]}]", "1e400", "[[[[", `{"a":1,"a":2}`, "\"\\ud800\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := parseValue(raw)
		if err != nil {
			return
		}
		first := canonical(v)
		back, err := parseValue([]byte(first))
		if err != nil || canonical(back) != first {
			t.Errorf("%q: %v", first, err)
		}
	})
}

func TestFileGoesOnFromJava(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "connect.offsets")
	if err := os.WriteFile(path, javaFiles(t)["null-value"], 0o600); err != nil {
		t.Fatal(err)
	}
	s := openOffsets(t, File(path))
	in, other := strs("filename", "in.txt"), strs("filename", "other.txt")
	got, err := s.Load(ctx, "src", []data.Value{in, other})
	if err != nil || string(appendValue(nil, got[0])) != `{"position":14}` || !got[1].IsNull() {
		t.Fatalf("%v %v", got, err)
	}
	if err := s.Commit(ctx, "src", []data.Mark{{Partition: in, Next: position(20)}, {Partition: strs("filename", "third"), Next: position(1)}}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := parseHashMap(raw)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d entries: %v", len(entries), err)
	}
	again := openOffsets(t, File(path))
	all, err := again.All(ctx, "src")
	if want := `{"filename":"in.txt"}={"position":20} {"filename":"third"}={"position":1}`; err != nil || text(all) != want {
		t.Errorf("%s, want %s: %v", text(all), want, err)
	}
	if left, _ := filepath.Glob(path + "?*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFileNewAndBroken(t *testing.T) {
	dir := t.TempDir()
	openOffsets(t, File(filepath.Join(dir, "none")))
	for name, content := range map[string]string{"empty": "", "cut": string(javaFiles(t)["one"][:40]), "text": "hello"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenOffsets(context.Background(), File(path), quiet())
		if name == "empty" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// brokenFiles fails at its n-th call.
type brokenFiles struct {
	osFiles
	left *int
}

var errBroken = errors.New("no space left on device")

func (b brokenFiles) step() error {
	if *b.left--; *b.left == 0 {
		return errBroken
	}
	return nil
}

func (b brokenFiles) Create(name string) (writeFile, error) {
	if err := b.step(); err != nil {
		return nil, err
	}
	f, err := b.osFiles.Create(name)
	return brokenFile{f, b}, err
}

func (b brokenFiles) Rename(from, to string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.osFiles.Rename(from, to)
}

func (b brokenFiles) SyncDir(name string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.osFiles.SyncDir(name)
}

type brokenFile struct {
	writeFile
	b brokenFiles
}

func (f brokenFile) Write(p []byte) (int, error) {
	if err := f.b.step(); err != nil {
		n, _ := f.writeFile.Write(p[:len(p)/2])
		return n, err
	}
	return f.writeFile.Write(p)
}

func (f brokenFile) Sync() error { return errors.Join(f.b.step(), f.writeFile.Sync()) }

// TestFileSurvivesErrors breaks the disk at every step of a commit: the file has
// the old offsets or the new ones, and the next commit works.
func TestFileSurvivesErrors(t *testing.T) {
	ctx := context.Background()
	in := strs("filename", "in.txt")
	for n := 1; ; n++ {
		path := filepath.Join(t.TempDir(), "connect.offsets")
		left := 0
		s := openOffsets(t, fileTableOn(path, brokenFiles{left: &left}))
		if err := s.Commit(ctx, "c", []data.Mark{{Partition: in, Next: position(1)}}); err != nil {
			t.Fatal(err)
		}
		left = n
		err := s.Commit(ctx, "c", []data.Mark{{Partition: in, Next: position(2)}})
		if err == nil {
			if left > 0 && n > 3 {
				return // all steps were tried
			}
			t.Fatalf("step %d did not fail", n)
		}
		if !fault.Is(err, fault.Retry) || !errors.Is(err, errBroken) {
			t.Errorf("step %d: %v", n, err)
		}
		onDisk, err := openOffsets(t, File(path)).Load(ctx, "c", []data.Value{in})
		if err != nil || onDisk[0].IsNull() {
			t.Errorf("step %d: the file holds %v, %v", n, onDisk, err)
		}
		if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("step %d leaves its temporary file", n)
		}
		if err := s.Commit(ctx, "c", []data.Mark{{Partition: in, Next: position(3)}}); err != nil {
			t.Errorf("step %d: the commit after it: %v", n, err)
		}
		if got, _ := openOffsets(t, File(path)).Load(ctx, "c", []data.Value{in}); string(appendValue(nil, got[0])) != `{"position":3}` {
			t.Errorf("step %d: after the next commit %s", n, appendValue(nil, got[0]))
		}
	}
}

// TestFileBehindALink: the offsets go to where the link leads, as Java's do, and not
// in its place.
func TestFileBehindALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	s := openOffsets(t, File(link))
	if err := s.Commit(context.Background(), "src", []data.Mark{{Partition: strs("filename", "in"), Next: position(1)}}); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(target); err != nil || len(raw) == 0 {
		t.Errorf("the target holds %d bytes, %v", len(raw), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v now, %v", info.Mode(), err)
	}
}
