package bson_test

import (
	"fmt"
	"strings"
	"testing"

	"culvert/converters"
	jsonconv "culvert/converters/json"
	"culvert/data"
)

// wide is a document of n fields, deep one of n levels.
func wide(n int) []byte {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `,"field_%d":%d`, i, i)
	}
	return []byte("{" + s.String()[1:] + "}")
}

func deep(n int) []byte {
	return []byte(strings.Repeat(`{"level":[`, n) + "1" + strings.Repeat("]}", n))
}

// typed is deep in an envelope: structs in arrays in structs.
func typed(n int) []byte {
	schema := `{"type":"int64"}`
	for range n {
		schema = `{"type":"struct","fields":[{"field":"level","type":"array","items":` + schema + `}]}`
	}
	return []byte(`{"schema":` + schema + `,"payload":` + string(deep(n)) + `}`)
}

// BenchmarkShapes shows that twice the fields, or twice the levels, cost twice the
// time: ns/part is the same for both sizes.
func BenchmarkShapes(b *testing.B) {
	for _, shape := range []struct {
		name string
		make func(int) []byte
		n    int
	}{{"fields", wide, 1000}, {"fields", wide, 2000}, {"depth", deep, 50}, {"depth", deep, 100}} {
		text := shape.make(shape.n)
		perPart := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(shape.n), "ns/part")
		}
		b.Run(fmt.Sprintf("%s=%d/direct", shape.name, shape.n), func(b *testing.B) {
			_, direct := jsonBoth(b)
			runDirect(b, direct, text)
			perPart(b)
		})
		b.Run(fmt.Sprintf("%s=%d/decode", shape.name, shape.n), func(b *testing.B) {
			conv, _ := jsonBoth(b)
			var a data.Arena
			for b.Loop() {
				a.Reset()
				if _, _, err := conv.Decode(text, &a); err != nil {
					b.Fatal(err)
				}
			}
			perPart(b)
		})
	}
	for _, n := range []int{50, 100, 200} {
		f, err := jsonconv.New(nil, converters.Value)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("depth=%d/envelope", n), func(b *testing.B) {
			conv, raw := f.For("t"), typed(n)
			var a data.Arena
			for b.Loop() {
				a.Reset()
				if _, _, err := conv.Decode(raw, &a); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/part")
		})
	}
}

func runDirect(b *testing.B, direct converters.Transcoder, raw []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = direct.Append(dst[:0], raw); err != nil {
			b.Fatal(err)
		}
	}
}
