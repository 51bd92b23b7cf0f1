// The command gen has a JDK write down its charsets, by Tables.java beside it, and packs
// them into tables.zst. What the file holds and how is said in tables.go of package charset.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// families are the charsets by the form of their bytes. before is what stands before the
// two bytes of each of their tables, as Tables.java takes it. Charsets that are much
// alike stand together: the later ones then cost next to nothing.
var families = []struct {
	form     string
	before   []string
	charsets string
}{
	{"double", []string{""}, "*"},
	{"double", []string{""}, "Shift_JIS windows-31j x-PCK x-IBM943 x-IBM943C x-IBM942 x-IBM942C"},
	{"pairs", []string{""}, "x-JIS0208 JIS_X0212-1990"},
	{"euc", []string{"", "8f"}, "EUC-JP x-euc-jp-linux x-eucJP-Open"},
	{"iso-2022-jp", []string{"1b2442", "1b242844"}, "ISO-2022-JP ISO-2022-JP-2 x-windows-iso2022jp x-windows-50221"},
	{"iso-2022-jp wide kana", []string{"1b2442", "1b242844"}, "x-windows-50220"},
	{"pairs", []string{""}, "x-IBM300"},
	{"shift", []string{"", "0e"}, "x-IBM930 x-IBM939"},
	{"double", []string{""}, "GBK x-mswin-936 GB2312 x-IBM1381"},
	{"euc simple", []string{""}, "x-IBM1383"},
	{"gb18030", []string{"", "four"}, "GB18030"},
	{"shift", []string{"", "0e"}, "x-IBM935"},
	{"double", []string{""}, "EUC-KR x-windows-949 x-Johab x-IBM949 x-IBM949C"},
	{"euc simple", []string{""}, "x-IBM970"},
	{"iso-2022-kr", []string{"0e"}, "ISO-2022-KR"},
	{"pairs", []string{""}, "x-IBM834"},
	{"shift", []string{"", "0e"}, "x-IBM933 x-IBM1364"},
	{"double", []string{""}, "Big5 x-Big5-Solaris x-windows-950 x-IBM950 x-IBM948"},
	{"shift", []string{"", "0e"}, "x-IBM937"},
	{"pairs", []string{""}, "Big5-HKSCS x-Big5-HKSCS-2001 x-MS950-HKSCS x-MS950-HKSCS-XP"},
}

func main() {
	java := flag.String("java", "java", "the JDK's java")
	out := flag.String("o", "tables.zst", "the file to write")
	flag.Parse()
	if err := run(*java, *out); err != nil {
		log.Fatal(err)
	}
}

func run(java, out string) error {
	var raw []byte
	for _, f := range families {
		args := []string{"gen/Tables.java"}
		for name := range strings.FieldsSeq(f.charsets) {
			args = append(args, name+","+strings.Join(f.before, ","))
		}
		cmd := exec.Command(java, args...)
		cmd.Stderr = os.Stderr
		answers, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err = cmd.Start(); err != nil {
			return err
		}
		source, charsets, err := read(answers)
		if err = errors.Join(err, cmd.Wait()); err != nil {
			return err
		}
		if raw == nil {
			raw = append(raw, source+"\n"...)
		}
		for _, c := range charsets {
			record, err := c.pack(f.form, f.before)
			if err != nil {
				return fmt.Errorf("%s: %w", c.names, err)
			}
			raw = append(binary.AppendUvarint(raw, uint64(len(record))), record...)
		}
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(1<<23), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	packed := enc.EncodeAll(raw, nil)
	fmt.Printf("%d bytes, packed %d\n", len(raw), len(packed))
	return os.WriteFile(out, packed, 0o644)
}

// charset is what the JDK said of one: bytes in hexadecimal to code points and back.
type charset struct {
	names       string
	replacement []byte
	decode      map[string]rune
	encode      map[rune]string
}

func read(r io.Reader) (source string, charsets []*charset, err error) {
	var c *charset
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "java":
			source = rest
		case "charset":
			names, replacement, _ := strings.Cut(rest, " = ")
			b, err := hex.DecodeString(replacement)
			if err != nil {
				return "", nil, err
			}
			c = &charset{names: strings.Join(strings.Fields(names), " "), replacement: b, decode: map[string]rune{}, encode: map[rune]string{}}
			charsets = append(charsets, c)
		case "d", "e":
			a, b, _ := strings.Cut(rest, " ")
			if word == "e" {
				a, b = b, a
			}
			r, err := strconv.ParseUint(b, 16, 32)
			if err != nil {
				return "", nil, err
			}
			switch {
			case word == "e":
				c.encode[rune(r)] = a
			case r != utf8.RuneError || len(a) == 8: // ISO-2022-KR's decoder says so of what it does not know
				c.decode[a] = rune(r)
			}
		}
	}
	return source, charsets, lines.Err()
}

// pack is the record of one charset.
func (c *charset) pack(form string, before []string) ([]byte, error) {
	b := fmt.Appendf(nil, "%s\n%s\n%x\n", c.names, form, c.replacement)
	b = append(b, byte(len(before)))
	for _, p := range before {
		chars, codes := map[int]rune{}, map[rune]int{}
		for raw, r := range c.decode {
			if code, ok := codeOf(raw, p, form); ok {
				chars[code] = r
			}
		}
		for r, raw := range c.encode {
			if code, ok := codeOf(raw, p, form); ok {
				codes[r] = code
			}
		}
		var err error
		if b, err = appendTable(b, chars, codes); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// codeOf is the number of a character in the table whose bytes stand behind the given
// ones: one or two bytes, or the position among GB18030's four.
func codeOf(raw, before, form string) (code int, ok bool) {
	b, err := hex.DecodeString(raw)
	if err != nil {
		panic(err)
	}
	if before == "four" {
		if len(b) != 4 || b[0] > 0x84 {
			return 0, false
		}
		return ((int(b[0]-0x81)*10+int(b[1]-0x30))*126+int(b[2]-0x81))*10 + int(b[3]-0x30), true
	}
	if rest, cut := strings.CutPrefix(raw, "1b242943"); cut { // ISO-2022-KR says once which set it shifts to
		raw = rest
	}
	if raw, ok = strings.CutPrefix(raw, before); !ok {
		return 0, false
	}
	if strings.HasPrefix(form, "iso-2022-jp") {
		raw = strings.TrimSuffix(raw, "1b2842")
	}
	if before == "0e" {
		raw = strings.TrimSuffix(raw, "0f")
	}
	if b, err = hex.DecodeString(raw); err != nil {
		panic(err)
	}
	switch {
	case len(b) == 1 && before == "":
		return int(b[0]), true
	case len(b) == 2 && (before == "" || b[0] >= 0x20): // no shift or escape
		return int(b[0])<<8 | int(b[1]), true
	}
	return 0, false
}

// none is what has no character, and no code.
const none = 0xfffd

func appendTable(b []byte, chars map[int]rune, codes map[rune]int) ([]byte, error) {
	order := slices.Sorted(maps.Keys(chars))
	var runs []byte
	n, next := 0, 0
	for i := 0; i < len(order); n++ {
		first := order[i]
		last := first
		for i++; i < len(order) && order[i] == last+1; i++ {
			last++
		}
		runs = binary.AppendUvarint(binary.AppendUvarint(runs, uint64(first-next)), uint64(last-first+1))
		next = last + 1
	}
	b = append(binary.AppendUvarint(b, uint64(n)), runs...)

	inverse := map[rune]int{}
	expected := rune(0)
	for _, code := range order {
		r := chars[code]
		if r>>16 != 0 && r>>16 != 2 || code >= none {
			return nil, fmt.Errorf("no place for %x, U+%x", code, r)
		}
		b = binary.AppendVarint(b, int64(r-expected))
		inverse[r], expected = code, r+1
	}
	for r := range inverse {
		if _, ok := codes[r]; !ok {
			inverse[r] = -1
		}
	}
	var others []rune
	for r, code := range codes {
		if was, ok := inverse[r]; !ok || was != code {
			others = append(others, r)
		}
	}
	for r, code := range inverse {
		if code < 0 {
			others, codes[r] = append(others, r), none
		}
	}
	slices.Sort(others)
	b = binary.AppendUvarint(b, uint64(len(others)))
	expected, next = 0, 0
	for _, r := range others {
		b = binary.AppendVarint(binary.AppendVarint(b, int64(r-expected)), int64(codes[r]-next))
		expected, next = r+1, codes[r]+1
	}
	return b, nil
}
