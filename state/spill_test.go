package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"culvert/data"
	"culvert/fault"
)

// Any sequence of operations gives the same answers whether everything is in
// memory, or spilled at random moments, or saved and loaded in between.
func TestMemoryEqualsSpilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewMem()
	id := ID{Connector: "c"}
	open := func() (*Store, *Local) {
		s := Open(Options{Dir: "/data", FS: fs, MemoryBytes: 64 << 10})
		return s, s.Take(id, 20_000, 5000)
	}
	s, l := open()
	want := memory(t).Take(id, 20_000, 5000)
	now, spills, loads := int64(0), 0, 0
	tp := data.TopicPartition{Topic: "in"}
	for i := range 10_000 {
		now += int64(rnd.IntN(5))
		at := max(0, now-int64(rnd.ExpFloat64()*2000))
		side, key := rnd.IntN(2), fmt.Sprint("key", rnd.IntN(1000))
		value := fmt.Sprint(i, strings.Repeat("x", rnd.IntN(300)))
		if a, b := put(t, l, side, key, at, value), put(t, want, side, key, at, value); a != b {
			t.Fatalf("put %d: %v, want %v", i, a, b)
		}
		from := at - int64(rnd.IntN(20_000))
		to := at + int64(rnd.IntN(3000))
		key = fmt.Sprint("key", rnd.IntN(1000))
		expect(t, list(t, l, 1-side, key, from, to), list(t, want, 1-side, key, from, to)...)
		if rnd.IntN(100) == 0 {
			before := l.Bytes()
			if err := l.Checkpoint(data.Offsets{tp: int64(i)}); err != nil {
				t.Fatal(err)
			}
			if l.Bytes() < before {
				spills++
			}
		}
		if rnd.IntN(700) == 0 {
			if err := l.Save(data.Offsets{tp: int64(i)}); err != nil {
				t.Fatal(err)
			}
			if rnd.IntN(2) == 0 {
				put(t, l, 0, "key1", now, "after the snapshot: must be gone")
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s, l = open()
			} else {
				l = s.Take(id, 20_000, 5000)
			}
			if o := l.Load(data.Offsets{tp: int64(i)}); o[tp] != int64(i) {
				t.Fatalf("loaded %v at %d", o, i)
			}
			loads++
		}
	}
	if spills < 10 || loads < 3 {
		t.Errorf("only %d spills and %d loads", spills, loads)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A crash after a spill: the picture on disk is the one of the last write, and
// stands for its offsets.
func TestSpillIsASnapshot(t *testing.T) {
	s := Open(Options{Dir: "/data", FS: vfs.NewMem(), MemoryBytes: 1})
	defer s.Close()
	id := ID{Connector: "c"}
	tp := data.TopicPartition{Topic: "in"}
	l := s.Take(id, 1000)
	put(t, l, 0, "k", 1, "a")
	if err := l.Checkpoint(data.Offsets{tp: 1}); err != nil || l.Bytes() != 0 {
		t.Fatalf("checkpoint: %v, %d bytes", err, l.Bytes())
	}
	put(t, l, 0, "k", 1, "b")
	if err := l.Checkpoint(data.Offsets{tp: 2}); err != nil {
		t.Fatal(err)
	}
	put(t, l, 0, "k", 1, "lost in the crash")
	l = s.Take(id, 1000)
	if o := l.Load(data.Offsets{tp: 2}); o[tp] != 2 {
		t.Fatalf("loaded %v, want 2", o)
	}
	expect(t, list(t, l, 0, "k", 0, 10), "a@1", "b@1")
}

func TestExpiredSegmentsLeaveTheDisk(t *testing.T) {
	s := Open(Options{Dir: "/data", FS: vfs.NewMem(), MemoryBytes: 1})
	defer s.Close()
	l := s.Take(ID{Connector: "c"}, 8000)
	for i := range int64(200) {
		put(t, l, 0, "k", i*1000, strings.Repeat("x", 10_000))
		if err := l.Checkpoint(data.Offsets{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(list(t, l, 0, "k", 0, 1<<60)); n != 8 {
		t.Errorf("%d entries are visible, want 8", n)
	}
	if err := s.disk.db.Compact(t.Context(), []byte{0}, []byte{255}, false); err != nil {
		t.Fatal(err)
	}
	if size := s.disk.db.Metrics().Total().TablesSize; size > 40*10_000 {
		t.Errorf("%d bytes on disk for 8 entries of 10000", size)
	}
}

// fullDisk is a file system on which writes fail while full is set.
func fullDisk(full *atomic.Bool) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpRemove {
			return syscall.ENOSPC
		}
		return nil
	}))
}

func TestFullDisk(t *testing.T) {
	for name, when := range map[string]string{"at_first_use": "open", "while_working": "write"} {
		t.Run(name, func(t *testing.T) {
			var full atomic.Bool
			full.Store(when == "open")
			s := Open(Options{Dir: "/data", FS: fullDisk(&full), MemoryBytes: 1})
			defer s.Close()
			tp := data.TopicPartition{Topic: "in"}
			id := ID{Connector: "orders-join", Partition: 3}
			l := s.Take(id, 1000)
			if when == "write" {
				put(t, l, 0, "k", 1, "a")
				if err := l.Checkpoint(data.Offsets{tp: 1}); err != nil {
					t.Fatal(err)
				}
				full.Store(true)
			} else {
				put(t, l, 0, "k", 1, "a")
			}
			put(t, l, 0, "k", 2, "b")
			for range 3 {
				err := l.Checkpoint(data.Offsets{tp: 2})
				if !fault.Is(err, fault.Retry) || fault.Of(err).Code != CodeDisk || !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("checkpoint on a full disk: %v", err)
				}
				for _, part := range []string{"orders-join", "partition 3", "/data/join-state", "culvert.data.dir", "culvert.state.memory.bytes"} {
					if text := fault.Explain(err); !strings.Contains(text, part) {
						t.Errorf("%q is not in: %s", part, text)
					}
				}
				expect(t, list(t, l, 0, "k", 2, 10), "b@2")
			}
			full.Store(false)
			if err := l.Checkpoint(data.Offsets{tp: 2}); err != nil {
				t.Fatalf("checkpoint with room again: %v", err)
			}
			expect(t, list(t, l, 0, "k", 0, 10), "a@1", "b@2")
			l = s.Take(id, 1000)
			if o := l.Load(data.Offsets{tp: 2}); o[tp] != 2 {
				t.Fatalf("loaded %v, want 2", o)
			}
			expect(t, list(t, l, 0, "k", 0, 10), "a@1", "b@2")
		})
	}
}

// A snapshot that cannot be written is not an error: nothing depends on it.
func TestSnapshotOnFullDisk(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	s := Open(Options{Dir: "/data", FS: fullDisk(&full), SnapshotEvery: 1})
	defer s.Close()
	l := s.Take(ID{Connector: "c"}, 1000)
	put(t, l, 0, "k", 1, "a")
	if err := l.Checkpoint(data.Offsets{}); err != nil {
		t.Fatal(err)
	}
	expect(t, list(t, l, 0, "k", 0, 10), "a@1")
}

func TestUnreadableSpill(t *testing.T) {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return syscall.EIO
		}
		return nil
	}))
	s := Open(Options{Dir: "/data", FS: fs, MemoryBytes: 1})
	l := s.Take(ID{Connector: "c"}, 1000)
	put(t, l, 0, "k", 1, "a")
	if err := l.Checkpoint(data.Offsets{}); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	err := l.Fetch(0, []byte("k"), 0, 10, func(Entry) error { return nil })
	if !IsLost(err) || !fault.Is(err, fault.Retry) {
		t.Fatalf("fetch: %v, want %s", err, CodeLost)
	}
	broken.Store(false)
	if again := s.Take(ID{Connector: "c"}, 1000); again.Load(data.Offsets{}) != nil {
		t.Error("loaded what could not be read")
	} else {
		l = again
	}
	l.Discard()
	expect(t, list(t, l, 0, "k", 0, 10))
	put(t, l, 0, "k", 1, "restored")
	if err := l.Checkpoint(data.Offsets{}); err != nil {
		t.Fatal(err)
	}
	expect(t, list(t, l, 0, "k", 0, 10), "restored@1")
}

// An owner that was abandoned cannot write over its successor's state.
func TestTakeFencesTheOldOwner(t *testing.T) {
	s := Open(Options{Dir: "/data", FS: vfs.NewMem(), MemoryBytes: 1})
	defer s.Close()
	id := ID{Connector: "c", Partition: 1}
	old := s.Take(id, 1000)
	put(t, old, 0, "k", 1, "a")
	if err := old.Checkpoint(offsets(1)); err != nil {
		t.Fatal(err)
	}
	l := s.Take(id, 1000)
	if o := l.Load(offsets(1)); o == nil {
		t.Fatal("not loaded")
	}
	put(t, old, 0, "k", 2, "from the dead")
	for what, err := range map[string]error{
		"save": old.Save(offsets(2)), "checkpoint": old.Checkpoint(offsets(2)),
		"fetch": old.Fetch(0, []byte("k"), 0, 10, func(Entry) error { return nil }),
	} {
		if !fault.Is(err, fault.Fenced) {
			t.Errorf("%s of the old owner: %v, want Fenced", what, err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, l, 0, "k", 3, "b")
	if err := l.Save(offsets(2)); err != nil {
		t.Fatal(err)
	}
	expect(t, list(t, l, 0, "k", 0, 10), "a@1", "b@3")
}

// Two workers on one folder: the second is told, and works in memory.
func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	one, two := Open(Options{Dir: dir, MemoryBytes: 1}), Open(Options{Dir: dir, MemoryBytes: 1})
	defer one.Close()
	defer two.Close()
	for i, s := range []*Store{one, two} {
		l := s.Take(ID{Connector: "c"}, 1000)
		put(t, l, 0, "k", 1, "a")
		err := l.Checkpoint(data.Offsets{})
		if i == 0 {
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !fault.Is(err, fault.Retry) || !strings.Contains(fault.Explain(err), "culvert.data.dir of its own") {
			t.Errorf("second worker: %v", fault.Explain(err))
		}
		expect(t, list(t, l, 0, "k", 0, 10), "a@1")
	}
	// The first is not disturbed.
	l := one.Take(ID{Connector: "c"}, 1000)
	if o := l.Load(data.Offsets{}); o == nil {
		t.Error("not loaded")
	}
}

func TestFolderNotWritable(t *testing.T) {
	dir := t.TempDir() + "/file"
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Open(Options{Dir: dir, MemoryBytes: 1})
	defer s.Close()
	l := s.Take(ID{Connector: "c"}, 1000)
	if o := l.Load(data.Offsets{}); o != nil {
		t.Fatal(o)
	}
	put(t, l, 0, "k", 1, "a")
	if err := l.Checkpoint(data.Offsets{}); !fault.Is(err, fault.Retry) || fault.Of(err).Code != CodeDisk {
		t.Errorf("checkpoint: %v", err)
	}
}

// A power failure at any moment leaves the picture of a write that was made, and
// everything that a returned write has promised.
func TestPowerFailure(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	if err := fs.MkdirAll("/data", 0o755); err != nil { // the user's, and there for long
		t.Fatal(err)
	}
	if dir, err := fs.OpenDir("/"); err != nil || dir.Sync() != nil {
		t.Fatal(err)
	}
	tp := data.TopicPartition{Topic: "in"}
	id := ID{Connector: "c"}
	s := Open(Options{Dir: "/data", FS: fs, MemoryBytes: 16 << 10})
	l := s.Take(id, 1<<40)
	written := int64(0)
	for i := int64(1); i <= 2000; i++ {
		put(t, l, 0, fmt.Sprint("key", i%50), i, fmt.Sprint(i))
		if rnd.IntN(100) == 0 {
			if err := l.Save(data.Offsets{tp: i}); err != nil {
				t.Fatal(err)
			}
			written = i
		}
		if rnd.IntN(20) == 0 {
			before := l.Bytes()
			if err := l.Checkpoint(data.Offsets{tp: i}); err != nil {
				t.Fatal(err)
			}
			if l.Bytes() < before {
				written = i
			}
		}
		if rnd.IntN(250) > 0 {
			continue
		}
		crashed := Open(Options{Dir: "/data", FS: fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rnd.IntN(101), RNG: rnd})})
		c := crashed.Take(id, 1<<40)
		o := c.Load(data.Offsets{tp: i})
		if o[tp] != written {
			t.Fatalf("at %d: loaded %v, want %d", i, o, written)
		}
		n := 0
		for k := range 50 {
			n += len(list(t, c, 0, fmt.Sprint("key", k), 0, 1<<40))
		}
		if int64(n) != written {
			t.Fatalf("at %d: %d entries, want %d", i, n, written)
		}
		if err := crashed.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Partitions of several tasks work at once, and move between them.
func TestConcurrentOwners(t *testing.T) {
	s := Open(Options{Dir: "/data", FS: vfs.NewMem(), MemoryBytes: 64 << 10})
	defer s.Close()
	var g sync.WaitGroup
	for p := range int32(4) {
		for range 2 { // two owners in turn, neither knowing of the other
			g.Go(func() {
				id := ID{Connector: "c", Partition: p}
				for life := range 5 {
					l := s.Take(id, 1<<40)
					l.Load(offsets(1 << 40))
					for i := range int64(200) {
						put(t, l, 0, fmt.Sprint(i), i, strings.Repeat("x", 100))
						err := l.Fetch(0, []byte(fmt.Sprint(i)), 0, 1<<40, func(Entry) error { return nil })
						if err == nil && i%20 == 0 {
							err = l.Checkpoint(data.Offsets{{Topic: "l", Partition: 1}: int64(life)})
						}
						if fault.Is(err, fault.Fenced) {
							break
						}
						if err != nil {
							t.Error(err)
						}
					}
					if err := l.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	g.Wait()
	if held := s.Bytes(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
}

func TestDrop(t *testing.T) {
	s := Open(Options{Dir: "/data", FS: vfs.NewMem()})
	defer s.Close()
	if err := s.Drop("never was"); err != nil || s.disk.used() {
		t.Errorf("a database was made to delete nothing: %v", err)
	}
	for _, c := range []string{"gone", "stays"} {
		l := s.Take(ID{Connector: c, Partition: 1}, 1000)
		put(t, l, 0, "k", 1, c)
		if err := errors.Join(l.Save(offsets(1)), l.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drop("gone"); err != nil {
		t.Fatal(err)
	}
	for c, want := range map[string]bool{"gone": false, "stays": true} {
		if got := s.Take(ID{Connector: c, Partition: 1}, 1000).Load(offsets(1)) != nil; got != want {
			t.Errorf("%s: loaded is %v", c, got)
		}
	}
}
