package extjson

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// word reads an unquoted value: a literal or a constructor of the shell. ok is
// false for a word without meaning.
func (r *reader) word(name string) (kind byte, ok bool, err error) {
	switch name {
	case "true", "false":
		v := byte(0)
		if name == "true" {
			v = 1
		}
		r.b = append(r.b, v)
		return typeBool, true, nil
	case "null":
		return typeNull, true, nil
	case "undefined":
		return typeUndefined, true, nil
	case "NaN", "Infinity":
		f, _ := strconv.ParseFloat(name, 64)
		return r.double(f), true, nil
	case "MinKey", "MaxKey":
		kind = typeMinKey
		if name == "MaxKey" {
			kind = typeMaxKey
		}
		return kind, true, r.noArguments()
	case "Date":
		// Without "new" the shell's Date is a text.
		if _, err := r.arguments(); err != nil {
			return 0, true, err
		}
		return r.str(time.Now().UTC().Format("Mon Jan 02 2006 15:04:05 MST")), true, nil
	case "new":
		t, err := r.pop()
		if err != nil {
			return 0, true, err
		}
		if t.kind != unquoted {
			return 0, true, parseError("JSON reader expected a type name but found '%s'.", t.text)
		}
		if kind, ok, err = r.constructor(t.text, true); !ok && err == nil {
			err = parseError("JSON reader expected a type name but found '%s'.", t.text)
		}
		return kind, true, err
	}
	return r.constructor(name, false)
}

func (r *reader) constructor(name string, isNew bool) (kind byte, ok bool, err error) {
	switch name {
	case "ObjectId", "ISODate", "NumberInt", "NumberLong", "NumberDecimal", "BinData", "HexData", "UUID", "GUID", "CSUUID", "CSGUID",
		"JUUID", "JGUID", "PYUUID", "PYGUID", "Timestamp", "RegExp", "DBPointer":
	case "Date":
		if !isNew {
			return 0, false, nil
		}
	default:
		return 0, false, nil
	}
	args, err := r.arguments()
	if err != nil {
		return 0, true, err
	}
	kind, err = r.construct(name, args)
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
	if t, err = r.pop(); err == nil && t.kind != rightParen {
		err = parseError("JSON reader was expecting ')' but found '%s'.", t.text)
	}
	return err
}

func (r *reader) arguments() ([]token, error) {
	t, err := r.pop()
	if err != nil {
		return nil, err
	}
	if t.kind != leftParen {
		return nil, parseError("JSON reader was expecting '(' but found '%s'.", t.text)
	}
	var args []token
	for {
		if t, err = r.pop(); err != nil {
			return nil, err
		}
		switch t.kind {
		case rightParen:
			return args, nil
		case comma:
			continue
		case quoted, int32Token, int64Token, doubleToken:
			args = append(args, t)
			continue
		}
		return nil, parseError("JSON reader was expecting ')' but found '%s'.", t.text)
	}
}

func (r *reader) construct(name string, args []token) (byte, error) {
	arg := func(i int) token {
		if i < len(args) {
			return args[i]
		}
		return token{kind: eof, text: ")"}
	}
	first := arg(0)
	switch name {
	case "ObjectId":
		if len(args) == 0 {
			id := bson.NewObjectID()
			r.b = append(r.b, id[:]...)
			return typeObjectID, nil
		}
		return r.objectID(first.text)
	case "ISODate", "Date":
		return r.dateArgument(name, args)
	case "NumberInt":
		n, err := integer(first, 32)
		return r.int32(int32(n)), err
	case "NumberLong":
		n, err := integer(first, 64)
		return r.int64(typeInt64, n), err
	case "NumberDecimal":
		return r.decimal(first.text)
	case "BinData":
		data, err := fromBase64(arg(1).text)
		return r.binary(byte(first.num), data), err
	case "HexData":
		data, err := hex.DecodeString(arg(1).text)
		if err != nil {
			return 0, parseError("%v", err)
		}
		return r.binary(byte(first.num), data), nil
	case "Timestamp":
		return r.int64(typeTimestamp, first.num<<32|arg(1).num&0xffffffff), nil
	case "RegExp":
		if len(args) < 2 {
			return r.regex(first.text, "")
		}
		return r.regex(first.text, arg(1).text)
	case "DBPointer":
		r.str(first.text)
		_, err := r.objectID(arg(1).text)
		return typeDBPointer, err
	}
	subtype := byte(3)
	if name == "UUID" || name == "GUID" {
		subtype = 4
	}
	return r.uuid(first.text, subtype)
}

func integer(t token, bits int) (int64, error) {
	switch t.kind {
	case int32Token, int64Token:
		return t.num, nil
	case quoted:
		n, err := strconv.ParseInt(t.text, 10, bits)
		if err != nil {
			return 0, &Error{Class: "java.lang.NumberFormatException", Msg: fmt.Sprintf("For input string: %q", t.text)}
		}
		return n, nil
	}
	return 0, parseError("JSON reader expected an integer or a string but found '%s'.", t.text)
}

func (r *reader) dateArgument(name string, args []token) (byte, error) {
	switch {
	case len(args) == 0:
		return r.int64(typeDate, time.Now().UnixMilli()), nil
	case args[0].kind == quoted:
		ms, err := parseDate(args[0].text)
		if err != nil {
			return 0, err
		}
		return r.int64(typeDate, ms), nil
	case len(args) == 1 && name == "Date":
		return r.int64(typeDate, args[0].num), nil
	case len(args) >= 3 && len(args) <= 7 && name == "Date":
		n := [7]int{0, 0, 1}
		for i, a := range args {
			n[i] = int(a.num)
		}
		t := time.Date(n[0], time.Month(n[1]+1), n[2], n[3], n[4], n[5], n[6]*int(time.Millisecond), time.UTC)
		return r.int64(typeDate, t.UnixMilli()), nil
	}
	return 0, parseError("JSON reader expected a string but found '%s'.", args[0].text)
}

var dateLayouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02"}

func parseDate(s string) (int64, error) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, parseError("Failed to parse string as a date")
}

func (r *reader) objectID(text string) (byte, error) {
	id, err := hex.DecodeString(text)
	if err != nil || len(id) != 12 {
		return 0, &Error{Class: "java.lang.IllegalArgumentException",
			Msg: fmt.Sprintf("invalid hexadecimal representation of an ObjectId: [%s]", text)}
	}
	r.b = append(r.b, id...)
	return typeObjectID, nil
}

func (r *reader) decimal(text string) (byte, error) {
	d, err := bson.ParseDecimal128(text)
	if err != nil {
		return 0, parseError("Exception converting value '%s' to type org.bson.types.Decimal128", text)
	}
	high, low := d.GetBytes()
	r.b = binary.LittleEndian.AppendUint64(r.b, low)
	r.b = binary.LittleEndian.AppendUint64(r.b, high)
	return typeDecimal, nil
}

func (r *reader) uuid(text string, subtype byte) (byte, error) {
	data, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
	if err != nil || len(data) != 16 {
		return 0, parseError("Invalid UUID string: %s", text)
	}
	return r.binary(subtype, data), nil
}

func fromBase64(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if data, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return nil, parseError("invalid base64: %v", err)
		}
	}
	return data, nil
}
