package record

import "testing"

func ways(tb testing.TB) *Ways {
	tb.Helper()
	w, err := New()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.Close)
	return w
}

func BenchmarkWays(b *testing.B) {
	for _, way := range ways(b).All {
		b.Run(way.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := way.Run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(way.Records), "ns/record")
		})
	}
}

// TestAllocs holds the ways that promise it to no allocation per record beside the
// batch's arena.
func TestAllocs(t *testing.T) {
	for _, way := range ways(t).All {
		if err := way.Run(); err != nil {
			t.Fatalf("%s: %v", way.Name, err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if err := way.Run(); err != nil {
				t.Error(err)
			}
		}); way.Free && n > 0 {
			t.Errorf("%s: %v allocations", way.Name, n)
		} else if !way.Free && n == 0 {
			t.Errorf("%s: no allocation; is it measured?", way.Name)
		}
	}
}

// TestComparisons holds every promise to ways that there are.
func TestComparisons(t *testing.T) {
	w := ways(t)
	for _, c := range Comparisons {
		for _, name := range []string{c.Ours, c.Peer} {
			if _, err := w.Of(name); err != nil {
				t.Error(err)
			}
		}
	}
}
