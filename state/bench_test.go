package state

import (
	"encoding/binary"
	"os"
	"testing"

	"culvert/data"
)

// BenchmarkPair puts one record on each side and fetches the other's, as a join
// of records of 300 bytes within 24 hours does.
func BenchmarkPair(b *testing.B) {
	for _, spill := range []bool{false, true} {
		b.Run(map[bool]string{false: "memory", true: "spilled"}[spill], func(b *testing.B) {
			o := Options{}
			if spill {
				dir, err := os.MkdirTemp("", "culvert-state")
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = os.RemoveAll(dir) })
				o = Options{Dir: dir, MemoryBytes: 64 << 20}
			}
			s := Open(o)
			b.Cleanup(func() { _ = s.Close() })
			l := s.Take(ID{Connector: "c"}, 48*hour, 48*hour)
			value := make([]byte, 300)
			key := []byte("order-0000000000")
			n := 0
			yield := func(Entry) error { n++; return nil }
			// A million pairs in 24 hours.
			at := func(i int) int64 { return int64(i) * 86 }
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				binary.BigEndian.PutUint64(key[8:], uint64(i))
				for side := range 2 {
					if err := l.Fetch(1-side, key, at(i)-24*hour, at(i)+24*hour, yield); err != nil {
						b.Fatal(err)
					}
					if _, err := l.Put(side, key, at(i), value); err != nil {
						b.Fatal(err)
					}
				}
				if i%1000 == 999 {
					if err := l.Checkpoint(data.Offsets{}); err != nil {
						b.Fatal(err)
					}
				}
			}
			if n != b.N {
				b.Errorf("%d matches of %d pairs", n, b.N)
			}
		})
	}
}

// Putting and fetching allocate nothing but the arenas.
func TestAllocations(t *testing.T) {
	l := memory(t).Take(ID{Connector: "c"}, 48*hour, 48*hour)
	value, key := make([]byte, 300), []byte("order-0000000000")
	i, n := 0, 0
	yield := func(Entry) error { n++; return nil }
	pair := func() {
		binary.BigEndian.PutUint64(key[8:], uint64(i))
		for side := range 2 {
			if err := l.Fetch(1-side, key, int64(i)-24*hour, int64(i)+24*hour, yield); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Put(side, key, int64(i), value); err != nil {
				t.Fatal(err)
			}
		}
		i++
	}
	for range 5000 {
		pair()
	}
	// A chunk of 1 MiB takes 3000 records, the index grows once in a while.
	if got := testing.AllocsPerRun(1000, func() {
		for range 10 {
			pair()
		}
	}); got > 0.1 {
		t.Errorf("%v allocations for 10 pairs", got)
	}
	if n != i {
		t.Errorf("%d matches of %d pairs", n, i)
	}
}
