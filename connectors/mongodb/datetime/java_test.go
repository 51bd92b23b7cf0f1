package datetime

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestJava holds every recorded answer of Java 17: a pattern, a language, a text, and
// the milliseconds, "-" for a text that is no time, "bad" for a pattern that is none.
func TestJava(t *testing.T) {
	text, err := os.ReadFile("testdata/java17.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		n++
		if got := answer(part[0], part[1], part[2]); got != part[3] {
			t.Errorf("%q in %q, language %q: %s, want %s", part[2], part[0], part[1], got, part[3])
		}
	}
	if n < 3000 {
		t.Fatalf("only %d answers", n)
	}
}

func answer(pattern, language, text string) string {
	f, err := New(pattern, language)
	if err != nil {
		return "bad"
	}
	ms, ok := f.Parse(text)
	if !ok {
		return "-"
	}
	return strconv.FormatInt(ms, 10)
}

func FuzzParse(f *testing.F) {
	f.Add("yyyy-MM-dd[['T'][ ]][HH:mm:ss[ ]VV]", "de", "2020-01-02T03:04:05Z")
	f.Add("d MMM yyyyHHmm", "", "2 Jan 20201200")
	f.Fuzz(func(t *testing.T, pattern, language, text string) {
		format, err := New(pattern, language)
		if err != nil {
			return
		}
		a, ok := format.Parse(text)
		if b, again := format.Parse(text); a != b || ok != again {
			t.Fatalf("%q in %q: %d %t, then %d %t", text, pattern, a, ok, b, again)
		}
	})
}
