package extjson

import (
	"encoding/binary"
	"math"
	"strconv"
)

// extended reads an object whose first name begins with a dollar sign. ok is
// false, and nothing is consumed beyond the name, if it is an ordinary document.
func (r *reader) extended(name string, depth int) (kind byte, ok bool, err error) {
	at, mark := len(r.b), r.i
	switch name {
	case "$binary", "$type":
		kind, ok, err = r.binaryObject(name)
	case "$regex", "$options":
		kind, ok = r.regexObject(name)
	default:
		if kind, ok, err = r.extendedValue(name, depth); ok && err == nil {
			err = r.expect(endObject, "}")
		}
		return kind, ok, err
	}
	if err != nil {
		return 0, true, err
	}
	if !ok { // a document that only looks like one: start again behind the name
		r.b, r.i, r.has = r.b[:at], mark, false
	}
	return kind, ok, nil
}

func (r *reader) extendedValue(name string, depth int) (kind byte, ok bool, err error) {
	switch name {
	case "$oid", "$symbol", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$uuid":
		text, err := r.text()
		if err != nil {
			return 0, true, err
		}
		kind, err = r.fromText(name, text)
		return kind, true, err
	case "$date":
		kind, err = r.dateObject()
		return kind, true, err
	case "$code":
		kind, err = r.code(depth)
		return kind, true, err
	case "$minKey", "$maxKey":
		kind = typeMinKey
		if name == "$maxKey" {
			kind = typeMaxKey
		}
		if err = r.expect(colon, ":"); err == nil {
			var t token
			if t, err = r.pop(); err == nil && (t.kind != int32Token || t.num != 1) {
				err = parseError("JSON reader was expecting '1' but found '%s'.", t.text)
			}
		}
		return kind, true, err
	case "$undefined":
		if err = r.expect(colon, ":"); err == nil {
			var t token
			if t, err = r.pop(); err == nil && t.text != "true" {
				err = parseError("JSON reader requires $undefined to have the value of true but found '%s'.", t.text)
			}
		}
		return typeUndefined, true, err
	case "$timestamp", "$regularExpression", "$dbPointer":
		kind, err = r.fieldsObject(name)
		return kind, true, err
	}
	return 0, false, nil
}

func (r *reader) expect(k tokenKind, shown string) error {
	t, err := r.pop()
	if err == nil && t.kind != k {
		err = parseError("JSON reader was expecting '%s' but found '%s'.", shown, t.text)
	}
	return err
}

// text reads a colon and a string.
func (r *reader) text() (string, error) {
	if err := r.expect(colon, ":"); err != nil {
		return "", err
	}
	t, err := r.pop()
	if err == nil && t.kind != quoted {
		err = parseError("JSON reader expected a string but found '%s'.", t.text)
	}
	return t.text, err
}

func (r *reader) fromText(name, text string) (byte, error) {
	converting := func(class string) error {
		return parseError("Exception converting value '%s' to type %s", text, class)
	}
	switch name {
	case "$oid":
		return r.objectID(text)
	case "$symbol":
		r.str(text)
		return typeSymbol, nil
	case "$numberLong":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, converting("java.lang.Long")
		}
		return r.int64(typeInt64, n), nil
	case "$numberInt":
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return 0, converting("java.lang.Integer")
		}
		return r.int32(int32(n)), nil
	case "$numberDouble":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return 0, converting("java.lang.Double")
		}
		return r.double(f), nil
	case "$numberDecimal":
		return r.decimal(text)
	}
	return r.uuid(text, 4)
}

// dateObject reads the value of $date: a text, a number, or {"$numberLong": …}.
func (r *reader) dateObject() (byte, error) {
	if err := r.expect(colon, ":"); err != nil {
		return 0, err
	}
	t, err := r.pop()
	if err != nil {
		return 0, err
	}
	switch t.kind {
	case int32Token, int64Token:
		return r.int64(typeDate, t.num), nil
	case quoted:
		ms, err := parseDate(t.text)
		if err != nil {
			return 0, err
		}
		return r.int64(typeDate, ms), nil
	case beginObject:
		name, err := r.pop()
		if err != nil {
			return 0, err
		}
		if name.text == "$numberLong" && name.isText() {
			text, err := r.text()
			if err == nil {
				_, err = r.fromText("$numberLong", text)
			}
			if err == nil {
				err = r.expect(endObject, "}")
			}
			return typeDate, err
		}
		return 0, parseError("JSON reader expected $numberLong within $date, but found %s", name.text)
	}
	return 0, parseError("JSON reader expected an integer or string but found '%s'.", t.text)
}

func (r *reader) code(depth int) (byte, error) {
	code, err := r.text()
	if err != nil {
		return 0, err
	}
	t, err := r.pop()
	if err != nil {
		return 0, err
	}
	if t.kind != comma {
		r.push(t)
		r.str(code)
		return typeJavaScript, nil
	}
	if t, err = r.pop(); err != nil {
		return 0, err
	}
	if t.text != "$scope" {
		return 0, parseError("JSON reader expected a $scope but found '%s'.", t.text)
	}
	if err := r.expect(colon, ":"); err != nil {
		return 0, err
	}
	if err := r.expect(beginObject, "{"); err != nil {
		return 0, err
	}
	start := r.open()
	r.str(code)
	if err := r.document(depth + 1); err != nil {
		return 0, err
	}
	binary.LittleEndian.PutUint32(r.b[start:], uint32(len(r.b)-start))
	return typeScopedCode, nil
}

// flat reads an object of the form {"a": 1, "b": "x", "c": {"$oid": "…"}}.
func (r *reader) flat() (map[string]token, error) {
	fields := map[string]token{}
	for {
		name, err := r.pop()
		if err != nil {
			return nil, err
		}
		switch {
		case name.kind == endObject:
			return fields, nil
		case name.kind == comma:
			continue
		case !name.isText():
			return nil, parseError("JSON reader expected a name but found '%s'.", name.text)
		}
		if err := r.expect(colon, ":"); err != nil {
			return nil, err
		}
		t, err := r.pop()
		if err != nil {
			return nil, err
		}
		if t.kind == beginObject {
			inner, err := r.flat()
			if err != nil {
				return nil, err
			}
			t = inner["$oid"]
		}
		fields[name.text] = t
	}
}

func (r *reader) fieldsObject(name string) (byte, error) {
	if err := r.expect(colon, ":"); err != nil {
		return 0, err
	}
	if err := r.expect(beginObject, "{"); err != nil {
		return 0, err
	}
	f, err := r.flat()
	if err != nil {
		return 0, err
	}
	need := func(what string, is func(token) bool, keys ...string) error {
		for _, k := range keys {
			if t, ok := f[k]; !ok {
				return parseError("Expected '%s' within %s.", k, name)
			} else if !is(t) {
				return parseError("JSON reader expected %s but found '%s'.", what, t.text)
			}
		}
		return nil
	}
	isText := func(t token) bool { return t.kind == quoted }
	switch name {
	case "$timestamp":
		isInteger := func(t token) bool { return t.kind == int32Token || t.kind == int64Token }
		if err := need("an integer", isInteger, "t", "i"); err != nil {
			return 0, err
		}
		return r.int64(typeTimestamp, f["t"].num<<32|f["i"].num&0xffffffff), nil
	case "$regularExpression":
		if err := need("a string", isText, "pattern"); err != nil {
			return 0, err
		}
		return r.regex(f["pattern"].text, f["options"].text)
	}
	if err := need("a string", isText, "$ref", "$id"); err != nil {
		return 0, err
	}
	r.str(f["$ref"].text)
	_, err = r.objectID(f["$id"].text)
	return typeDBPointer, err
}

// binaryObject reads {"$binary": {"base64", "subType"}} and the older
// {"$binary": "…", "$type": "…"} in either order. ok is false for an ordinary
// document, which only the older form can be.
func (r *reader) binaryObject(name string) (kind byte, ok bool, err error) {
	if r.expect(colon, ":") != nil {
		return 0, false, nil
	}
	t, err := r.pop()
	if err != nil {
		return 0, false, nil
	}
	if t.kind == beginObject {
		f, err := r.flat()
		if err != nil {
			return 0, true, err
		}
		for key := range f {
			if key != "base64" && key != "subType" {
				return 0, true, parseError("Unexpected key for $binary: %s", key)
			}
		}
		if kind, err = r.binaryOf(f["base64"], f["subType"]); err == nil {
			err = r.expect(endObject, "}")
		}
		return kind, true, err
	}
	rest, err := r.flatAfter()
	if err != nil {
		return 0, false, nil
	}
	data, subtype := t, rest["$type"]
	if name == "$type" {
		data, subtype = rest["$binary"], t
	}
	kind, err = r.binaryOf(data, subtype)
	return kind, err == nil, nil
}

func (r *reader) binaryOf(data, subtype token) (byte, error) {
	if data.kind != quoted {
		return 0, parseError("JSON reader expected a string but found '%s'.", data.text)
	}
	raw, err := fromBase64(data.text)
	if err != nil {
		return 0, err
	}
	switch subtype.kind {
	case quoted:
		n, err := strconv.ParseUint(subtype.text, 16, 8)
		if err != nil {
			return 0, parseError("Exception converting value '%s' to type java.lang.Integer", subtype.text)
		}
		return r.binary(byte(n), raw), nil
	case int32Token:
		return r.binary(byte(subtype.num), raw), nil
	}
	return 0, parseError("JSON reader expected a string or number but found '%s'.", subtype.text)
}

// flatAfter reads the remaining fields of an object, behind its first value.
func (r *reader) flatAfter() (map[string]token, error) {
	if err := r.skipComma(); err != nil {
		return nil, err
	}
	return r.flat()
}

// regexObject reads {"$regex": "…", "$options": "…"} in either order.
func (r *reader) regexObject(name string) (byte, bool) {
	if r.expect(colon, ":") != nil {
		return 0, false
	}
	t, err := r.pop()
	if err != nil || t.kind != quoted {
		return 0, false
	}
	rest, err := r.flatAfter()
	if err != nil || len(rest) != 1 {
		return 0, false
	}
	pattern, options := t, rest["$options"]
	if name == "$options" {
		pattern, options = rest["$regex"], t
	}
	if pattern.kind != quoted || options.kind != quoted {
		return 0, false
	}
	kind, err := r.regex(pattern.text, options.text)
	return kind, err == nil
}
