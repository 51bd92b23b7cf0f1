package text

import (
	"encoding/hex"
	"testing"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
)

// TestCharsets holds texts against the bytes that Java 17 makes of them
// (String.getBytes), and what it reads of bytes (new String).
func TestCharsets(t *testing.T) {
	for _, c := range []struct{ name, text, encoded, read string }{
		{"windows-1252", "€é\u0081x漢", "80e93f783f", "€é?x?"},
		{"Cp1251", "Жя", "c6ff", "Жя"},
		{"ISO-8859-15", "€\u0081", "a481", "€\u0081"},
		{"ISO8859_2", "Ł", "a3", "Ł"},
		{"IBM437", "é", "82", "é"},
		{"Cp866", "Ж", "86", "Ж"},
		{"KOI8-R", "ж", "d6", "ж"},
		{"UTF-32", "a😀", "000000610001f600", "a😀"},
		{"UTF-32LE", "a", "61000000", "a"},
		{"cp1047", "Az", "c1a9", "Az"},
		{"SJIS", "漢～\\", "8abf3f5c", "漢?\\"},
		{"ms932", "漢～\\", "8abf81605c", "漢～\\"},
		{"EUC_JP", "漢ｶ丂", "b4c18eb68fb0a1", "漢ｶ丂"},
		{"ISO2022JP", "a漢😀b", "611b2442344121291b284262", "a漢？b"},
		{"GBK", "汉😀", "baba3f", "汉?"},
		{"GB18030", "汉é😀", "babaa8a69439fc36", "汉é😀"},
		{"Big5", "漢", "ba7e", "漢"},
		{"Big5-HKSCS", "漢𠮩", "ba7e8af7", "漢𠮩"},
		{"MS949", "가힣", "b0a1c652", "가힣"},
		{"x-IBM939", "A漢B", "c10e4f580fc2", "A漢B"},
		{"x-IBM939", "漢😀漢", "0e4f580f6f0e4f580f", "漢?漢"}, // Java writes 0e4f586f4f580f, and reads of it no second one
		{"ISO-2022-KR", "가😀가", "1b2429430e30210f3f0e3021", "가?가"},
	} {
		f, err := New(map[string]string{"converter.encoding": c.name}, converters.Value)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		conv := f.For("t")
		raw, err := conv.Encode(nil, data.OfString(c.text), data.Of(data.String))
		if err != nil || hex.EncodeToString(raw) != c.encoded {
			t.Errorf("%s: %x, want %s, %v", c.name, raw, c.encoded, err)
		}
		v, _, err := conv.Decode(raw, &data.Arena{})
		if err != nil || v.Str() != c.read {
			t.Errorf("%s: read %q, want %q, %v", c.name, v.Str(), c.read, err)
		}
	}
	for raw, want := range map[string]string{"81": "\ufffd", "9d41": "\ufffdA"} {
		b, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		f, err := New(map[string]string{"converter.encoding": "windows-1252"}, converters.Value)
		if err != nil {
			t.Fatal(err)
		}
		if v, _, err := f.For("t").Decode(b, nil); err != nil || v.Str() != want {
			t.Errorf("%s: %q, want %q", raw, v.Str(), want)
		}
	}
	for name, raw := range map[string]string{"UTF-32": "fffe000061000000d8", "UTF-32BE": "0000d800"} {
		b, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		f, err := New(map[string]string{"converter.encoding": name}, converters.Value)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"UTF-32": "a\ufffd", "UTF-32BE": "\ufffd"}[name]
		if v, _, err := f.For("t").Decode(b, nil); err != nil || v.Str() != want {
			t.Errorf("%s: %q, want %q", name, v.Str(), want)
		}
	}
	if _, err := New(map[string]string{"converter.encoding": "EBCDIC-XYZ"}, converters.Value); !fault.Is(err, fault.Config) {
		t.Errorf("no such encoding: %v", err)
	}
}
