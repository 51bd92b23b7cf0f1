package regex

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestJava compares with what Java said of random expressions: E lines hold an
// expression and the text of its error, M lines an expression, a text, whether it
// matches, and what replaceFirst("<$0>") makes of it, A lines what replaceAll does.
func TestJava(t *testing.T) {
	f, err := os.Open("testdata/java17.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	cases := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		parts := strings.Split(lines.Text(), "\t")
		for i := range parts {
			parts[i] = unescape(t, parts[i])
		}
		switch parts[0] {
		case "E":
			cases++
			if _, err := Compile(parts[1]); err == nil || err.Error() != parts[2] {
				t.Errorf("%q: %v, want %q", parts[1], err, parts[2])
			}
		case "M":
			cases++
			compareMatch(t, parts[1], parts[2], parts[3], parts[4])
		case "A":
			cases++
			p, err := Compile(parts[1])
			if err != nil {
				t.Fatal(err)
			}
			if got, err := p.ReplaceAll(parts[2], "<$0>"); err != nil || got != parts[3] {
				t.Errorf("%q, all in %q: %q, %v, want %q", parts[1], parts[2], got, err, parts[3])
			}
		}
	}
	if cases < 100 {
		t.Errorf("%d cases", cases)
	}
}

func compareMatch(t *testing.T, expr, text, matches, replaced string) {
	t.Helper()
	p, err := Compile(expr)
	if err != nil {
		t.Errorf("%q: %v", expr, err)
		return
	}
	if ok, err := p.Matches(text); err != nil || strconv.FormatBool(ok) != matches {
		t.Errorf("%q matches %q: %v, %v, want %s", expr, text, ok, err, matches)
	}
	if got, err := p.ReplaceFirst(text, "<$0>"); err != nil || got != replaced {
		t.Errorf("%q in %q: %q, %v, want %q", expr, text, got, err, replaced)
	}
}

// unescape reads \\ and \uhhhh.
func unescape(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b.WriteByte(s[i])
		case s[i+1] == '\\':
			b.WriteByte('\\')
			i++
		default:
			n, err := strconv.ParseUint(s[i+2:i+6], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteRune(rune(n))
			i += 5
		}
	}
	return b.String()
}
