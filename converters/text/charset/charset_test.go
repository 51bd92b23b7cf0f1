package charset

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// recorded is what gen/Answers.java printed on OpenJDK 25.0.3 for the seed 1.
//
//go:embed testdata/answers.txt
var recorded string

// missing are the charsets of the JDK that are not here.
var missing = []string{"CESU-8", "ISO-2022-CN", "x-EUC-TW", "x-IBM29626C", "x-IBM33722", "x-IBM964", "x-ISCII91",
	"x-ISO-2022-CN-CNS", "x-ISO-2022-CN-GB", "x-JISAutoDetect", "x-MS932_0213", "x-SJIS_0213"}

// shifting are the charsets whose Java encoders write a replacement into the middle of a
// double byte.
var shiftingNames = []string{"ISO-2022-KR", "x-IBM930", "x-IBM933", "x-IBM935", "x-IBM937", "x-IBM939", "x-IBM1364"}

// TestAnswers holds every charset against what the JDK reads and writes: all sequences of
// one and of two bytes, all characters of the two planes in use, and random sequences and
// texts, malformed ones among them. The answers are those recorded, or those in
// the file that CULVERT_CHARSET_ANSWERS names, of the seed behind its colon.
func TestAnswers(t *testing.T) {
	answers, seed := recorded, uint64(1)
	if from := os.Getenv("CULVERT_CHARSET_ANSWERS"); from != "" {
		name, number, _ := strings.Cut(from, ":")
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(number, &seed); err != nil {
			t.Fatal(err)
		}
		answers = string(text)
	}
	_, lines, _ := strings.Cut(answers, "\n")
	var left []string
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		t.Run(words[1], func(t *testing.T) {
			if words[1] == "IBM864" && answers != recorded {
				t.Skip("older JDKs cannot write a percent sign in it")
			}
			c, ok := Find(words[1])
			if !ok {
				left = append(left, words[1])
				return
			}
			for _, name := range words[2:] {
				if _, ok := Find(strings.ToUpper(name)); !ok || ownName(name) != words[1] {
					t.Errorf("%s is %q, not %s", name, ownName(name), words[1])
				}
			}
			if c.UTF8() {
				return
			}
			var show io.Writer
			if file := os.Getenv("CULVERT_CHARSET_LINES"); file != "" {
				f, err := os.Create(file)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				show = f
			}
			q := &questions{Charset: c, state: seed, digest: sha256.New(), lines: show, shifting: slices.Contains(shiftingNames, words[1])}
			if q.ask(); hex.EncodeToString(q.digest.Sum(nil)) != words[0] {
				t.Errorf("not as the JDK; compare the files of `java gen/Answers.java %d %s` and CULVERT_CHARSET_LINES", seed, words[1])
			}
		})
	}
	if !slices.Equal(left, missing) {
		t.Errorf("missing are %q, not %q", left, missing)
	}
}

// ownName is the charset's own name for any of its names, once it was asked for.
func ownName(name string) string {
	for _, u := range unicodes {
		if names := strings.Fields(u.names); contains(names, name) {
			return names[0]
		}
	}
	return loaded.names[strings.ToLower(name)]
}

// questions are made as in gen/Answers.java.
type questions struct {
	Charset
	state    uint64
	digest   hash.Hash
	lines    io.Writer
	shifting bool
	answer   []byte
}

func (q *questions) ask() {
	for i := range 0x100 {
		q.read([]byte{byte(i)})
	}
	for i := range 0x10000 {
		q.read([]byte{byte(i >> 8), byte(i)})
	}
	nothing := q.Encode(nil, []byte("\U0010ffff"))
	var known []rune
	for c := rune(0); c < 0x30000; c++ {
		if c >= 0xd800 && c < 0xe000 || c >= 0x10000 && c < 0x20000 {
			continue
		}
		if !bytes.Equal(q.write(string(c)), nothing) {
			known = append(known, c)
		}
	}
	for range 3000 {
		q.read(q.bytes())
	}
	for range 3000 {
		q.write(q.text(known))
	}
}

func (q *questions) read(raw []byte) {
	q.answer = q.Decode(q.answer[:0], raw)
	q.put(raw)
}

func (q *questions) write(text string) []byte {
	q.answer = q.Encode(q.answer[:0], []byte(text))
	q.put([]byte(text))
	return q.answer
}

func (q *questions) put(question []byte) {
	if q.lines != nil {
		fmt.Fprintf(q.lines, "%x %x\n", question, q.answer)
	}
	q.digest.Write(q.answer)
	q.digest.Write([]byte{'\n'})
}

func (q *questions) next(n int) int {
	q.state = q.state*6364136223846793005 + 1442695040888963407
	return int((q.state >> 33) % uint64(n))
}

var parts = []string{"\x1b$B", "\x1b$(D", "\x1b(B", "\x1b(I", "\x1b(J", "\x1b$@", "\x1b$)C", "\x1b$(", "\x1bN", "\x1b",
	"\x0e", "\x0f", "\x8e", "\x8f", "\x80", "\xff", "\n"}

var marks = []string{"\xfe\xff", "\xff\xfe", "\x00\x00\xfe\xff", "\xff\xfe\x00\x00"}

func (q *questions) bytes() (b []byte) {
	if q.next(8) == 0 {
		b = append(b, marks[q.next(len(marks))]...)
	}
	for i := q.next(16); i >= 0; i-- {
		switch q.next(8) {
		case 0:
			b = append(b, byte(0x20+q.next(0x60)))
		case 1:
			b = append(b, byte(q.next(0x100)))
		case 2:
			b = append(b, byte(0x81+q.next(0x7e)))
			b = append(b, byte(0x30+q.next(10)))
		case 3, 4:
			b = append(b, parts[q.next(len(parts))]...)
		case 5:
			b = append(b, byte(0x21+q.next(0x5e)))
			b = append(b, byte(0x21+q.next(0x5e)))
		default:
			b = append(b, byte(0x81+q.next(0x7e)))
			b = append(b, byte(0x40+q.next(0xbf)))
		}
	}
	return b
}

func (q *questions) text(known []rune) string {
	var b strings.Builder
	for i := q.next(12); i >= 0; i-- {
		var c rune
		switch q.next(4) {
		case 0:
			c = rune(0x20 + q.next(0x60))
		case 1:
			c = rune(q.next(0x30000))
		default:
			c = known[q.next(len(known))]
		}
		if _, isKnown := slices.BinarySearch(known, c); !utf8.ValidRune(c) || q.shifting && !isKnown {
			c = '\n'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// oneWay are characters that Java writes and does not read again as anything that is written
// so: the escape and the shifts of ISO-2022, the mark of UTF-32, and gaps in Java's tables.
var oneWay = map[string][]rune{
	"Big5-HKSCS": {0xf325, 0xf327, 0xf344, 0xf346}, "x-IBM1383": {0xf83d, 0xf83e}, "UTF-32": {0xfeff}, "UTF-32BE": {0xfeff}, "UTF-32LE": {0xfeff},
	"ISO-2022-JP": iso2022, "ISO-2022-JP-2": iso2022, "ISO-2022-KR": iso2022, "x-windows-50220": iso2022, "x-windows-50221": iso2022, "x-windows-iso2022jp": iso2022,
}

var iso2022 = []rune{shiftOut, shiftIn, escape}

// TestRoundTrips: what was written of a character is written again of what was read of it.
func TestRoundTrips(t *testing.T) {
	for line := range strings.Lines(recorded) {
		name := strings.Fields(line)[1]
		c, ok := Find(name)
		if !ok || c.UTF8() {
			continue
		}
		nothing := string(c.Encode(nil, []byte("\U0010ffff")))
		same := 0
		var raw, text, again []byte
		for r := range rune(second + 0x10000) {
			if !utf8.ValidRune(r) || r >= 0x10000 && r < second {
				continue
			}
			if raw = c.Encode(raw[:0], []byte(string(r))); string(raw) == nothing {
				continue
			}
			text = c.Decode(text[:0], raw)
			if again = c.Encode(again[:0], text); bytes.Equal(raw, again) == slices.Contains(oneWay[name], r) {
				t.Errorf("%s: U+%04X is %x, read as %q, which is %x", name, r, raw, text, again)
			}
			if string(text) == string(r) {
				same++
			}
		}
		if same < 90 {
			t.Errorf("%s: only %d characters come back", name, same)
		}
	}
}

// FuzzCharsets: any bytes are a text of bounded length, and any text has bytes.
func FuzzCharsets(f *testing.F) {
	var charsets []Charset
	for line := range strings.Lines(recorded) {
		if c, ok := Find(strings.Fields(line)[1]); ok && !c.UTF8() {
			charsets = append(charsets, c)
		}
	}
	for i := range charsets {
		f.Add(byte(i), []byte("\x1b$BF|\x1b(B\x0e\xb0\xa1\x0f\x8f\xb0\xa1\x81\x30\x81\x30"), "日本語 가 😀\n")
	}
	f.Fuzz(func(t *testing.T, which byte, raw []byte, text string) {
		c := charsets[int(which)%len(charsets)]
		read := c.Decode(nil, raw)
		if !utf8.Valid(read) || len(read) > 3*len(raw) {
			t.Errorf("%x is read as %q", raw, read)
		}
		for _, text := range []string{text, string(read)} {
			// The longest is a character in a set of its own: four bytes to go there, two of its own, three to go back.
			if written := c.Encode(nil, []byte(text)); len(written) > 9*len(text) {
				t.Errorf("%q is written as %x", text, written)
			}
		}
	})
}

// TestAllocations: a record costs no memory.
func TestAllocations(t *testing.T) {
	text, raw, read := []byte("ASCII, 漢字 und Ä"), make([]byte, 0, 200), make([]byte, 0, 200)
	for _, name := range []string{"windows-1252", "UTF-16", "Shift_JIS", "EUC-JP", "GB18030", "ISO-2022-JP", "ISO-2022-KR", "x-IBM939"} {
		c, ok := Find(name)
		if !ok {
			t.Fatal(name)
		}
		if n := testing.AllocsPerRun(100, func() {
			raw = c.Encode(raw[:0], text)
			read = c.Decode(read[:0], raw)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
