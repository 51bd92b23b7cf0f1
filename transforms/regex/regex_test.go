package regex

import (
	"strings"
	"testing"
)

// TestMatches: what java.util.regex says, of constructs that other engines lack or
// read otherwise.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		want       bool
	}{
		{"orders", "orders", true}, {"orders", "orders2", false}, {"ord", "orders", false}, {"a|ab", "ab", true},
		{"(?i)ORDERS", "orders", true}, {"(?i)Ä", "ä", false}, {"(?iu)Ä", "ä", true}, {"(?i:A)b", "aB", false},
		{"[a-z&&[^aeiou]]+", "xyz", true}, {"[a-z&&[^aeiou]]+", "xaz", false}, {"[a-c[x-z]]+", "abxz", true}, {"[^a-c[x-z]]+", "mn", true},
		{"[^a-c[x-z]]", "x", false}, {"[a-z&&b-y&&c]", "c", true}, {"[a&&b]", "a", false}, {"[]a]+", "]a", true}, {"[a-]+", "a-", true},
		{"a++a", "aaa", false}, {"a+a", "aaa", true}, {"(?>a|ab)c", "abc", false}, {"a{2,3}+a", "aaa", false}, {"x*+y", "xxy", true},
		{"(a)(b)\\2\\1", "abba", true}, {"(?<n>a+)-\\k<n>", "aa-aa", true}, {"(?<n>a+)-\\k<n>", "aa-a", false}, {"(?i)(a)\\1", "aA", true},
		{"(?!internal)\\w+", "public", true}, {"(?!internal).*", "internal-x", false}, {".*(?<!-dlq)", "orders-dlq", false}, {"(?=.*\\d)[a-z0-9]+", "abc", false},
		{"\\Qa.b\\E", "a.b", true}, {"\\Qa.b\\E", "axb", false}, {"\\Qab\\E+", "abbb", true}, {"a\\Q\\E*", "a", true},
		{"\\p{Lower}+", "abc", true}, {"\\p{Lower}", "ä", false}, {"\\p{L}+", "äß", true}, {"\\P{Punct}+", "ab", true}, {"\\p{IsGreek}", "α", true}, {"\\pL", "x", true},
		{"\\p{InGreek}+", "αϿ", true}, {"\\p{InGreek}", "ἀ", false}, {"\\p{InBasic Latin}+", "a-1", true}, {"\\p{blk=latin_1_supplement}", "é", true}, {"\\P{InBasicLatin}", "a", false},
		{"\\p{script=latn}+", "aé", true}, {"\\p{sc=Old_Italic}", "𐌀", true}, {"\\p{IsHira}", "ひ", true}, {"\\p{IsHex_Digit}+", "aF9", true}, {"\\p{Isword}+", "a_1", true},
		{"\\p{IsPunct}", "$", false}, {"\\p{Punct}", "$", true}, {"\\p{javaWhitespace}", "\u00a0", false}, {"\\p{javaJavaIdentifierStart}\\p{javaJavaIdentifierPart}*", "_a1$", true},
		{"\\p{LD}+", "a1", true}, {"\\p{L1}+", "aÿ", true}, {"\\p{all}", "日", true}, {"\\p{IsBlank}", "\u3000", true},
		{"(?<=a+)b|ab", "ab", true}, {"(?<=(?=a*?)b{1,3})|", "", true}, {"(?<=[ab]*)c|c", "c", true}, {"a\\b{g}b", "ab", true}, {"(?:ab)*(?<=b)c", "ababc", true},
		{"\\X", "e\u0301", true}, {"\\X{2}", "ab", true}, {"\\X", "\r\n", true}, {"\\X", "ab", false},
		{"\\d+", "٣", false}, {"\\w", "ä", false}, {"\\s", "\v", true}, {"\\h", "\u00a0", true}, {"\\R", "\r\n", true}, {"\\v", "\u2028", true},
		{".", "\u2028", false}, {"(?s).", "\n", true}, {"(?d).", "\r", true}, {".", "𝔸", true},
		{"(?x) a b # comment", "ab", true}, {"(?x)[a b]", " ", true}, {"\\x41\\u0042\\x{43}\\0104", "ABCD", true}, {"\\cA", "\x01", true}, {"\\t\\e\\a", "\t\x1b\a", true},
		{"^a$", "a", true}, {"a$\\n", "a\n", true}, {"(?m)a$\\n^b", "a\nb", true}, {"a\\Z\\n", "a\n", true}, {"\\Aa\\z", "a", true},
		{"a\\b-b", "a-b", true}, {"ä\\b-", "ä-", true}, {"a{3}", "aaa", true}, {"a{2}{3}", "aa", true}, {"a{1001}", strings.Repeat("a", 1001), true},
		{"", "", true}, {"a||b", "", true}, {"\\-\\.\\_", "-._", true}, {"}", "}", true}, {"a]", "a]", true}, {"(a)|b\\1", "b", false},
		{"(?<!\\.)orders", "orders", true}, {"[\\w&&[^\\d]]+", "ab_", true}, {"[\\w&&[^\\d]]+", "ab1", false}, {"[&&a]", "a", true}, {"[a&&]", "a", true},
	} {
		p, err := Compile(c.expr)
		if err != nil {
			t.Errorf("%q: %v", c.expr, err)
			continue
		}
		if got, err := p.Matches(c.text); got != c.want || err != nil {
			t.Errorf("%q matches %q: %v, %v", c.expr, c.text, got, err)
		}
	}
}

// TestSyntaxErrors: the texts of java.util.regex.PatternSyntaxException.
func TestSyntaxErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"(?i)+":         "Dangling meta character '+' near index 4\n(?i)+\n    ^",
		"[&&&a]":        "Bad class syntax near index 2\n[&&&a]\n  ^",
		"[a-\\d]":       "Illegal character range near index 4\n[a-\\d]\n    ^",
		"\\Qa\\E**":     "Dangling meta character '*' near index 2\n\\Qa\\E**\n  ^",
		"(":             "Unclosed group near index 1\n(",
		"(a":            "Unclosed group near index 2\n(a",
		")":             "Unmatched closing ')'\n)",
		"a)":            "Unmatched closing ')' near index 0\na)\n^",
		"[":             "Unclosed character class near index 0\n[\n^",
		"[a":            "Unclosed character class near index 1\n[a\n ^",
		"[]":            "Unclosed character class near index 1\n[]\n ^",
		"*":             "Dangling meta character '*' near index 0\n*\n^",
		"a|+":           "Dangling meta character '+' near index 2\na|+\n  ^",
		"a**":           "Dangling meta character '*' near index 2\na**\n  ^",
		"{":             "Illegal repetition near index 1\n{",
		"a{x}":          "Illegal repetition near index 2\na{x}\n  ^",
		"a{1":           "Unclosed counted closure near index 3\na{1",
		"a{2,1}":        "Illegal repetition range near index 5\na{2,1}\n     ^",
		"[z-a]":         "Illegal character range near index 3\n[z-a]\n   ^",
		"\\y":           "Illegal/unsupported escape sequence near index 1\n\\y\n ^",
		"\\":            "Unexpected internal error near index 1\n\\",
		"(?<=(?:ab)*)x": "Look-behind group does not have an obvious maximum length near index 10\n(?<=(?:ab)*)x\n          ^",
		"(?<=a+?)":      "Look-behind group does not have an obvious maximum length near index 6\n(?<=a+?)\n      ^",
		"(?<!a{2,})":    "Look-behind group does not have an obvious maximum length near index 8\n(?<!a{2,})\n        ^",
		"(a)(?<=\\1)":   "Look-behind group does not have an obvious maximum length near index 8\n(a)(?<=\\1)\n        ^",
		"[a\\":          "Unclosed character class near index 3\n[a\\",
		"\\p":           "Unknown character property name {\x00} near index 2\n\\p",
		"\\p{Latin}":    "Unknown character property name {Latin} near index 8\n\\p{Latin}\n        ^",
		"\\p{InLatin}":  "Unknown character property name {InLatin} near index 10\n\\p{InLatin}\n          ^",
		"\\p{SC=Foo}":   "Unknown Unicode property {name=<sc>, value=<Foo>} near index 9\n\\p{SC=Foo}\n         ^",
		"[\\X]":         "Illegal/unsupported escape sequence near index 2\n[\\X]\n  ^",
		"(?<a>x)\\k":    "\\k is not followed by '<' for named capturing group near index 9\n(?<a>x)\\k",
	} {
		if _, err := Compile(expr); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %q", expr, err, want)
		}
	}
}

func TestReplaceFirst(t *testing.T) {
	for _, c := range []struct{ expr, replacement, text, want, err string }{
		{"(.*)-old", "$1-new", "orders-old", "orders-new", ""},
		{"(.*?)ers", "$1", "orders", "ord", ""}, // the first match, not the whole text
		{"(a)(b)", "$2$1", "xaby", "xbay", ""},
		{"a", "\\$\\\\x", "a", "$\\x", ""},
		{"(?<n>a)", "<${n}>", "a", "<a>", ""},
		{"(a)", "$10", "a", "a0", ""},
		{"(a)?b", "[$1]", "b", "[]", ""},
		{"(?<=x)(a)", "$1$1", "xa", "xaa", ""},
		{"(?!x)(.)", "<$1>", "äöü", "<ä>öü", ""},
		{"b", "x", "a", "a", ""},
		{"a", "$2", "a", "", "No group 2"},
		{"a", "$", "a", "", "Illegal group reference: group index is missing"},
		{"a", "$x", "a", "", "Illegal group reference"},
		{"a", "\\", "a", "", "character to be escaped is missing"},
		{"a", "${n}", "a", "", "No group with name {n}"},
		{"a", "${n", "a", "", "named capturing group is missing trailing '}'"},
	} {
		p, err := Compile(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.ReplaceFirst(c.text, c.replacement)
		if c.err != "" && (err == nil || err.Error() != c.err) || c.err == "" && (err != nil || got != c.want) {
			t.Errorf("%q in %q by %q: %q, %v, want %q %s", c.expr, c.text, c.replacement, got, err, c.want, c.err)
		}
	}
}

// TestBacktrackingEnds: an expression that would backtrack for years gives up.
func TestBacktrackingEnds(t *testing.T) {
	p, err := Compile(`(?=(a+)+$)\1b`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Matches(strings.Repeat("a", 60) + "!"); err == nil || !strings.Contains(err.Error(), "takes longer than 1s") {
		t.Errorf("error %v", err)
	}
	if p, err = Compile(`(a+)+b`); err != nil { // the linear engine takes it
		t.Fatal(err)
	}
	if ok, err := p.Matches(strings.Repeat("a", 100_000)); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// TestLongExpressions are read in a time that grows with their length alone.
func TestLongExpressions(t *testing.T) {
	const n = 20_000
	for _, expr := range []string{
		strings.Repeat("a?", n), "[" + strings.Repeat("ax", n) + "]", "(?iu)[" + strings.Repeat(`\PL`, n/10) + "]", strings.Repeat("(?:a", maxNesting-1) + strings.Repeat(")+", maxNesting-1),
	} {
		if _, err := Compile(expr); err != nil {
			t.Errorf("%.20s…: %v", expr, err)
		}
	}
	for _, expr := range []string{strings.Repeat("(", 2*maxNesting), strings.Repeat("[", 2*maxNesting)} {
		if _, err := Compile(expr); err == nil || !strings.Contains(err.Error(), "nested deeper than 500 levels") {
			t.Errorf("%.20s…: %v", expr, err)
		}
	}
}

// FuzzCompile: no expression panics, and what compiles, runs.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"a|b", "[a-z&&[^x]]++", "(?<n>a)\\k<n>", "\\Qx\\E*", "(?x) # c\n[", "\\p{L}{2,3}?", "(?i)[^\\W]$", "\\x{10ffff}", "(?:(?:(?:", "[[[[", "\\0777"} {
		f.Add(s, "text")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		p, err := Compile(expr)
		if err != nil || len(expr) > 100 || len(text) > 100 {
			return
		}
		_, _ = p.Matches(text)
		_, _ = p.ReplaceFirst(text, "$0")
	})
}
