package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"culvert/data"
	"culvert/state"
)

// event is a record of a random input.
type sample struct {
	side       int
	key, value string
	time       int64
}

// samples makes inputs with few keys, out of order by up to a few seconds. Their
// values are unique, so that a row names its pair.
func samples(rnd *rand.Rand, n int) []sample {
	all := make([]sample, n)
	now := int64(100_000)
	for i := range all {
		now += rnd.Int64N(400)
		t := now - int64(rnd.ExpFloat64()*1500)
		if rnd.IntN(50) == 0 {
			t = max(0, t-rnd.Int64N(100_000)) // hopelessly late
		}
		all[i] = sample{rnd.IntN(2), fmt.Sprint(rnd.IntN(20)), fmt.Sprint("v", i), t}
	}
	return all
}

// naive is the join as the rules say it: lists, and the time of each side.
type naive struct {
	before, after, retention int64
	kept                     [2][]sample
	time                     [2]int64
}

func newNaive(c *config) *naive {
	return &naive{before: c.before.ms, after: c.after.ms, retention: c.retention(), time: [2]int64{-1, -1}}
}

func (n *naive) process(s sample) []string {
	other := 1 - s.side
	var hits []sample
	for _, o := range n.kept[other] {
		l, r := s.time, o.time
		if s.side == 1 {
			l, r = r, l
		}
		if o.key == s.key && l-n.before <= r && r <= l+n.after && o.time > n.time[other]-n.retention {
			hits = append(hits, o)
		}
	}
	slices.SortStableFunc(hits, func(a, b sample) int { return int(a.time - b.time) })
	var rows []string
	for _, o := range hits {
		l, r := s, o
		if s.side == 1 {
			l, r = r, l
		}
		rows = append(rows, fmt.Sprintf("(%s,%s)@%d", l.value, r.value, max(l.time, r.time)))
	}
	n.kept[s.side] = append(n.kept[s.side], s)
	n.time[s.side] = max(n.time[s.side], s.time)
	return rows
}

var joins = []map[string]string{
	{"within": "10 s", "grace": "0"},
	{"within": "2 s", "grace": "20 s"},
	{"before": "0", "after": "5 s", "grace": "1 s"},
	{"within": "2 minutes"},
}

func (s sample) String() string {
	return fmt.Sprintf("%s%s %s@%d", []string{"L", "R"}[s.side], s.key, s.value, s.time)
}

func texts(all []sample) []string {
	out := make([]string, len(all))
	for i := range all {
		out[i] = all[i].String()
	}
	return out
}

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 7))
}

// The join of any input is that of the naive reference, row by row and in order,
// however the input is cut into batches.
func TestEqualsReference(t *testing.T) {
	rnd := seeded(t)
	rows := 0
	for _, props := range joins {
		for range 5 {
			b := newBench(t, props)
			ref := newNaive(&b.p.c)
			all := samples(rnd, 800)
			var got, want []string
			for len(all) > 0 {
				n := min(len(all), 1+rnd.IntN(100))
				got = append(got, b.feed(texts(all[:n])...)...)
				for _, s := range all[:n] {
					want = append(want, ref.process(s)...)
				}
				all = all[n:]
			}
			rows += len(want)
			equal(t, fmt.Sprint(props), got, want)
		}
	}
	if rows < 500 {
		t.Errorf("only %d rows were compared", rows)
	}
}

// As long as nothing expires, the set of rows does not depend on how the two
// sides are interleaved.
func TestAnyInterleaving(t *testing.T) {
	rnd := seeded(t)
	for range 10 {
		all := samples(rnd, 400)
		var want []string
		for range 4 {
			b := newBench(t, map[string]string{"within": "3 s", "grace": "10 days"})
			var sides [2][]sample
			for _, s := range all {
				sides[s.side] = append(sides[s.side], s)
			}
			var mixed []sample
			for len(sides[0])+len(sides[1]) > 0 {
				n := 0
				if rnd.IntN(len(sides[0])+len(sides[1])) >= len(sides[0]) {
					n = 1
				}
				mixed, sides[n] = append(mixed, sides[n][0]), sides[n][1:]
			}
			got := b.feed(texts(mixed)...)
			slices.Sort(got)
			if want == nil {
				want = got
			}
			equal(t, "interleaving", got, want)
		}
		if len(want) == 0 {
			t.Error("no rows")
		}
	}
}

// A record that can be half of no row fails by itself: the rows are those of the
// other records, wherever it stands, whatever it meets.
func TestBadRecordsFailAlone(t *testing.T) {
	rnd := seeded(t)
	other := data.NewStruct("other", data.Field{Name: "x", Schema: optText})
	rows := 0
	for range 20 {
		b := newBench(t, map[string]string{"within": "10 s", "select": "left.v AS left_v, right.v AS right_v"})
		ref := newNaive(&b.p.c)
		all := samples(rnd, 200)
		in, out := batch(t, texts(all)...), data.NewBatch()
		var want []string
		bad := map[int32]bool{}
		for i, s := range all {
			switch rnd.IntN(8) {
			case 0:
				in.Records[i].Value.Set(data.OfStruct([]data.Value{data.OfString("no v")}), other)
			case 1:
				in.Records[i].Value.Set(data.OfString("no object"), textKey.schema)
			default:
				want = append(want, ref.process(s)...)
				continue
			}
			bad[int32(i)] = true
		}
		if err := b.j.Process(in, out, b.st); err != nil {
			t.Fatal(err)
		}
		equal(t, "rows", format(t, out), want)
		rows += len(want)
		for _, f := range in.Failed() {
			if !bad[int32(f.Index)] {
				t.Errorf("record %d failed: %v", f.Index, f.Err)
			}
			delete(bad, int32(f.Index))
		}
		if len(bad) > 0 {
			t.Errorf("records %v did not fail", bad)
		}
	}
	if rows == 0 {
		t.Error("no rows")
	}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("%s: %d rows, want %d; from row %d on\n got %s\nwant %s", what, len(got), len(want), i,
				strings.Join(got[min(i, len(got)):min(i+3, len(got))], " "), strings.Join(want[min(i, len(want)):min(i+3, len(want))], " "))
		}
	}
}

// life is a join that is killed and restored as the runner does it.
type life struct {
	t     *testing.T
	p     *Plan
	store *state.Store
	st    *state.Local
	j     *Join
}

var life0 = data.TopicPartition{Topic: "merged"} // the position in the merged input

func (l *life) start() {
	l.st = l.store.Take(state.ID{Connector: "c", Shape: l.p.Shape()}, l.p.Retention("L"), l.p.Retention("R"))
	l.j = l.p.Make(0).(*Join)
	l.j.Decoders(func(topic string) (key, value data.Decoder) {
		if topic == "L" {
			return textKey, leftV
		}
		return textKey, rightV
	})
}

func (l *life) process(all []sample) []string {
	if len(all) == 0 {
		return nil
	}
	in, out := batch(l.t, texts(all)...), data.NewBatch()
	if err := l.j.Process(in, out, l.st); err != nil {
		l.t.Fatal(err)
	}
	return format(l.t, out)
}

// Killed at any record and restored by replay alone, or from a snapshot and
// replay, in memory or spilled: the rows are those of the uninterrupted run.
func TestRestore(t *testing.T) {
	rnd := seeded(t)
	for i, props := range joins {
		for _, where := range []struct {
			name string
			o    state.Options
		}{
			{"replay", state.Options{}},
			{"snapshot", state.Options{Dir: "/data", FS: vfs.NewMem(), SnapshotEvery: 1}},
			{"spilled", state.Options{Dir: "/data", FS: vfs.NewMem(), MemoryBytes: 6 << 10}},
		} {
			t.Run(fmt.Sprint(where.name, i), func(t *testing.T) {
				all := samples(rnd, 1200)
				b := newBench(t, props)
				ref := newNaive(&b.p.c)
				var want []string
				for _, s := range all {
					want = append(want, ref.process(s)...)
				}
				l := &life{t: t, p: b.p, store: state.Open(where.o)}
				defer l.store.Close()
				l.start()
				var got []string
				lives, loaded := 0, 0
				for pos, batches := 0, 1; pos < len(all); batches++ {
					n := min(len(all)-pos, 1+rnd.IntN(100))
					got = append(got, l.process(all[pos:pos+n])...)
					pos += n
					if rnd.IntN(3) > 0 || batches%3 == 0 {
						if err := l.st.Checkpoint(data.Offsets{life0: int64(pos)}); err != nil {
							t.Fatal(err)
						}
					}
					if rnd.IntN(4) > 0 && batches%5 != 0 {
						continue
					}
					// The batch after the commit is lost with the process.
					l.process(all[pos:min(len(all), pos+rnd.IntN(100))])
					l.start()
					from := 0
					if o := l.st.Load(data.Offsets{life0: int64(pos)}); o != nil {
						from = int(o[life0])
						loaded++
					}
					l.process(all[from:pos])
					lives++
				}
				equal(t, "rows", got, want)
				if lives < 2 || where.name != "replay" && loaded < 2 {
					t.Errorf("%d lives, %d snapshots loaded", lives, loaded)
				}
			})
		}
	}
}

// What cannot be kept in wire form, because a transformation made it, comes back
// as it was.
func TestPackedRecords(t *testing.T) {
	b := newBench(t, map[string]string{"within": "10 s"})
	in, out := batch(t, "L1 a@1", "R1 b@2"), data.NewBatch()
	schema := data.NewStruct("made", data.Field{Name: "v", Schema: optText}, data.Field{Name: "n", Schema: data.ArrayOf(data.Of(data.Int64))})
	in.Records[0].Value.Set(data.OfStruct([]data.Value{data.OfString("made"), data.OfArray([]data.Value{data.OfInt64(-7)})}), schema)
	if err := b.j.Process(in, out, b.st); err != nil || len(in.Failed()) > 0 {
		t.Fatal(err, in.Failed())
	}
	v, s, _ := out.Records[0].Value.Value(nil)
	n, ns, _ := field(v, s, "n")
	if lv, _, _ := field(v, s, "left_v"); lv.Str() != "made" || n.Elems()[0].Int() != -7 || !ns.Equal(schema.Fields[1].Schema) {
		t.Errorf("row %s", render(v, s))
	}
}

// A key that is a struct comes back with the schema of the left side, whichever
// side came first.
func TestStructKey(t *testing.T) {
	left := data.NewStruct("left_key", data.Field{Name: "id", Schema: data.Of(data.Int64)})
	right := data.NewStruct("right_key", data.Field{Name: "id", Schema: data.Of(data.Int64)})
	for _, events := range [][]string{{"L1 a@1", "R1 b@2"}, {"R1 b@2", "L1 a@1"}} {
		b := newBench(t, map[string]string{"within": "10 s"})
		in, out := batch(t, events...), data.NewBatch()
		for i := range in.Records {
			s := left
			if in.Records[i].Topic == "R" {
				s = right
			}
			in.Records[i].Key.Set(data.OfStruct([]data.Value{data.OfInt64(1)}), s)
		}
		if err := b.j.Process(in, out, b.st); err != nil || len(out.Records) != 1 {
			t.Fatal(err, in.Failed())
		}
		if k, s, _ := out.Records[0].Key.Value(nil); !s.Equal(left) || k.Elems()[0].Int() != 1 {
			t.Errorf("%v: key with schema %s", events, s.Name)
		}
	}
}

func randomValue(rnd *rand.Rand, depth int) (data.Value, *data.Schema) {
	kinds := []data.Kind{data.Bool, data.Int8, data.Int16, data.Int32, data.Int64, data.Float32, data.Float64, data.String, data.Bytes,
		data.Decimal, data.Date, data.Time, data.Timestamp, data.Array, data.Map, data.Struct}
	if depth == 0 {
		kinds = kinds[:13]
	}
	k := kinds[rnd.IntN(len(kinds))]
	s := data.Of(k)
	s.Doc, s.Params = fmt.Sprint(rnd.IntN(3)), []data.Param{{Name: "p", Value: "q"}}
	if rnd.IntN(4) == 0 {
		s = s.AsOptional()
		if rnd.IntN(2) == 0 {
			s.HasDefault = true
			return data.Value{}, s
		}
	}
	n := rnd.Int64() >> rnd.IntN(64)
	switch k {
	case data.Bool:
		return data.OfBool(n&1 == 0), s
	case data.Int8:
		return data.OfInt8(int8(n)), s
	case data.Int16:
		return data.OfInt16(int16(n)), s
	case data.Int32:
		return data.OfInt32(int32(n)), s
	case data.Int64:
		return data.OfInt64(n), s
	case data.Float32:
		return data.OfFloat32(float32(n) / 3), s
	case data.Float64:
		return data.OfFloat64(float64(n) / 3), s
	case data.String:
		return data.OfString(fmt.Sprint(n)), s
	case data.Bytes:
		return data.OfBytes([]byte(fmt.Sprint(n))), s
	case data.Decimal:
		return data.OfDecimal([]byte{byte(n), byte(n >> 8)}, int32(n%10)), s
	case data.Date:
		return data.OfDate(n), s
	case data.Time:
		return data.OfTime(n), s
	case data.Timestamp:
		return data.OfTimestamp(n), s
	}
	var elems []data.Value
	var fields []data.Field
	e, es := randomValue(rnd, depth-1)
	for i := range rnd.IntN(4) {
		if k == data.Struct {
			e, es = randomValue(rnd, depth-1)
			fields = append(fields, data.Field{Name: fmt.Sprint("f", i), Schema: es})
		}
		if k == data.Map {
			elems = append(elems, data.OfString(fmt.Sprint(i)))
		}
		elems = append(elems, e)
	}
	switch k {
	case data.Array:
		return data.OfArray(elems), data.ArrayOf(es)
	case data.Map:
		return data.OfMap(elems), data.MapOf(data.Of(data.String), es)
	}
	return data.OfStruct(elems), data.NewStruct("s", fields...)
}

func TestPackRoundTrip(t *testing.T) {
	rnd := seeded(t)
	var p packer
	for range 3000 {
		v, s := randomValue(rnd, 4)
		if rnd.IntN(5) == 0 && v.Kind() != data.Struct {
			s = nil
		}
		raw, err := p.pack(nil, v, s)
		if err != nil {
			t.Fatal(err)
		}
		got, gs, err := p.unpack(raw, &data.Arena{})
		if err != nil || !got.Equal(v) || !gs.Equal(s) {
			t.Fatalf("%v %+v came back as %v %+v, %v", v, s, got, gs, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var p packer
	for range 20 {
		v, s := randomValue(rnd, 3)
		raw, err := p.pack([]byte{flagPacked}, v, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{flagKey | flagPrint, 1, 2, 3, 4, 1, 'k', 'v'})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseStored(b)
		if err != nil {
			return
		}
		if again := e.append(nil); e.flags&flagKey == 0 && string(again) != string(b) {
			t.Errorf("%x came back as %x", b, again)
		}
		var p packer
		for _, part := range [][]byte{e.value, e.key} {
			v, s, err := p.unpack(part, &data.Arena{})
			if err != nil {
				continue
			}
			raw, err := p.pack(nil, v, s)
			if err != nil {
				continue // nests too deep to be written
			}
			if got, gs, err := p.unpack(raw, nil); err != nil || !got.Equal(v) || !gs.Equal(s) {
				t.Errorf("%x: %v", part, err)
			}
		}
	})
}

// Values of equal type have equal key bytes exactly when they are equal.
func TestKeyBytesAreInjective(t *testing.T) {
	rnd := seeded(t)
	seen := map[string]data.Value{}
	for range 20_000 {
		v, _ := randomValue(rnd, 2)
		raw := string(appendKey(nil, v))
		if o, ok := seen[raw]; ok && !o.Equal(v) && v.Kind() != data.Float32 && v.Kind() != data.Float64 && v.Kind() < data.Array {
			t.Fatalf("%v and %v have the key %x", o, v, raw)
		}
		seen[raw] = v
		if string(appendKey(nil, v.Clone())) != raw {
			t.Fatalf("%v has two keys", v)
		}
	}
}
