package charset

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// packed holds what OpenJDK 25.0.3 (java.base and jdk.charsets of Temurin's build) makes of every
// character in every charset but the Unicode ones. OpenJDK 17.0.15 makes the same of
// them, but that its IBM864 cannot write a percent sign.
//
// Unpacked it is a line with the JDK's name, and a record for each charset, behind its length:
//
//	names       the charset's name and its others, a line
//	form        how its bytes are read, a line: a key of forms
//	replacement what is written for a character that it has not, a line in hexadecimal
//	tables      how many, and each of them:
//	  runs        how many, and for each the gap before it and its length, of codes with a character
//	  characters  of these codes: the difference to the one after the last
//	  others      how many, and for each the differences to the one after the last
//	              character and code: what is not written as the last code that is
//	              read as it; none as code: not at all
//
// Numbers are varints, the differences signed ones.
//
//go:generate go run ./gen
//go:embed tables.zst
var packed []byte

// record finds a charset among the packed ones.
func record(name string) (names []string, form string, replacement []byte, tables []*table) {
	for r := unpack(); len(r.b) > 0; {
		body := reader{r.take(int(r.number()))}
		names = strings.Fields(body.line())
		if !contains(names, name) {
			continue
		}
		form = body.line()
		replacement, err := hex.DecodeString(body.line())
		if err != nil {
			panic(err)
		}
		for range body.take(1)[0] {
			tables = append(tables, body.table())
		}
		return names, form, replacement, tables
	}
	return nil, "", nil, nil
}

// unpack returns the records. It takes milliseconds, once for each charset in use.
func unpack() *reader {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	defer dec.Close()
	b, err := dec.DecodeAll(packed, nil)
	if err != nil {
		panic(fmt.Sprintf("charset: tables.zst: %v", err))
	}
	r := &reader{b}
	r.line()
	return r
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// none is the code of a character that a charset has not, and the character of a code
// that stands for none.
const none = 0xfffd

// plane gives a number to numbers of 16 bits.
type plane [256]*[256]uint16

var empty = emptyPage()

func emptyPage() *[256]uint16 {
	var p [256]uint16
	for i := range p {
		p[i] = none
	}
	return &p
}

func newPlane() *plane {
	var p plane
	for i := range p {
		p[i] = empty
	}
	return &p
}

func (p *plane) get(at uint16) uint16 { return p[at>>8][at&0xff] }

func (p *plane) set(at, to uint16) {
	if p[at>>8] == empty {
		p[at>>8] = emptyPage()
	}
	p[at>>8][at&0xff] = to
}

// table is a set of characters with a code of 16 bits for each. The characters are of
// the basic plane, and of the second one in those that need it.
type table struct{ chars, codes, secondChars, secondCodes *plane }

// second is the first character of Unicode's second plane.
const second = 0x20000

// char is what code stands for, or utf8.RuneError.
func (t *table) char(code uint16) rune {
	if c := t.chars.get(code); c != none || t.secondChars == nil {
		return rune(c) // none is utf8.RuneError
	}
	if c := t.secondChars.get(code); c != none {
		return second + rune(c)
	}
	return utf8.RuneError
}

// code is what stands for r, or none.
func (t *table) code(r rune) uint16 {
	switch {
	case r < 0x10000:
		return t.codes.get(uint16(r))
	case r>>16 == second>>16 && t.secondCodes != nil:
		return t.secondCodes.get(uint16(r))
	}
	return none
}

func (t *table) set(code uint16, r rune) {
	if r < 0x10000 {
		t.chars.set(code, uint16(r))
		return
	}
	if t.secondChars == nil {
		t.secondChars, t.secondCodes = newPlane(), newPlane()
	}
	t.secondChars.set(code, uint16(r))
}

func (t *table) setCode(r rune, code uint16) {
	if r < 0x10000 {
		t.codes.set(uint16(r), code)
	} else {
		t.secondCodes.set(uint16(r), code)
	}
}

// reader takes the packed file apart. The file is part of the program: what is wrong
// in it is a defect and panics.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) line() string {
	line, rest, _ := bytes.Cut(r.b, []byte("\n"))
	r.b = rest
	return string(line)
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	r.take(n)
	return v
}

func (r *reader) difference() int {
	v, n := binary.Varint(r.b)
	r.take(n)
	return int(v)
}

func (r *reader) table() *table {
	t := &table{chars: newPlane(), codes: newPlane()}
	var codes []uint16
	next := 0
	for range r.number() {
		next += int(r.number())
		for range r.number() {
			codes = append(codes, uint16(next))
			next++
		}
	}
	char := 0
	for _, code := range codes {
		char += r.difference()
		t.set(code, rune(char))
		t.setCode(rune(char), code)
		char++
	}
	char, next = 0, 0
	for range r.number() {
		char, next = char+r.difference(), next+r.difference()
		t.setCode(rune(char), uint16(next))
		char, next = char+1, next+1
	}
	return t
}
