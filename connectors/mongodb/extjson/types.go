package extjson

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/transforms/dateformat"
)

// literal reads an unquoted value: a word, or a constructor of the shell. ok is false
// for a word without meaning.
func (r *reader) literal(name string) (kind byte, ok bool, err error) {
	switch name {
	case "true":
		r.b = append(r.b, 1)
		return typeBool, true, nil
	case "false":
		r.b = append(r.b, 0)
		return typeBool, true, nil
	case "null":
		return typeNull, true, nil
	case "undefined":
		return typeUndefined, true, nil
	case "NaN":
		return r.double(math.NaN()), true, nil
	case "Infinity":
		return r.double(math.Inf(1)), true, nil
	case "Date":
		kind, err = r.dateText()
		return kind, true, err
	case "Timestamp": // the one that "new" does not know
		kind, err = r.timestampConstructor()
		return kind, true, err
	case "new":
		t, err := r.pop()
		if err != nil {
			return 0, true, err
		}
		if t.kind == unquoted {
			if t.text == "Date" {
				kind, err = r.dateConstructor()
				return kind, true, err
			}
			if kind, ok, err = r.constructor(t.text); ok {
				return kind, true, err
			}
		}
		return 0, true, parseError("JSON reader expected a type name but found '%s'.", t.shown())
	}
	return r.constructor(name)
}

// constructor reads one that stands with "new" or without.
func (r *reader) constructor(name string) (kind byte, ok bool, err error) {
	switch name {
	case "MinKey":
		return typeMinKey, true, r.noArguments()
	case "MaxKey":
		return typeMaxKey, true, r.noArguments()
	case "BinData":
		kind, err = r.binData()
	case "HexData":
		kind, err = r.hexData()
	case "ISODate":
		kind, err = r.isoDate()
	case "NumberInt", "NumberLong", "NumberDecimal":
		kind, err = r.number(name)
	case "ObjectId":
		kind, err = r.ofText(r.objectID)
	case "RegExp":
		kind, err = r.regexConstructor()
	case "DBPointer":
		kind, err = r.pointerConstructor()
	case "UUID":
		kind, err = r.ofText(func(text string) (byte, error) {
			data, err := fromHex(strings.ReplaceAll(text, "-", ""))
			return r.binary(4, data), err
		})
	default:
		return 0, false, nil
	}
	return kind, true, err
}

// noArguments skips an optional pair of parentheses.
func (r *reader) noArguments() error {
	t, err := r.pop()
	if err != nil {
		return err
	}
	if t.kind != leftParen {
		r.push(t)
		return nil
	}
	return r.expect(rightParen)
}

// ofText reads a constructor with one text.
func (r *reader) ofText(do func(text string) (byte, error)) (byte, error) {
	text, err := r.textAfter(leftParen)
	if err != nil {
		return 0, err
	}
	kind, err := do(text)
	if err != nil {
		return 0, err
	}
	return kind, r.expect(rightParen)
}

// subtypeFirst reads what BinData and HexData begin with.
func (r *reader) subtypeFirst() (int64, error) {
	t, err := r.after(leftParen)
	switch {
	case err != nil:
		return 0, err
	case t.kind != int32Token:
		return 0, parseError("JSON reader expected a binary subtype but found '%s'.", t.shown())
	}
	return t.num, r.expect(comma)
}

func (r *reader) binData() (byte, error) {
	subtype, err := r.subtypeFirst()
	if err != nil {
		return 0, err
	}
	t, err := r.pop()
	switch {
	case err != nil:
		return 0, err
	case !t.isText():
		return 0, parseError("JSON reader expected a string but found '%s'.", t.shown())
	}
	if err := r.expect(rightParen); err != nil {
		return 0, err
	}
	data, err := fromBase64(t.text)
	return r.binary(byte(subtype), data), err
}

// hexData has another idea of the subtypes of users than BinData: as a signed byte.
func (r *reader) hexData() (byte, error) {
	subtype, err := r.subtypeFirst()
	if err != nil {
		return 0, err
	}
	text, err := r.text()
	if err == nil {
		err = r.expect(rightParen)
	}
	if err != nil {
		return 0, err
	}
	if len(text)%2 != 0 {
		text = "0" + text
	}
	if subtype != -128 && (subtype < 0 || subtype > maxSubtype) {
		subtype = 0
	}
	data, err := fromHex(text)
	return r.binary(byte(subtype), data), err
}

// maxSubtype is the last of the subtypes that the driver has a name for, but for those
// of users.
const maxSubtype = 7

func (r *reader) number(name string) (byte, error) {
	t, err := r.after(leftParen)
	if err != nil {
		return 0, err
	}
	var kind byte
	switch name {
	case "NumberInt":
		kind, err = r.numberInt(t)
	case "NumberLong":
		kind, err = r.numberLong(t)
	default:
		kind, err = r.numberDecimal(t)
	}
	if err != nil {
		return 0, err
	}
	return kind, r.expect(rightParen)
}

func (r *reader) numberInt(t token) (byte, error) {
	if t.kind == int32Token {
		return r.int32(int32(t.num)), nil
	}
	n, err := integerText(t, 32)
	return r.int32(int32(n)), err
}

func (r *reader) numberLong(t token) (byte, error) {
	if t.isInteger() {
		return r.int64(typeInt64, t.num), nil
	}
	n, err := integerText(t, 64)
	return r.int64(typeInt64, n), err
}

func integerText(t token, bits int) (int64, error) {
	if t.kind != quoted {
		return 0, parseError("JSON reader expected an integer or a string but found '%s'.", t.shown())
	}
	n, ok := parseInteger(t.text, 10, bits)
	if !ok {
		return 0, numberFormat(t.text)
	}
	return n, nil
}

func (r *reader) numberDecimal(t token) (kind byte, err error) {
	var ok bool
	switch t.kind {
	case int32Token, int64Token:
		kind, ok = r.decimal(t.shown())
	case doubleToken:
		if kind, ok = r.decimalOf(t.float); !ok {
			return 0, converting(t.shown(), "org.bson.types.Decimal128")
		}
	case quoted:
		kind, ok = r.decimal(t.text)
	default:
		return 0, parseError("JSON reader expected a number or a string but found '%s'.", t.shown())
	}
	if !ok {
		return 0, numberFormat(t.text)
	}
	return kind, nil
}

func (r *reader) timestampConstructor() (byte, error) {
	time, err := r.after(leftParen)
	if err == nil && time.kind != int32Token {
		err = parseError("JSON reader expected an integer but found '%s'.", time.shown())
	}
	if err == nil {
		err = r.expect(comma)
	}
	if err != nil {
		return 0, err
	}
	increment, err := r.pop()
	switch {
	case err != nil:
		return 0, err
	case increment.kind != int32Token:
		return 0, parseError("JSON reader expected an integer but found '%s'.", time.shown()) // the driver shows the other one
	}
	return r.timestamp(int32(time.num), int32(increment.num)), r.expect(rightParen)
}

func (r *reader) regexConstructor() (byte, error) {
	pattern, err := r.textAfter(leftParen)
	if err != nil {
		return 0, err
	}
	options := ""
	t, err := r.pop()
	switch {
	case err != nil:
		return 0, err
	case t.kind == comma:
		if options, err = r.text(); err != nil {
			return 0, err
		}
	default:
		r.push(t)
	}
	if err := r.expect(rightParen); err != nil {
		return 0, err
	}
	return r.regex(pattern, options)
}

func (r *reader) pointerConstructor() (byte, error) {
	ref, err := r.textAfter(leftParen)
	if err == nil {
		err = r.expect(comma)
	}
	if err != nil {
		return 0, err
	}
	r.str(ref)
	id, err := r.text()
	if err != nil {
		return 0, err
	}
	if _, err := r.objectID(id); err != nil {
		return 0, err
	}
	return typeDBPointer, r.expect(rightParen)
}

func (r *reader) isoDate() (byte, error) {
	t, err := r.after(leftParen)
	switch {
	case err != nil:
		return 0, err
	case t.kind == rightParen:
		return r.int64(typeDate, time.Now().UnixMilli()), nil
	case t.kind != quoted:
		return 0, parseError("JSON reader expected a string but found '%s'.", t.shown())
	}
	if err := r.expect(rightParen); err != nil {
		return 0, err
	}
	ms, ok := parseDate(t.text)
	if !ok {
		return 0, parseError("Failed to parse string as a date: %s", t.text)
	}
	return r.int64(typeDate, ms), nil
}

// shellDate is how the driver writes and reads the dates of the shell.
var shellDate, _ = dateformat.New("EEE MMM dd yyyy HH:mm:ss z")

// dateText is Date without "new": the present as a text, whatever the arguments are.
func (r *reader) dateText() (byte, error) {
	if err := r.expect(leftParen); err != nil {
		return 0, err
	}
	for {
		t, err := r.pop()
		switch {
		case err != nil:
			return 0, err
		case t.kind == eof:
			return 0, parseError("JSON reader expected a ')' but found '<eof>'.")
		case t.kind == rightParen:
			return r.str(string(shellDate.Append(nil, time.Now().UnixMilli()))), nil
		}
	}
}

// dateConstructor is new Date: the present, a text, milliseconds, or three to seven
// numbers from the year on.
func (r *reader) dateConstructor() (byte, error) {
	t, err := r.after(leftParen)
	switch {
	case err != nil:
		return 0, err
	case t.kind == rightParen:
		return r.int64(typeDate, time.Now().UnixMilli()), nil
	case t.kind == quoted:
		if err := r.expect(rightParen); err != nil {
			return 0, err
		}
		ms, end, err := shellDate.ParsePrefix(t.text)
		if err != nil || end != len(t.text) {
			return 0, parseError("JSON reader expected a date in 'EEE MMM dd yyyy HH:mm:ss z' format but found '%s'.", t.text)
		}
		return r.int64(typeDate, ms), nil
	case !t.isInteger():
		return 0, parseError("JSON reader expected an integer or a string but found '%s'.", t.shown())
	}
	parts, err := r.dateParts(t)
	switch {
	case err != nil:
		return 0, err
	case len(parts) == 1:
		return r.int64(typeDate, parts[0]), nil
	case len(parts) < 3:
		return 0, parseError("JSON reader expected 1 or 3-7 integers but found %d.", len(parts))
	}
	var p [7]int32
	for i, n := range parts {
		p[i] = int32(n)
	}
	ms, ok := dateformat.Millis(p)
	if !ok {
		return 0, parseError("The date is beyond the range of 64 bits.")
	}
	return r.int64(typeDate, ms), nil
}

// dateParts reads the numbers up to the closing parenthesis; those beyond seven are
// left out.
func (r *reader) dateParts(t token) (parts []int64, err error) {
	for {
		if len(parts) < 7 {
			parts = append(parts, t.num)
		}
		if t, err = r.pop(); err != nil || t.kind == rightParen {
			return parts, err
		}
		if t.kind != comma {
			return nil, parseError("JSON reader expected a ',' or a ')' but found '%s'.", t.shown())
		}
		if t, err = r.pop(); err != nil {
			return nil, err
		}
		if !t.isInteger() {
			return nil, parseError("JSON reader expected an integer but found '%s'.", t.shown())
		}
	}
}

func (r *reader) objectID(text string) (byte, error) {
	id, err := hex.DecodeString(text)
	if err != nil || len(id) != len(bson.ObjectID{}) {
		return 0, &Error{Class: illegalArgument, Msg: fmt.Sprintf("invalid hexadecimal representation of an ObjectId: [%s]", text)}
	}
	r.b = append(r.b, id...)
	return typeObjectID, nil
}

// uuid is $uuid, which takes the usual form alone. The driver gives its errors another
// class of its own, with the text of that of the first.
func (r *reader) uuid(text string) (byte, error) {
	if n := len([]rune(text)); n != 36 {
		return 0, parseError("java.lang.IllegalArgumentException: UUID string \"%s\" must be 36 characters", text)
	}
	for i, c := range []rune(text) {
		isHex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		switch dash := i == 8 || i == 13 || i == 18 || i == 23; {
		case dash && c != '-':
			return 0, parseError("java.lang.IllegalArgumentException: Expected dash in UUID string \"%s\" at position %d", text, i)
		case !dash && !isHex:
			dashes := strings.Count(text[:i], "-")
			return 0, parseError("java.lang.IllegalArgumentException: Expected four hexadecimal characters in UUID string \"%s\" starting at position %d",
				text, (i-dashes)/4*4+dashes)
		}
	}
	data, err := fromHex(strings.ReplaceAll(text, "-", ""))
	return r.binary(4, data), err
}

func fromHex(text string) ([]byte, error) {
	data, err := hex.DecodeString(text)
	switch {
	case err == nil:
		return data, nil
	case len(text)%2 != 0:
		return nil, &Error{Class: illegalArgument, Msg: "A hex string must contain an even number of characters: " + text}
	}
	return nil, &Error{Class: illegalArgument, Msg: "A hex string can only contain the characters 0-9, A-F, a-f: " + text}
}

// fromBase64 is java.util.Base64's decoder: the padding may be missing.
func fromBase64(text string) ([]byte, error) {
	encoding := base64.StdEncoding
	if !strings.HasSuffix(text, "=") {
		encoding = base64.RawStdEncoding
	}
	data, err := encoding.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, &Error{Class: illegalArgument, Msg: base64Error(text)}
	}
	return data, nil
}

// base64Error is what Java's decoder says of a text that it refuses.
func base64Error(text string) string {
	body := strings.TrimRight(text, "=")
	for i, c := range body {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
		case c == '=':
			if i%4 == 2 || i%4 == 3 {
				if i%4 == 3 || body[i+1] == '=' {
					return fmt.Sprintf("Input byte array has incorrect ending byte at %d", i+4-i%4)
				}
			}
			return "Input byte array has wrong 4-byte ending unit"
		default:
			return fmt.Sprintf("Illegal base64 character %x", min(c, 0xff))
		}
	}
	padding := len(text) - len(body)
	switch rest := len(body) % 4; {
	case padding == 0 && len(text) == 1:
		return "Input byte[] should at least have 2 bytes for base64 bytes"
	case padding == 0, padding > 0 && rest == 1:
		return "Last unit does not have enough valid bits"
	case padding > 4-rest && rest >= 2:
		return fmt.Sprintf("Input byte array has incorrect ending byte at %d", len(body)+4-rest)
	}
	return "Input byte array has wrong 4-byte ending unit"
}
