package providers

import (
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/magiconair/properties"
)

// ParseProperties reads the text of a properties file as java.util.Properties does. ${…}
// stays as it is.
//
// The library knows one end of line behind the backslash that continues a line, and
// makes a character of each half of a pair of surrogates.
func ParseProperties(text string) (map[string]string, error) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	p, err := loader.LoadBytes([]byte(joinSurrogates(text)))
	if err != nil {
		return nil, err
	}
	props := make(map[string]string, p.Len())
	for _, k := range p.Keys() {
		props[k], _ = p.Get(k)
	}
	return props, nil
}

// joinSurrogates writes the characters that two escapes stand for together.
func joinSurrogates(text string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(text, '\\')
		if at < 0 || at+1 == len(text) {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at])
		text = text[at:]
		if r := utf16.DecodeRune(escaped(text), escaped(text[min(6, len(text)):])); r != '\ufffd' {
			b.WriteRune(r)
			text = text[12:]
			continue
		}
		b.WriteString(text[:2]) // also of an escaped backslash, which begins nothing
		text = text[2:]
	}
}

// escaped is the character of the \uxxxx that a text begins with, 0 for none.
func escaped(text string) rune {
	if len(text) < 6 || text[:2] != `\u` {
		return 0
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
