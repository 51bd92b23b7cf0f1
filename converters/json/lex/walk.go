package lex

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Skip reads any value at i (white space skipped before) and checks it.
func Skip(b []byte, i, depth int) (int, error) {
	i = Space(b, i)
	if i >= len(b) {
		return 0, Unexpected(b, i, "a value")
	}
	switch c := b[i]; c {
	case '"':
		end, _, err := String(b, i)
		return end, err
	case '{':
		return Members(b, i, depth, func(_, _, v int, _ bool) (int, error) { return Skip(b, v, depth+1) })
	case '[':
		return Items(b, i, depth, func(v int) (int, error) { return Skip(b, v, depth+1) })
	case 't':
		return Literal(b, i, "true")
	case 'f':
		return Literal(b, i, "false")
	case 'n':
		return Literal(b, i, "null")
	default:
		if c == '-' || c-'0' <= 9 {
			end, _, err := Number(b, i)
			return end, err
		}
	}
	return 0, Unexpected(b, i, "a value (string, number, array, object, true, false or null)")
}

// Members calls f for each member of the object at i: the key's text is b[k0:k1]
// (to be unescaped if escaped), and the value begins at v, which lies in b. f reads
// the value and returns the index behind it: nothing is read twice, so that the time
// does not grow with the depth.
func Members(b []byte, i, depth int, f func(k0, k1, v int, escaped bool) (end int, err error)) (int, error) {
	if depth >= MaxDepth {
		return 0, TooDeep(i)
	}
	i = Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return 0, Unexpected(b, i, "a member's name in double quotes")
		}
		k, escaped, err := String(b, i)
		if err != nil {
			return 0, err
		}
		v := Space(b, k)
		if v >= len(b) || b[v] != ':' {
			return 0, Unexpected(b, v, "a colon")
		}
		if v = Space(b, v+1); v >= len(b) {
			return 0, Unexpected(b, v, "a value")
		}
		end, err := f(i+1, k-1, v, escaped)
		if err != nil {
			return 0, err
		}
		i = Space(b, end)
		if i < len(b) && b[i] == ',' {
			i = Space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == '}' {
			return i + 1, nil
		}
		return 0, Unexpected(b, i, "a comma or the end of the object")
	}
}

// Items calls f for each element of the array at i. The element begins at v, which
// lies in b; f reads it and returns the index behind it.
func Items(b []byte, i, depth int, f func(v int) (end int, err error)) (int, error) {
	if depth >= MaxDepth {
		return 0, TooDeep(i)
	}
	i = Space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		if i = Space(b, i); i >= len(b) {
			return 0, Unexpected(b, i, "a value")
		}
		end, err := f(i)
		if err != nil {
			return 0, err
		}
		i = Space(b, end)
		if i < len(b) && b[i] == ',' {
			i++
			continue
		}
		if i < len(b) && b[i] == ']' {
			return i + 1, nil
		}
		return 0, Unexpected(b, i, "a comma or the end of the array")
	}
}

// UTF8 returns the text in UTF-8 without a byte order mark. Jackson recognises
// UTF-16 and UTF-32 by their marks and by where the zeros of the first four bytes are.
func UTF8(b []byte) []byte {
	if len(b) < 2 || b[0] != 0 && b[1] != 0 && b[0] < 0xef {
		return b
	}
	marked := len(b) >= 4 // Jackson looks for a mark only then
	if marked && b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf {
		return b[3:]
	}
	var order binary.ByteOrder
	switch {
	case marked && b[0] == 0xfe && b[1] == 0xff:
		order, b = binary.BigEndian, b[2:]
	case marked && b[0] == 0xff && b[1] == 0xfe:
		order, b = binary.LittleEndian, b[2:]
	case b[0] == 0 && b[1] != 0:
		order = binary.BigEndian
	case b[0] != 0 && b[1] == 0 && (len(b) < 4 || b[2] != 0 || b[3] != 0):
		order = binary.LittleEndian
	case len(b) >= 4 && len(b)%4 == 0:
		return utf32(b)
	}
	if order == nil || len(b)%2 != 0 {
		return b
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

func utf32(b []byte) []byte {
	var order binary.ByteOrder
	switch {
	case b[0] == 0 && b[1] == 0 && b[2] == 0 && b[3] != 0:
		order = binary.BigEndian
	case b[0] != 0 && b[1] == 0 && b[2] == 0 && b[3] == 0:
		order = binary.LittleEndian
	default:
		return b
	}
	var out []byte
	for i := 0; i < len(b); i += 4 {
		r := order.Uint32(b[i:])
		if r > utf8.MaxRune {
			return b
		}
		out = utf8.AppendRune(out, rune(r))
	}
	return out
}
