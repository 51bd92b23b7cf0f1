package state

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"culvert/data"
)

// Whatever lies on disk, reading it neither panics nor gives entries that were
// not written whole.
func FuzzLoadLog(f *testing.F) {
	var p part
	for i := range 3 {
		key := fmt.Append(nil, "key", i)
		p.add(hashKey(key), key, int64(100+i), uint64(i), []byte(strings.Repeat("v", 10*i)))
	}
	f.Add(p.chunks[0][8:])
	f.Add([]byte{})
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p part
		if err := p.load(b, 0, 1000, 50); err != nil {
			return
		}
		n, size := 0, 0
		p.each(func(e []byte) {
			n++
			size += entrySize(e)
			hits := p.fetch(hashKey(entryKey(e)), entryKey(e), entryTime(e), entryTime(e), nil)
			if len(hits) == 0 {
				t.Errorf("entry %d is not found under its key", n)
			}
		})
		if n != p.count || size != len(b) {
			t.Errorf("%d entries of %d bytes from %d bytes", n, size, len(b))
		}
	})
}

func FuzzSpilledValue(f *testing.F) {
	f.Add([]byte{3, 'k', 'e', 'y', 'v'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, value, ok := splitSpilled(b); ok && len(key)+len(value) >= len(b) {
			t.Errorf("%x: key %x, value %x", b, key, value)
		}
	})
}

// A damaged picture is one log line and an empty start.
func TestDamagedSnapshot(t *testing.T) {
	id := ID{Connector: "c", Partition: 1}
	prefix := localPrefix(id)
	edit := func(change func(m *manifest)) func(w *tables, old []byte) error {
		return func(w *tables, old []byte) error {
			var m manifest
			if err := json.Unmarshal(old, &m); err != nil {
				return err
			}
			change(&m)
			raw, err := json.Marshal(m)
			if err != nil {
				return err
			}
			return w.set(manifestKey(prefix), raw)
		}
	}
	for name, damage := range map[string]func(w *tables, manifest []byte) error{
		"manifest": func(w *tables, _ []byte) error { return w.set(manifestKey(prefix), []byte("{")) },
		"version":  edit(func(m *manifest) { m.Version = 99 }),
		"name":     edit(func(m *manifest) { m.Connector = "another" }),
		"sides":    edit(func(m *manifest) { m.Sides = nil }),
		"entries":  edit(func(m *manifest) { m.Sides[0].Segments[0].Entries++ }),
		"segment":  edit(func(m *manifest) { m.Sides[0].Segments[0].ID = -5 }),
		"number":   edit(func(m *manifest) { m.Sides[0].Seq = 0 }),
		"missing log": func(w *tables, _ []byte) error {
			return w.deleteRange(segmentKey(prefix, logKind, 0, 0), segmentKey(prefix, logKind, 1, 0))
		},
		"bad log": func(w *tables, _ []byte) error { return w.set(logKey(prefix, 0, 0, 0), []byte("nonsense")) },
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			s := Open(Options{Dir: "/data", FS: vfs.NewMem(), Log: textLog(&log)})
			defer s.Close()
			l := s.Take(id, 1000)
			put(t, l, 0, "k", 100, "a")
			if err := l.Save(offsets(1)); err != nil {
				t.Fatal(err)
			}
			var old []byte
			if err := s.disk.seek(&cursor{}, func(it *pebble.Iterator) (err error) {
				old, err = get(it, manifestKey(prefix))
				return err
			}); err != nil || old == nil {
				t.Fatal(err, old)
			}
			if err := s.disk.write(0, func(w *tables) error { return damage(w, old) }); err != nil {
				t.Fatal(err)
			}
			l = s.Take(id, 1000)
			if o := l.Load(offsets(1)); o != nil {
				t.Fatalf("loaded %v", o)
			}
			if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "is not used") {
				t.Errorf("log: %s", log.String())
			}
			if l.Bytes() != 0 {
				t.Errorf("%d bytes are held", l.Bytes())
			}
			expect(t, list(t, l, 0, "k", 0, 1000))
			put(t, l, 0, "k", 100, "again")
			if err := l.Save(data.Offsets{}); err != nil {
				t.Fatal(err)
			}
			expect(t, list(t, l, 0, "k", 0, 1000), "again@100")
		})
	}
}

// A damaged database is replaced by an empty one.
func TestDamagedDatabase(t *testing.T) {
	var log strings.Builder
	fs := vfs.NewMem()
	o := Options{Dir: "/data", FS: fs, Log: textLog(&log)}
	id := ID{Connector: "c", Partition: 1}
	s := Open(o)
	l := s.Take(id, 1000)
	put(t, l, 0, "k", 100, "a")
	if err := l.Save(offsets(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("/data/join-state")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !strings.HasPrefix(n, "MANIFEST-") {
			continue
		}
		w, err := fs.Create("/data/join-state/"+n, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(strings.Repeat("damaged", 1000))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = Open(o)
	defer s.Close()
	l = s.Take(id, 1000)
	if o := l.Load(offsets(1)); o != nil {
		t.Fatalf("loaded %v", o)
	}
	if !strings.Contains(log.String(), "damaged and starts empty") {
		t.Errorf("log: %s", log.String())
	}
	put(t, l, 0, "k", 100, "b")
	if err := l.Save(offsets(1)); err != nil {
		t.Fatal(err)
	}
}
