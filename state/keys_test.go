package state

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"testing"
)

// Pebble asks of a comparer that the order of keys is that of what is before
// the split, and then of what is behind it; also for the keys that it makes
// itself, by shortening ours.
func TestSplitKeepsTheOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	few := func() uint64 { return uint64(rnd.IntN(2) * rnd.IntN(300)) }
	prefix := localPrefix(ID{Connector: "c"})
	random := func() []byte {
		switch side, segment := rnd.IntN(2), int64(few()); rnd.IntN(4) {
		case 0:
			return logKey(prefix, side, segment, int(few()))
		case 1:
			return manifestKey(prefix)
		default:
			return spillKey(segmentKey(prefix, spillKind, side, segment), few(), int64(few()), few())
		}
	}
	keys, short := [][]byte{prefix}, 0
	for range 300 {
		a, b := random(), random()
		if bytes.Compare(a, b) > 0 {
			a, b = b, a
		}
		separator := comparer.Separator(nil, a, b)
		if len(separator) < len(a) {
			short++
		}
		keys = append(keys, a, b, separator, comparer.Successor(nil, a))
	}
	if short < 10 {
		t.Errorf("only %d keys were shortened", short)
	}
	for _, a := range keys {
		for _, b := range keys {
			na, nb := splitKey(a), splitKey(b)
			want := cmp.Or(bytes.Compare(a[:na], b[:nb]), bytes.Compare(a[na:], b[nb:]))
			if got := comparer.Compare(a, b); got != want {
				t.Fatalf("%x and %x compare as %d, their parts as %d", a, b, got, want)
			}
		}
	}
}
