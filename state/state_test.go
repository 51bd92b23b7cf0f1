package state

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"culvert/data"
)

const hour = int64(time.Hour / time.Millisecond)

// list fetches and formats "value@time" in the order of the calls.
func list(t *testing.T, w Windows, side int, key string, from, to int64) []string {
	t.Helper()
	var got []string
	err := w.Fetch(side, []byte(key), from, to, func(e Entry) error {
		got = append(got, fmt.Sprintf("%s@%d", e.Value, e.Time))
		return nil
	})
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	return got
}

func put(t *testing.T, w Windows, side int, key string, at int64, value string) bool {
	t.Helper()
	ok, err := w.Put(side, []byte(key), at, []byte(value))
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	return ok
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func memory(t testing.TB) *Store {
	s := Open(Options{})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestFetch(t *testing.T) {
	l := memory(t).Take(ID{Connector: "c"}, 1000, 1000)
	put(t, l, 0, "k", 300, "c")
	put(t, l, 0, "k", 100, "a")
	put(t, l, 0, "k", 100, "b")
	put(t, l, 0, "other", 100, "x")
	put(t, l, 1, "k", 100, "right")
	expect(t, list(t, l, 0, "k", 0, 1000), "a@100", "b@100", "c@300")
	expect(t, list(t, l, 0, "k", 101, 300), "c@300")
	expect(t, list(t, l, 0, "k", 100, 299), "a@100", "b@100")
	expect(t, list(t, l, 0, "none", 0, 1000))
	expect(t, list(t, l, 1, "k", 0, 1000), "right@100")
	stop := errors.New("stop")
	n := 0
	if err := l.Fetch(0, []byte("k"), 0, 1000, func(Entry) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("err %v after %d entries, want stop after 1", err, n)
	}
}

// The boundaries of AbstractRocksDBSegmentedBytesStore: visible is what is
// younger than retention by at least a millisecond, refused what lies in an
// expired segment of half the retention.
func TestRetention(t *testing.T) {
	l := memory(t).Take(ID{Connector: "c"}, 48*hour, 48*hour)
	put(t, l, 0, "x", 0, "old")
	put(t, l, 1, "x", 100*hour, "right side's time does not matter")
	expect(t, list(t, l, 0, "x", 0, 48*hour), "old@0")
	put(t, l, 0, "y", 48*hour-1, "")
	expect(t, list(t, l, 0, "x", 0, 48*hour), "old@0")
	put(t, l, 0, "y", 48*hour, "")
	expect(t, list(t, l, 0, "x", 0, 48*hour))

	if !put(t, l, 0, "x", 0, "late but in a live segment") {
		t.Error("put refused in the segment that retention reaches into")
	}
	expect(t, list(t, l, 0, "x", 0, 48*hour))
	put(t, l, 0, "y", 72*hour-1, "")
	if !put(t, l, 0, "x", 0, "still") {
		t.Error("put refused in the segment that retention reaches into")
	}
	put(t, l, 0, "y", 72*hour, "")
	if put(t, l, 0, "x", 24*hour-1, "late") {
		t.Error("put taken in an expired segment")
	}
	if !put(t, l, 0, "x", 24*hour+1, "late") {
		t.Error("put refused in a live segment")
	}
	expect(t, list(t, l, 0, "x", 0, 48*hour), fmt.Sprintf("late@%d", 24*hour+1))
}

func TestExpiryGivesMemoryBack(t *testing.T) {
	s := memory(t)
	l := s.Take(ID{Connector: "c"}, 8000)
	for i := range int64(100_000) {
		put(t, l, 0, fmt.Sprint(i), i, "a value of some length, as records have")
	}
	// 8 s of retention in segments of 1 s: at most 9 segments live.
	if held := l.Bytes(); held > 9*1000*200 {
		t.Errorf("%d bytes are held for 8000 visible entries", held)
	}
	if l.Bytes() != s.Bytes() {
		t.Errorf("the store counts %d bytes, its only windows %d", s.Bytes(), l.Bytes())
	}
	if err := l.Close(); err != nil || s.Bytes() != 0 {
		t.Errorf("after Close: %d bytes, %v", s.Bytes(), err)
	}
}

func TestHugeEntry(t *testing.T) {
	l := memory(t).Take(ID{Connector: "c"}, 1000)
	huge := string(make([]byte, 3<<20))
	put(t, l, 0, "k", 1, "small")
	put(t, l, 0, "k", 2, huge)
	put(t, l, 0, "k", 3, "small")
	if n := len(list(t, l, 0, "k", 0, 10)); n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
}

func offsets(n int64) data.Offsets {
	return data.Offsets{{Topic: "l", Partition: 1}: n, {Topic: "r", Partition: 1}: n}
}

func TestSaveLoad(t *testing.T) {
	fs := vfs.NewMem()
	id := ID{Connector: "c", Partition: 1, Shape: "s"}
	s := Open(Options{Dir: "/data", FS: fs})
	l := s.Take(id, 1000, 1000)
	if o := l.Load(offsets(0)); o != nil {
		t.Fatalf("loaded %v from nothing", o)
	}
	put(t, l, 0, "k", 100, "a")
	if err := l.Save(offsets(1)); err != nil {
		t.Fatal(err)
	}
	put(t, l, 0, "k", 100, "b")
	put(t, l, 1, "k", 700, "r")
	if err := l.Save(offsets(3)); err != nil {
		t.Fatal(err)
	}
	put(t, l, 1, "k", 800, "not saved")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = Open(Options{Dir: "/data", FS: fs})
	defer s.Close()
	l = s.Take(id, 1000, 1000)
	if o := l.Load(offsets(5)); len(o) != 2 || o[data.TopicPartition{Topic: "l", Partition: 1}] != 3 {
		t.Fatalf("loaded %v, want offsets 3", o)
	}
	expect(t, list(t, l, 0, "k", 0, 1000), "a@100", "b@100")
	expect(t, list(t, l, 1, "k", 0, 1000), "r@700")
	if now, ok := l.StreamTime(1); !ok || now != 700 {
		t.Errorf("stream time %d %v, want 700", now, ok)
	}
	put(t, l, 0, "k", 100, "c") // its number follows those loaded
	expect(t, list(t, l, 0, "k", 0, 1000), "a@100", "b@100", "c@100")
}

func TestLoadRefuses(t *testing.T) {
	id := ID{Connector: "c", Partition: 1, Shape: "s"}
	for name, c := range map[string]struct {
		id        ID
		retention int64
		committed int64
	}{
		"ahead of the committed offset": {id, 1000, 2},
		"another shape":                 {ID{"c", 1, "t"}, 1000, 3},
		"another retention":             {id, 2000, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := Open(Options{Dir: "/data", FS: vfs.NewMem()})
			defer s.Close()
			l := s.Take(id, 1000)
			put(t, l, 0, "k", 100, "a")
			if err := l.Save(offsets(3)); err != nil {
				t.Fatal(err)
			}
			l = s.Take(c.id, c.retention)
			if o := l.Load(offsets(c.committed)); o != nil {
				t.Fatalf("loaded %v", o)
			}
			expect(t, list(t, l, 0, "k", 0, 1000))
			// What the refused snapshot left must not come back with the next one.
			put(t, l, 0, "k", 200, "b")
			if err := l.Save(offsets(4)); err != nil {
				t.Fatal(err)
			}
			l = s.Take(c.id, c.retention)
			if o := l.Load(offsets(4)); o == nil {
				t.Fatal("not loaded")
			}
			expect(t, list(t, l, 0, "k", 0, 1000), "b@200")
		})
	}
}
