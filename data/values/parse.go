package values

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"culvert/data"
)

// The errors of Parse, for texts that Java's parser stumbles over too.
var (
	ErrTooDeep = errors.New("nested deeper than 500 levels")
	ErrControl = errors.New("nothing but control characters where a value was expected")
)

const maxDepth = 500

// errLiteral says that a text is no array or map after all; it is a string then.
var errLiteral = errors.New("not a literal")

var (
	stringSchema  = data.Of(data.String)
	booleanSchema = data.Of(data.Bool)
	numberSchemas = map[data.Kind]*data.Schema{
		data.Int8: data.Of(data.Int8), data.Int16: data.Of(data.Int16), data.Int32: data.Of(data.Int32), data.Int64: data.Of(data.Int64),
		data.Float32: data.Of(data.Float32), data.Float64: data.Of(data.Float64),
	}
)

// Parse is Values.parseString: it reads a number, a boolean, a date, an array or a
// map, whatever the text looks like; else the text is a string. The text null is a
// null without schema. The result shares text.
func Parse(text string) (data.Value, *data.Schema, error) {
	if text == "" {
		return data.OfString(text), stringSchema, nil
	}
	p := parser{tokens: tokens{text: text}}
	v, s, err := p.value(false, 0)
	if p.temporals && err == nil {
		v = untyped(v, s)
	}
	return v, s, err
}

type parser struct {
	tokens
	temporals bool // a date, time or timestamp was read
}

// untyped makes a timestamp of every date and time that no schema tells of, as all
// of them are a java.util.Date.
func untyped(v data.Value, s *data.Schema) data.Value {
	var key, elem *data.Schema
	if s != nil {
		key, elem = s.Key, s.Elem
	}
	switch all := v.Elems(); v.Kind() {
	case data.Date, data.Time:
		if s == nil {
			return data.OfTimestamp(v.Int())
		}
	case data.Array:
		for i := range all {
			all[i] = untyped(all[i], elem)
		}
	case data.Map:
		for i := 0; i+1 < len(all); i += 2 {
			all[i], all[i+1] = untyped(all[i], key), untyped(all[i+1], elem)
		}
	}
	return v
}

// single consumes a word that is the whole value.
func (p *parser) single(word string, embedded bool) bool {
	start := p.mark()
	if p.take(word) && (embedded || !p.more()) {
		return true
	}
	p.rewind(start)
	return false
}

func (p *parser) value(embedded bool, depth int) (data.Value, *data.Schema, error) {
	switch {
	case depth > maxDepth:
		return data.Value{}, nil, ErrTooDeep
	case !p.more():
		return data.Value{}, nil, nil
	case embedded && p.take(`"`):
		v, s := p.quoted()
		return v, s, nil
	case p.single("null", embedded):
		return data.Value{}, nil, nil
	case p.single("true", embedded):
		return data.OfBool(true), booleanSchema, nil
	case p.single("false", embedded):
		return data.OfBool(false), booleanSchema, nil
	}
	start := p.mark()
	open := p.array
	switch {
	case p.take("["):
	case p.take("{"):
		open = p.mapping
	default: // blanks before the token are gone, as Java's isNext drops them
		return p.token(embedded)
	}
	v, s, err := open(depth)
	if err == errLiteral {
		p.rewind(start)
		return p.token(embedded)
	}
	return v, s, err
}

// token reads the next token as a number, a date or a text.
func (p *parser) token(embedded bool) (data.Value, *data.Schema, error) {
	token := p.pop()
	if blank(token) {
		return data.OfString(token), stringSchema, nil
	}
	return p.scalar(trim(token), embedded)
}

func (p *parser) scalar(token string, embedded bool) (data.Value, *data.Schema, error) {
	if token == "" {
		return data.Value{}, nil, ErrControl
	}
	first := []rune(token)[0]
	if unicode.IsDigit(first) {
		if v, s, ok := p.temporal(token); ok {
			return v, s, nil
		}
	}
	if unicode.IsDigit(first) || first == '+' || first == '-' {
		if v, s, ok := number(token); ok {
			return v, s, nil
		}
	}
	if embedded {
		return data.Value{}, nil, errLiteral
	}
	return data.OfString(p.text), stringSchema, nil
}

// temporal looks first at five tokens, because the colons of a time are delimiters.
func (p *parser) temporal(token string) (data.Value, *data.Schema, bool) {
	start := p.mark()
	if rest, ok := p.ahead(4); ok {
		if v, s, ok := temporal(token + rest); ok {
			p.temporals = true
			return v, s, true
		}
	}
	p.rewind(start)
	v, s, ok := temporal(token)
	p.temporals = p.temporals || ok
	return v, s, ok
}

func (p *parser) quoted() (data.Value, *data.Schema) {
	var b strings.Builder
	for p.more() {
		if p.take(`"`) {
			break
		}
		b.WriteString(p.pop())
	}
	text := b.String()
	if v, s, ok := temporal(text); ok {
		p.temporals = true
		return v, s
	}
	return data.OfString(text), stringSchema
}

func (p *parser) array(depth int) (data.Value, *data.Schema, error) {
	var elems []data.Value
	var common merger
	for p.more() {
		if p.take("]") {
			s := &data.Schema{Kind: data.Array, Elem: common.schema}
			if common.schema != nil {
				for i := range elems {
					var ok bool
					if elems[i], ok = align(elems[i], common.schema); !ok {
						return data.Value{}, nil, errLiteral
					}
				}
			}
			return data.OfArray(elems), s, nil
		}
		if p.take(",") {
			return data.Value{}, nil, errLiteral
		}
		v, s, err := p.value(true, depth+1)
		if err != nil {
			return data.Value{}, nil, err
		}
		common.merge(s)
		elems = append(elems, v)
		at := p.mark()
		if p.take("]") {
			p.rewind(at)
		} else if !p.take(",") {
			return data.Value{}, nil, errLiteral
		}
	}
	return data.Value{}, nil, errLiteral
}

func (p *parser) mapping(depth int) (data.Value, *data.Schema, error) {
	var pairs []data.Value
	var keys, elems merger
	for p.more() {
		if p.take("}") {
			return finishMap(pairs, keys.schema, elems.schema)
		}
		if p.take(",") {
			return data.Value{}, nil, errLiteral
		}
		k, ks, err := p.value(true, depth+1)
		if err != nil {
			return data.Value{}, nil, err
		}
		if k.IsNull() || !p.take(":") {
			return data.Value{}, nil, errLiteral
		}
		v, vs, err := p.value(true, depth+1)
		if err != nil {
			return data.Value{}, nil, err
		}
		pairs = put(pairs, k, v)
		p.take(",")
		keys.merge(ks)
		elems.merge(vs)
	}
	return data.Value{}, nil, errLiteral
}

func put(pairs []data.Value, k, v data.Value) []data.Value {
	const many = 200 // maps in headers are small; beyond this, duplicates stay
	for i := 0; i+1 < len(pairs) && i < 2*many; i += 2 {
		if pairs[i].Equal(k) {
			pairs[i+1] = v
			return pairs
		}
	}
	return append(pairs, k, v)
}

func finishMap(pairs []data.Value, key, elem *data.Schema) (data.Value, *data.Schema, error) {
	if key == nil {
		elem = nil
	}
	for i := 0; i+1 < len(pairs) && key != nil; i += 2 {
		var ok bool
		if pairs[i], ok = align(pairs[i], key); ok && elem != nil {
			pairs[i+1], ok = align(pairs[i+1], elem)
		}
		if !ok {
			return data.Value{}, nil, errLiteral
		}
	}
	return data.OfMap(pairs), &data.Schema{Kind: data.Map, Key: key, Elem: elem}, nil
}

// number reads a number as the narrowest type that holds it.
func number(token string) (data.Value, *data.Schema, bool) {
	unscaled, scale, ok := ParseDecimal(ASCIIDigits(token))
	if !ok {
		return data.Value{}, nil, false
	}
	if n, ok := Integral(unscaled, scale); ok {
		v := data.OfInt64(n)
		switch {
		case n == int64(int8(n)):
			v = data.OfInt8(int8(n))
		case n == int64(int16(n)):
			v = data.OfInt16(int16(n))
		case n == int64(int32(n)):
			v = data.OfInt32(int32(n))
		}
		return v, numberSchemas[v.Kind()], true
	}
	if scale != 0 {
		text := unscaled.String() + "e" + strconv.FormatInt(-int64(scale), 10)
		if f, _ := strconv.ParseFloat(text, 32); !math.IsInf(f, 0) {
			return data.OfFloat32(float32(f)), numberSchemas[data.Float32], true
		}
		if f, _ := strconv.ParseFloat(text, 64); !math.IsInf(f, 0) {
			return data.OfFloat64(f), numberSchemas[data.Float64], true
		}
	}
	s := data.Of(data.Decimal)
	s.Params = []data.Param{{Name: data.ScaleParam, Value: strconv.FormatInt(int64(scale), 10)}}
	return data.OfBigDecimal(unscaled, scale), s, true
}

// ASCIIDigits replaces the digits of other scripts, which Java reads too.
func ASCIIDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 || !unicode.IsDigit(r) {
			return r
		}
		zero := r
		for unicode.IsDigit(zero-1) && r-zero < 9 {
			zero--
		}
		return '0' + r - zero
	}, s)
}

// Integral returns the number if it is a whole one of 64 bits, without making
// the long integers that large exponents stand for.
func Integral(unscaled *big.Int, scale int32) (int64, bool) {
	if unscaled.Sign() == 0 {
		return 0, true
	}
	length := len(unscaled.String())
	switch {
	case scale > 0 && int(scale) > length, scale < 0 && length-int(scale) > 21:
		return 0, false
	case scale > 0:
		q, r := new(big.Int).QuoRem(unscaled, power(scale), new(big.Int))
		return q.Int64(), r.Sign() == 0 && q.IsInt64()
	case scale < 0:
		unscaled = new(big.Int).Mul(unscaled, power(-scale))
	}
	return unscaled.Int64(), unscaled.IsInt64()
}

func power(n int32) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
