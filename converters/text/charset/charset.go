// Package charset is java.nio.charset as StringConverter uses it: texts in the encodings
// that a JDK has, by the names that it knows them under. What a charset makes of bytes, and
// what of characters, is recorded from OpenJDK; what it makes of malformed bytes follows the
// decoder that the JDK has for their form, for how many bytes one U+FFFD stands included.
//
// Not here are x-EUC-TW and x-IBM964 (their 48,000 characters would weigh as much as all
// others), ISO-2022-CN, x-ISO-2022-CN-CNS and x-ISO-2022-CN-GB, x-SJIS_0213 and x-MS932_0213,
// x-IBM33722, x-IBM29626C, x-ISCII91, x-JISAutoDetect and CESU-8.
package charset

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Charset reads and writes texts. Its methods may be called by many at once.
type Charset struct {
	decode func(dst, raw []byte) []byte // nil: UTF-8
	encode func(dst, text []byte) []byte
}

// UTF8 reports whether the charset is UTF-8, which the other methods do not take.
func (c Charset) UTF8() bool { return c.decode == nil }

// Decode appends the text of raw in UTF-8: at most three bytes for each of raw's. What
// has no character becomes U+FFFD, as by Java's new String.
func (c Charset) Decode(dst, raw []byte) []byte { return c.decode(dst, raw) }

// Encode appends text, which is UTF-8. What the charset has not becomes the
// charset's replacement, as by Java's String.getBytes.
func (c Charset) Encode(dst, text []byte) []byte { return c.encode(dst, text) }

// loaded are the charsets with tables that were asked for. They never change.
var loaded struct {
	sync.Mutex
	charsets map[string]Charset // by the first of their names
	names    map[string]string  // to the first one, in small letters
}

// Find returns the charset that Java has under name, in large or small letters.
func Find(name string) (Charset, bool) {
	for _, u := range unicodes {
		if contains(strings.Fields(u.names), name) {
			return u.Charset, true
		}
	}
	loaded.Lock()
	defer loaded.Unlock()
	key := strings.ToLower(name)
	if c, ok := loaded.charsets[loaded.names[key]]; ok {
		return c, true
	}
	names, form, replacement, tables := record(name)
	if names == nil {
		return Charset{}, false
	}
	if loaded.charsets == nil {
		loaded.charsets, loaded.names = map[string]Charset{}, map[string]string{}
	}
	c := forms[form](tables, replacement)
	loaded.charsets[names[0]] = c
	for _, n := range names {
		loaded.names[strings.ToLower(n)] = names[0]
	}
	return c, true
}

// forms are the ways in which bytes stand for characters.
var forms = map[string]func(tables []*table, replacement []byte) Charset{
	"double": func(t []*table, r []byte) Charset { return of(&multibyte{table: t[0], bad: badDouble, replacement: r}) },
	"pairs":  func(t []*table, r []byte) Charset { return of(&multibyte{table: t[0], bad: badPair, replacement: r}) },
	"euc": func(t []*table, r []byte) Charset {
		return of(&multibyte{table: t[0], third: t[1], bad: badPair, replacement: r})
	},
	"euc simple":  func(t []*table, r []byte) Charset { return of(&multibyte{table: t[0], bad: badSimple, replacement: r}) },
	"shift":       func(t []*table, r []byte) Charset { return of(&shifting{t[0], t[1], r}) },
	"gb18030":     func(t []*table, _ []byte) Charset { return of(&gb18030{t[0], t[1]}) },
	"iso-2022-kr": func(t []*table, r []byte) Charset { return of(&iso2022kr{t[0], r}) },
	"iso-2022-jp": func(t []*table, r []byte) Charset { return of(newISO2022JP(t, r)) },
	"iso-2022-jp wide kana": func(t []*table, r []byte) Charset {
		c := newISO2022JP(t, r)
		c.wideKana = true
		return of(c)
	},
}

// first takes the first character off text. A range over string(text) would copy it all.
func first(text *[]byte) rune {
	r, n := utf8.DecodeRune(*text)
	*text = (*text)[n:]
	return r
}

func of(c interface {
	decode(dst, raw []byte) []byte
	encode(dst, text []byte) []byte
}) Charset {
	return Charset{c.decode, c.encode}
}
