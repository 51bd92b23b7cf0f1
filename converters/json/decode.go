package json

import (
	"culvert/converters/json/lex"
	"culvert/data"
)

// Decode reads one document. What follows it in raw is ignored, as in Java.
func (c *Converter) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, nil, nil
	}
	b := lex.UTF8(raw)
	v, s, err := c.document(b, a)
	if err != nil {
		return data.Value{}, nil, wellFormed(b, err)
	}
	return v, s, nil
}

// wellFormed returns err, unless something behind it is no JSON: Java reads the whole
// text before it looks at a value.
func wellFormed(b []byte, err error) error {
	start := lex.Space(b, 0)
	if start == len(b) {
		return err
	}
	end, broken := lex.Skip(b, start, 0)
	if broken == nil {
		broken = rootEnd(b, start, end)
	}
	if broken != nil {
		return malformed(broken)
	}
	return err
}

func (c *Converter) document(b []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	c.begin(b)
	if c.external != nil {
		v, err := c.root(b, c.external, a)
		return v, c.external, err
	}
	if c.config.schemas {
		return c.envelope(b, a)
	}
	i := lex.Space(b, 0)
	if i == len(b) {
		return data.Value{}, nil, nil
	}
	v, end, err := c.plain(b, i, 0, a)
	if err == nil {
		err = rootEnd(b, i, end)
	}
	if err != nil {
		return data.Value{}, nil, asRecordError(err)
	}
	return v, nil, nil
}

// rootEnd checks what stands behind a number at the top: Jackson wants white
// space there, and looks at nothing behind other values.
func rootEnd(b []byte, start, end int) error {
	if end < len(b) && (b[start] == '-' || b[start]-'0' <= 9) && lex.Space(b, end) == end {
		return lex.Unexpected(b, end, "white space behind the number")
	}
	return nil
}

// asRecordError gives lexical errors Java's words; others have theirs already.
func asRecordError(err error) error {
	if _, ok := err.(*lex.Error); ok {
		return malformed(err)
	}
	return err
}

// plain reads the value at i without a schema.
func (c *Converter) plain(b []byte, i, depth int, a *data.Arena) (data.Value, int, error) {
	if i >= len(b) {
		return data.Value{}, 0, lex.Unexpected(b, i, "a value")
	}
	switch b[i] {
	case '"':
		return c.str(b, i, a)
	case '{':
		return c.object(b, i, depth, a)
	case '[':
		return c.array(b, i, depth, a)
	case 't':
		end, err := lex.Literal(b, i, "true")
		return data.OfBool(true), end, err
	case 'f':
		end, err := lex.Literal(b, i, "false")
		return data.OfBool(false), end, err
	case 'n':
		end, err := lex.Literal(b, i, "null")
		return data.Value{}, end, err
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return number(b, i)
	}
	return data.Value{}, 0, lex.Unexpected(b, i, "a value (string, number, array, object, true, false or null)")
}

func number(b []byte, i int) (data.Value, int, error) {
	end, float, err := lex.Number(b, i)
	if err != nil {
		return data.Value{}, 0, err
	}
	if float {
		f, ok := lex.Float(b[i:end])
		if !ok {
			return data.Value{}, 0, &lex.Error{At: i, Why: "the exponent of a number is too large"}
		}
		return data.OfFloat64(f), end, nil
	}
	n, ok := lex.Int(b[i:end])
	if !ok {
		return data.Value{}, 0, tooLarge(b[i:end])
	}
	return data.OfInt64(n), end, nil
}

// tooLarge refuses an integer that Java would cut to its low 64 bits.
func tooLarge(text []byte) error {
	if len(text) > 60 {
		text = append(text[:60:60], "…"...)
	}
	return dataError("The integer %s does not fit 64 bits", text).
		WithFix("Write such numbers as strings, or with a fraction (.0) if a double is good enough.")
}

func (c *Converter) str(b []byte, i int, a *data.Arena) (data.Value, int, error) {
	end, escaped, err := lex.String(b, i)
	if err != nil {
		return data.Value{}, 0, err
	}
	text := b[i+1 : end-1]
	if escaped {
		text = lex.Unescape(a.Bytes(len(text)), text)
	}
	return data.OfText(text), end, nil
}

func (c *Converter) array(b []byte, i, depth int, a *data.Arena) (data.Value, int, error) {
	if depth >= lex.MaxDepth {
		return data.Value{}, 0, lex.TooDeep(i)
	}
	start := len(c.stack)
	i = lex.Space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return data.OfArray(nil), i + 1, nil
	}
	for {
		v, end, err := c.plain(b, lex.Space(b, i), depth+1, a)
		if err != nil {
			return data.Value{}, 0, err
		}
		c.stack = append(c.stack, v)
		i = lex.Space(b, end)
		if i < len(b) && b[i] == ',' {
			i++
			continue
		}
		if i < len(b) && b[i] == ']' {
			return data.OfArray(c.pop(start, a)), i + 1, nil
		}
		return data.Value{}, 0, lex.Unexpected(b, i, "a comma or the end of the array")
	}
}

// pop moves what was pushed since start into the arena.
func (c *Converter) pop(start int, a *data.Arena) []data.Value {
	vs := a.Values(len(c.stack) - start)
	copy(vs, c.stack[start:])
	c.stack = c.stack[:start]
	return vs
}

func (c *Converter) object(b []byte, i, depth int, a *data.Arena) (data.Value, int, error) {
	if depth >= lex.MaxDepth {
		return data.Value{}, 0, lex.TooDeep(i)
	}
	start := len(c.stack)
	i = lex.Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return data.OfMap(nil), i + 1, nil
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return data.Value{}, 0, lex.Unexpected(b, i, "a member's name in double quotes")
		}
		name, end, err := c.str(b, i, a)
		if err != nil {
			return data.Value{}, 0, err
		}
		if i = lex.Space(b, end); i >= len(b) || b[i] != ':' {
			return data.Value{}, 0, lex.Unexpected(b, i, "a colon")
		}
		c.stack = append(c.stack, name)
		v, end, err := c.plain(b, lex.Space(b, i+1), depth+1, a)
		if err != nil {
			return data.Value{}, 0, err
		}
		c.stack = append(c.stack, v)
		i = lex.Space(b, end)
		if i < len(b) && b[i] == ',' {
			i = lex.Space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == '}' {
			c.stack = c.stack[:start+len(c.seen.Merge(c.stack[start:]))]
			return data.OfMap(c.pop(start, a)), i + 1, nil
		}
		return data.Value{}, 0, lex.Unexpected(b, i, "a comma or the end of the object")
	}
}
