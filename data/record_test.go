package data

import (
	"errors"
	"testing"
)

// counting is a decoder that counts its calls and fails when told to.
type counting struct {
	calls int
	err   error
}

func (d *counting) Decode(raw []byte, a *Arena) (Value, *Schema, error) {
	d.calls++
	return OfText(a.Copy(raw)), Of(String), d.err
}

func TestCellDecodesOnce(t *testing.T) {
	for _, err := range []error{nil, errors.New("bad")} {
		d := &counting{err: err}
		c := WireCell([]byte("x"), d)
		if raw, from, ok := c.Wire(); !ok || string(raw) != "x" || from != Decoder(d) || d.calls != 0 {
			t.Fatal("the wire form is not as given")
		}
		for range 2 {
			if _, _, got := c.Value(nil); got != err { //nolint:errorlint // the very same
				t.Errorf("error %v, want %v", got, err)
			}
		}
		if d.calls != 1 {
			t.Errorf("decoded %d times", d.calls)
		}
		if _, _, ok := c.Wire(); !ok {
			t.Error("looking at a cell took its wire form away")
		}
		c.Set(OfInt32(1), nil)
		if _, _, ok := c.Wire(); ok {
			t.Error("a cell that was set still shows its old bytes")
		}
	}
	tombstone := WireCell(nil, &counting{})
	if !tombstone.IsNull() {
		t.Error("no bytes are not null")
	}
}

func TestBatch(t *testing.T) {
	b := NewBatch()
	for i := range 5 {
		b.Append().Offset = int64(i)
	}
	b.Fail(3, StagePut, errors.New("first"))
	b.FailBy(3, StageTransformation, "X", errors.New("second"))
	if f := b.Failed(); len(f) != 1 || f[0].Err.Error() != "first" {
		t.Errorf("failures %v; the first of a record counts", f)
	}
	b.ClearFailed()
	b.Remove(func(i int) bool { return i%2 == 0 })
	if len(b.Records) != 3 || b.Records[1].Offset != 2 || b.Records[2].Offset != 4 {
		t.Errorf("records %v", b.Records)
	}
	p, q := OfMap([]Value{OfString("file"), OfString("a")}), OfMap([]Value{OfString("file"), OfString("b")})
	b.Mark(p, OfInt64(1))
	b.Mark(q, OfInt64(7))
	b.Mark(OfMap([]Value{OfString("file"), OfString("a")}), OfInt64(2))
	if m := b.Marks(); len(m) != 2 || m[0].Next.Int() != 2 || m[1].Next.Int() != 7 {
		t.Errorf("marks %v; a later one replaces that of an equal partition", m)
	}
	b.Release()
	if len(b.Records)+len(b.Marks())+len(b.Failed())+len(b.Inputs) != 0 {
		t.Error("something is left after Release")
	}
}

func TestArenaPartsDoNotOverlap(t *testing.T) {
	for _, a := range []*Arena{nil, {}} {
		x := append(a.Bytes(3), "abc"...)
		y := a.Copy([]byte("def"))
		x = append(x, 'X') // beyond what was asked for
		if string(y) != "def" || string(x) != "abcX" {
			t.Errorf("%q %q", x, y)
		}
		v := a.Values(2)
		w := a.Values(100_000)
		v[1] = OfInt8(1)
		if !w[0].IsNull() || len(w) != 100_000 {
			t.Error("values overlap")
		}
		if a != nil {
			a.Reset()
			if r := a.Values(2); !r[1].IsNull() {
				t.Error("memory is not cleared")
			}
		}
	}
}

func TestBatchesDoNotAllocateAgain(t *testing.T) {
	b := NewBatch()
	fill := func() {
		for range 100 {
			r := b.Append()
			r.Value.Set(OfStruct(b.Arena.Values(8)), nil)
			_ = b.Arena.Copy([]byte("some text"))
		}
		b.Release()
	}
	fill()
	if n := testing.AllocsPerRun(100, fill); n > 0 {
		t.Errorf("%v allocations for a batch that was released before", n)
	}
}
