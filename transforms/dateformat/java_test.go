package dateformat

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

var unescape = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n")

// TestJava compares with what Java said of random patterns: C lines hold a pattern
// and the text of its error, F lines a pattern, a time and its text, P lines a
// pattern, a text and its time.
func TestJava(t *testing.T) {
	f, err := os.Open("testdata/java17.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	cases := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		cases++
		parts := strings.Split(lines.Text(), "\t")
		for i := range parts {
			parts[i] = unescape.Replace(parts[i])
		}
		format, err := New(parts[1])
		if parts[0] == "C" {
			if err == nil || err.Error() != parts[2] {
				t.Errorf("%q: %v, want %q", parts[1], err, parts[2])
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", parts[1], err)
			continue
		}
		if got := answer(format, parts[0], parts[2]); got != parts[3] {
			t.Errorf("%s %q %q: %q, want %q", parts[0], parts[1], parts[2], got, parts[3])
		}
	}
	if cases < 100 {
		t.Errorf("%d cases", cases)
	}
}

func answer(f *Format, op, input string) string {
	if op == "F" {
		ms, err := strconv.ParseInt(input, 10, 64)
		if err != nil {
			return err.Error()
		}
		return string(f.Append(nil, ms))
	}
	ms, err := f.Parse(input)
	if err != nil {
		return "ERR"
	}
	return strconv.FormatInt(ms, 10)
}

func TestPatternErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"b": "Illegal pattern character 'b'", "bad{": "Illegal pattern character 'b'", "'x": "Unterminated quote", "XXXX": "invalid ISO 8601 format: length=4", "XXXXb": "Illegal pattern character 'b'", "XXXX'b'": "invalid ISO 8601 format: length=4",
	} {
		if _, err := New(pattern); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", pattern, err, want)
		}
	}
}

// TestNumbersAreNotCut: Java takes the low 32 bits of a longer number, here of the
// fraction of a second in nanoseconds and beyond.
func TestNumbersAreNotCut(t *testing.T) {
	f, err := New("HH:mm:ss.SSS")
	if err != nil {
		t.Fatal(err)
	}
	if ms, err := f.Parse("00:00:01.123456789"); err != nil || ms != 1000+123456789 { // as Java: lenient, not a fraction
		t.Errorf("%d, %v", ms, err)
	}
	if ms, err := f.Parse("00:00:01.123456789012"); err == nil {
		t.Errorf("%d for a number of 12 digits", ms)
	}
}

// TestRoundTrip: what is written with date and time is read as the same time, far
// from today as well.
func TestRoundTrip(t *testing.T) {
	f, err := New("G yyyyy-MM-dd HH:mm:ss.SSS Z")
	if err != nil {
		t.Fatal(err)
	}
	for ms := int64(-100_000_000_000_000); ms < 100_000_000_000_000; ms += 7_654_321_987 {
		if got, err := f.Parse(string(f.Append(nil, ms))); err != nil || got != ms {
			t.Fatalf("%s is read as %d, %v, want %d", f.Append(nil, ms), got, err, ms)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2023-11-14T22:13:20.123+01:00")
	f.Add("EEE, d MMM yy G", "Tue, 14 Nov 23 AD")
	f.Add("YYYY-'W'ww-u F W D z", "2023-W46-2 1 1 1 GMT+1:00")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		format, err := New(pattern)
		if err != nil {
			return
		}
		if ms, err := format.Parse(text); err == nil {
			format.Append(nil, ms)
		}
	})
}
