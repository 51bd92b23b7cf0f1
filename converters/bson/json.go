package bson

import (
	"bytes"

	"culvert/converters"
	"culvert/converters/json/lex"
	"culvert/data/values"
)

// jsonDocuments makes documents of plain JSON: integers become int64, as the
// Java Long that JsonConverter makes of them.
type jsonDocuments struct {
	names values.Distinct
}

// Append implements converters.Transcoder.
func (t *jsonDocuments) Append(dst, raw []byte) ([]byte, error) {
	i := lex.Space(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return dst, converters.ErrIndirect
	}
	t.names.Reset()
	out, end := t.object(dst, raw, i+1, 0)
	if end < 0 {
		return dst, converters.ErrIndirect
	}
	return out, nil
}

// object writes the document whose members begin at i. end is the index behind it,
// -1 if the text is anything but what is commonly written.
func (t *jsonDocuments) object(dst, b []byte, i, depth int) (_ []byte, end int) {
	if depth >= lex.MaxDepth {
		return dst, -1
	}
	mark := t.names.Mark()
	dst, start := open(dst)
	i = lex.Space(b, i)
	if i < len(b) && b[i] == '}' {
		return closeAt(dst, start), i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return dst, -1
		}
		head := len(dst)
		if dst, i = t.name(append(dst, 0), b, i); i < 0 {
			return dst, -1
		}
		t.names.Add(head+1, len(dst)-1)
		if i < len(b) && b[i] != ':' {
			i = lex.Space(b, i)
		}
		if i >= len(b) || b[i] != ':' {
			return dst, -1
		}
		var kind byte
		if dst, kind, i = t.value(dst, b, lex.Space(b, i+1), depth); i < 0 {
			return dst, -1
		}
		dst[head] = kind
		if i < len(b) && b[i] != ',' {
			i = lex.Space(b, i)
		}
		switch {
		case i < len(b) && b[i] == ',':
			i = lex.Space(b, i+1)
		case i < len(b) && b[i] == '}':
			if !t.names.Since(dst, mark) {
				return dst, -1
			}
			return closeAt(dst, start), i + 1
		default:
			return dst, -1
		}
	}
}

// name writes the name whose quote stands at i, with its zero.
func (t *jsonDocuments) name(dst, b []byte, i int) (_ []byte, end int) {
	end, escaped, err := lex.String(b, i)
	if err != nil {
		return dst, -1
	}
	from := len(dst)
	text := b[i+1 : end-1]
	if escaped {
		dst = lex.Unescape(dst, text)
		if bytes.IndexByte(dst[from:], 0) >= 0 {
			return dst, -1
		}
	} else {
		dst = append(dst, text...)
	}
	return append(dst, 0), end
}

func (t *jsonDocuments) value(dst, b []byte, i, depth int) (_ []byte, kind byte, end int) {
	if i >= len(b) {
		return dst, 0, -1
	}
	switch c := b[i]; c {
	case '"':
		dst, end = text(dst, b, i)
		return dst, typeString, end
	case '{':
		dst, end = t.object(dst, b, i+1, depth+1)
		return dst, typeDocument, end
	case '[':
		dst, end = t.array(dst, b, i+1, depth+1)
		return dst, typeArray, end
	case 't':
		return literal(append(dst, 1), b, i, "true", typeBoolean)
	case 'f':
		return literal(append(dst, 0), b, i, "false", typeBoolean)
	case 'n':
		return literal(dst, b, i, "null", typeNull)
	}
	return number(dst, b, i)
}

func text(dst, b []byte, i int) (_ []byte, end int) {
	end, escaped, err := lex.String(b, i)
	if err != nil {
		return dst, -1
	}
	content := b[i+1 : end-1]
	if !escaped {
		return appendString(dst, content), end
	}
	at := len(dst)
	dst = append(lex.Unescape(append(dst, 0, 0, 0, 0), content), 0)
	appendInt32(dst[:at], int32(len(dst)-at-4))
	return dst, end
}

func literal(dst, b []byte, i int, word string, kind byte) (_ []byte, _ byte, end int) {
	end, err := lex.Literal(b, i, word)
	if err != nil {
		return dst, 0, -1
	}
	return dst, kind, end
}

func number(dst, b []byte, i int) (_ []byte, kind byte, end int) {
	end, float, err := lex.Number(b, i)
	if err != nil {
		return dst, 0, -1
	}
	if float {
		f, ok := lex.Float(b[i:end])
		if !ok {
			return dst, 0, -1
		}
		return appendDouble(dst, f), typeDouble, end
	}
	n, ok := lex.Int(b[i:end])
	if !ok {
		return dst, 0, -1
	}
	return appendInt64(dst, n), typeInt64, end
}

func (t *jsonDocuments) array(dst, b []byte, i, depth int) (_ []byte, end int) {
	if depth >= lex.MaxDepth {
		return dst, -1
	}
	dst, start := open(dst)
	i = lex.Space(b, i)
	if i < len(b) && b[i] == ']' {
		return closeAt(dst, start), i + 1
	}
	for n := 0; ; n++ {
		head := len(dst)
		dst = appendIndex(append(dst, 0), n)
		var kind byte
		if dst, kind, i = t.value(dst, b, lex.Space(b, i), depth); i < 0 {
			return dst, -1
		}
		dst[head] = kind
		i = lex.Space(b, i)
		switch {
		case i < len(b) && b[i] == ',':
			i++
		case i < len(b) && b[i] == ']':
			return closeAt(dst, start), i + 1
		default:
			return dst, -1
		}
	}
}
