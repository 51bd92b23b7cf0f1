package regex

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// property reads \p{name}, \p{name=value} or \pL, as Pattern.family does.
func (t *translator) property(negated bool) (set, bool, error) {
	t.at += 2
	name := string(t.peek())
	switch {
	case !t.more():
		return nil, false, t.fail(t.at, "Unknown character property name {\x00}")
	case t.peek() == '{':
		end := t.at + 1
		for end < len(t.src) && t.src[end] != '}' {
			end++
		}
		if end == len(t.src) {
			return nil, false, t.fail(end, "Unclosed character family")
		}
		name, t.at = string(t.src[t.at+1:end]), end
		if name == "" {
			return nil, false, t.fail(end, "Empty character family")
		}
	}
	t.at++
	s, ok := t.named(name)
	if !ok {
		if kind, value, pair := strings.Cut(name, "="); pair {
			return nil, false, t.fail(t.at-1, "Unknown Unicode property {name=<%s>, value=<%s>}", strings.ToLower(kind), value)
		}
		return nil, false, t.fail(t.at-1, "Unknown character property name {%s}", name)
	}
	if negated {
		s = s.negate()
	}
	return t.folded(s), true, nil
}

// named finds the set of a name, which says by its form what kind it is of.
func (t *translator) named(name string) (set, bool) {
	if kind, value, ok := strings.Cut(name, "="); ok {
		switch strings.ToLower(kind) {
		case "sc", "script":
			return script(value)
		case "blk", "block":
			return block(value)
		case "gc", "general_category":
			return named(value)
		}
		return nil, false
	}
	if value, ok := strings.CutPrefix(name, "In"); ok {
		return block(value)
	}
	value, ok := strings.CutPrefix(name, "Is")
	if !ok {
		return named(name)
	}
	if s, ok := binary[strings.ToUpper(value)]; ok {
		return s(), true
	}
	if s, ok := named(value); ok {
		return s, true
	}
	return script(value)
}

// posix are the classes that Java defines on ASCII, and some that are as simple.
var posix = map[string]set{
	"Lower": newSet('a', 'z'), "Upper": newSet('A', 'Z'), "ASCII": newSet(0, 127), "Alpha": newSet('A', 'Z', 'a', 'z'), "Digit": digits,
	"Alnum": newSet('0', '9', 'A', 'Z', 'a', 'z'), "Punct": newSet('!', '/', ':', '@', '[', '`', '{', '~'), "Graph": newSet('!', '~'),
	"Print": newSet(' ', '~'), "Blank": newSet(' ', ' ', '\t', '\t'), "Cntrl": newSet(0, 31, 127, 127),
	"XDigit": newSet('0', '9', 'A', 'F', 'a', 'f'), "Space": spaces, "L1": newSet(0, 255), "all": everything,
	"javaISOControl": newSet(0, 0x1f, 0x7f, 0x9f),
}

// methods are the names that stand for a method of Java's Character, and LD.
var methods = map[string]func() set{
	"LD":            func() set { return tables(unicode.L, unicode.Nd) },
	"javaLowerCase": binary["LOWERCASE"], "javaUpperCase": binary["UPPERCASE"], "javaTitleCase": binary["TITLECASE"],
	"javaAlphabetic": binary["ALPHABETIC"], "javaIdeographic": binary["IDEOGRAPHIC"], "javaDigit": binary["DIGIT"],
	"javaDefined": binary["ASSIGNED"], "javaLetter": binary["LETTER"], "javaLetterOrDigit": func() set { return tables(unicode.L, unicode.Nd) },
	"javaSpaceChar": func() set { return tables(unicode.Z) },
	"javaWhitespace": func() set {
		return tables(unicode.Z).intersect(newSet(0xa0, 0xa0, 0x2007, 0x2007, 0x202f, 0x202f).negate()).union(newSet('\t', '\r', 0x1c, 0x1f))
	},
	"javaIdentifierIgnorable": ignorable,
	"javaJavaIdentifierStart": func() set { return tables(unicode.L, unicode.Nl, unicode.Sc, unicode.Pc) },
	"javaJavaIdentifierPart": func() set {
		return tables(unicode.L, unicode.N, unicode.Sc, unicode.Pc, unicode.Mn, unicode.Mc).intersect(tables(unicode.No).negate()).union(ignorable())
	},
	"javaUnicodeIdentifierStart": func() set { return tables(unicode.L, unicode.Nl, unicode.Other_ID_Start) },
	"javaUnicodeIdentifierPart": func() set {
		return tables(unicode.L, unicode.Nl, unicode.Nd, unicode.Pc, unicode.Mn, unicode.Mc, unicode.Other_ID_Start, unicode.Other_ID_Continue).union(ignorable())
	},
}

func ignorable() set { return tables(unicode.Cf).union(newSet(0, 8, 0xe, 0x1b, 0x7f, 0x9f)) }

// binary are Unicode's own properties, by their names in capitals.
var binary = map[string]func() set{
	"ALPHABETIC": alphabetic, "ALPHA": alphabetic,
	"ASSIGNED":    func() set { return tables(unicode.Categories["Cn"]).negate() },
	"CONTROL":     func() set { return tables(unicode.Cc) },
	"CNTRL":       func() set { return tables(unicode.Cc) },
	"HEXDIGIT":    hexDigits,
	"HEX_DIGIT":   hexDigits,
	"XDIGIT":      hexDigits,
	"IDEOGRAPHIC": func() set { return tables(unicode.Ideographic) },
	"JOINCONTROL": joiners, "JOIN_CONTROL": joiners,
	"LETTER":                  func() set { return tables(unicode.L) },
	"LOWERCASE":               func() set { return tables(unicode.Lower, unicode.Other_Lowercase) },
	"LOWER":                   func() set { return tables(unicode.Lower, unicode.Other_Lowercase) },
	"UPPERCASE":               func() set { return tables(unicode.Upper, unicode.Other_Uppercase) },
	"UPPER":                   func() set { return tables(unicode.Upper, unicode.Other_Uppercase) },
	"TITLECASE":               func() set { return tables(unicode.Title) },
	"NONCHARACTERCODEPOINT":   func() set { return tables(unicode.Noncharacter_Code_Point) },
	"NONCHARACTER_CODE_POINT": func() set { return tables(unicode.Noncharacter_Code_Point) },
	"PUNCTUATION":             func() set { return tables(unicode.P) },
	"PUNCT":                   func() set { return tables(unicode.P) },
	"WHITESPACE":              whiteSpace,
	"WHITE_SPACE":             whiteSpace,
	"SPACE":                   whiteSpace,
	"WORD":                    func() set { return alphabetic().union(tables(unicode.M, unicode.Nd, unicode.Pc)).union(joiners()) },
	"ALNUM":                   func() set { return alphabetic().union(tables(unicode.Nd)) },
	"DIGIT":                   func() set { return tables(unicode.Nd) },
	"BLANK":                   blank,
	"GRAPH":                   graph,
	"PRINT":                   func() set { return graph().union(blank()).intersect(tables(unicode.Cc).negate()) },
}

func alphabetic() set { return tables(unicode.L, unicode.Nl, unicode.Other_Alphabetic) }
func joiners() set    { return newSet(0x200c, 0x200d) }
func marks() set      { return tables(unicode.M) }
func whiteSpace() set { return tables(unicode.Z).union(newSet('\t', '\r', 0x85, 0x85)) }
func blank() set      { return tables(unicode.Zs).union(single('\t')) }
func graph() set {
	return tables(unicode.Z, unicode.Cc, unicode.Cs, unicode.Categories["Cn"]).negate()
}
func hexDigits() set { return tables(unicode.Nd, unicode.Hex_Digit) }

// named is CharPredicates.forProperty: a general category, a class of POSIX, or a
// method of Character.
func named(name string) (set, bool) {
	if s, ok := posix[name]; ok {
		return s, true
	}
	if s, ok := methods[name]; ok {
		return s(), true
	}
	if t, ok := unicode.Categories[name]; ok {
		return tables(t), true
	}
	return nil, false
}

// listed reads a list of the form "NAME value; …".
func listed(list string) map[string]string {
	m := map[string]string{}
	for entry := range strings.SplitSeq(list, "; ") {
		name, value, _ := strings.Cut(entry, " ")
		m[name] = value
	}
	return m
}

// bare is a name without what its spellings differ in.
func bare(name string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToUpper(name))
}

var knownBlocks = sync.OnceValue(func() map[string]string { return listed(blocks) })

// block finds a block, as UnicodeBlock.forName does.
func block(name string) (set, bool) {
	low, high, ok := strings.Cut(knownBlocks()[bare(name)], "-")
	if !ok {
		return nil, false
	}
	from, _ := strconv.ParseInt(low, 16, 32) // the list is ours
	to, _ := strconv.ParseInt(high, 16, 32)
	return newSet(rune(from), rune(to)), true
}

var knownScripts = sync.OnceValue(func() map[string]*unicode.RangeTable {
	m := map[string]*unicode.RangeTable{}
	for name, t := range unicode.Scripts {
		m[bare(name)] = t
	}
	for code, name := range listed(scriptCodes) {
		m[code] = m[name]
	}
	return m
})

// script finds a script, as UnicodeScript.forName does: by its name, or by its code.
func script(name string) (set, bool) {
	t := knownScripts()[bare(name)]
	if t == nil {
		return nil, false
	}
	return tables(t), true
}

// tables is the union of tables of Unicode.
func tables(list ...*unicode.RangeTable) set {
	var s set
	for _, t := range list {
		for _, r := range t.R16 {
			s = s.ranges(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			s = s.ranges(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return s.tidy()
}

func (s set) ranges(low, high, stride rune) set {
	if stride == 1 {
		return append(s, span{low, high})
	}
	for c := low; c <= high; c += stride {
		s = append(s, span{c, c})
	}
	return s
}
