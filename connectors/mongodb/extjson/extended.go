package extjson

import "encoding/binary"

// extended reads an object whose first name begins with a dollar sign. ok is
// false, and nothing is consumed beyond the name, if it is an ordinary document.
func (r *reader) extended(name string, depth int, inside bool) (kind byte, ok bool, err error) {
	switch name {
	case "$binary", "$type":
		return r.binaryObject(name)
	case "$regex", "$options":
		return r.regexObject(name)
	case "$oid", "$symbol", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$uuid":
		kind, err = r.textObject(name)
	case "$date":
		kind, err = r.dateObject()
	case "$code":
		kind, err = r.code(depth, inside)
	case "$minKey", "$maxKey":
		if kind = typeMinKey; name == "$maxKey" {
			kind = typeMaxKey
		}
		err = r.keyObject()
	case "$undefined":
		kind, err = typeUndefined, r.undefinedObject()
	case "$timestamp":
		kind, err = r.timestampObject()
	case "$regularExpression":
		kind, err = r.regularExpressionObject()
	case "$dbPointer":
		kind, err = r.pointerObject()
	default:
		return 0, false, nil
	}
	return kind, true, err
}

// expect takes a token of a kind, named as in Java's JsonTokenType.
func (r *reader) expect(kinds ...tokenKind) error {
	for _, k := range kinds {
		t, err := r.pop()
		if err != nil {
			return err
		}
		if t.kind != k {
			return parseError("JSON reader expected token type '%s' but found '%s'.", kindNames[k], t.shown())
		}
	}
	return nil
}

var kindNames = map[tokenKind]string{beginObject: "BEGIN_OBJECT", endObject: "END_OBJECT", leftParen: "LEFT_PAREN", rightParen: "RIGHT_PAREN",
	colon: "COLON", comma: "COMMA", quoted: "STRING", int32Token: "INT32"}

// after takes a token of a kind, and gives the one behind it.
func (r *reader) after(kind tokenKind) (token, error) {
	if err := r.expect(kind); err != nil {
		return token{}, err
	}
	return r.pop()
}

// textAfter takes a token of a kind, and reads the string behind it.
func (r *reader) textAfter(kind tokenKind) (string, error) {
	if err := r.expect(kind); err != nil {
		return "", err
	}
	return r.text()
}

// expectName takes a name, and the colon behind it.
func (r *reader) expectName(name string) error {
	t, err := r.pop()
	if err != nil {
		return err
	}
	if !t.isText() || t.text != name {
		return parseError("JSON reader expected '%s' but found '%s'.", name, t.shown())
	}
	return r.expect(colon)
}

// text reads a string.
func (r *reader) text() (string, error) {
	t, err := r.pop()
	if err == nil && t.kind != quoted {
		err = parseError("JSON reader expected a string but found '%s'.", t.shown())
	}
	return t.text, err
}

// key reads a name, with or without quotes, and the colon behind it if it is one of two.
func (r *reader) key(a, b string) (string, error) {
	t, err := r.pop()
	switch {
	case err != nil:
		return "", err
	case !t.isText():
		return "", parseError("JSON reader expected a string but found '%s'.", t.shown())
	case t.text == a || t.text == b:
		err = r.expect(colon)
	}
	return t.text, err
}

// textObject reads an object whose value is a string.
func (r *reader) textObject(name string) (byte, error) {
	text, err := r.textAfter(colon)
	if err != nil {
		return 0, err
	}
	if name == "$uuid" { // the only one that is looked at behind the brace
		if err := r.expect(endObject); err != nil {
			return 0, err
		}
		return r.uuid(text)
	}
	kind, err := r.fromText(name, text)
	if err != nil {
		return 0, err
	}
	return kind, r.expect(endObject)
}

func (r *reader) fromText(name, text string) (byte, error) {
	switch name {
	case "$oid":
		return r.objectID(text)
	case "$symbol":
		r.str(text)
		return typeSymbol, nil
	case "$numberLong":
		n, ok := parseInteger(text, 10, 64)
		if !ok {
			return 0, converting(text, "java.lang.Long")
		}
		return r.int64(typeInt64, n), nil
	case "$numberInt":
		n, ok := parseInteger(text, 10, 32)
		if !ok {
			return 0, converting(text, "java.lang.Integer")
		}
		return r.int32(int32(n)), nil
	case "$numberDecimal":
		kind, ok := r.decimal(text)
		if !ok {
			return 0, converting(text, "org.bson.types.Decimal128")
		}
		return kind, nil
	}
	f, ok := parseDouble(text)
	if !ok {
		return 0, converting(text, "java.lang.Double")
	}
	return r.double(f), nil
}

// dateObject reads the value of $date: a text, a number, or {"$numberLong": …}.
func (r *reader) dateObject() (byte, error) {
	t, err := r.after(colon)
	if err != nil {
		return 0, err
	}
	ms := t.num
	switch {
	case t.kind == beginObject:
		name, err := r.pop()
		if err != nil {
			return 0, err
		}
		text, err := name.asText()
		if err != nil {
			return 0, err
		}
		if text != "$numberLong" {
			return 0, parseError("JSON reader expected $numberLong within $date, but found %s", text)
		}
		if _, err = r.textObject("$numberLong"); err != nil {
			return 0, err
		}
		return typeDate, r.expect(endObject)
	case t.kind == quoted:
		var ok bool
		if ms, ok = parseDate(t.text); !ok {
			return 0, parseError("Failed to parse string as a date")
		}
	case !t.isInteger():
		return 0, parseError("JSON reader expected an integer or string but found '%s'.", t.shown())
	}
	return r.int64(typeDate, ms), r.expect(endObject)
}

func (r *reader) keyObject() error {
	t, err := r.after(colon)
	switch {
	case err != nil:
		return err
	case t.kind != int32Token:
		return parseError("JSON reader expected token type 'INT32' but found '%s'.", t.shown())
	case t.num != 1:
		return parseError("JSON reader expected '1' but found '%d'.", t.num)
	}
	return r.expect(endObject)
}

func (r *reader) undefinedObject() error {
	t, err := r.after(colon)
	if err != nil {
		return err
	}
	text, err := t.asText()
	if err != nil {
		return err
	}
	if text != "true" {
		return parseError("JSON reader requires $undefined to have the value of true but found '%s'.", text)
	}
	return r.expect(endObject)
}

func (r *reader) code(depth int, inside bool) (byte, error) {
	code, err := r.textAfter(colon)
	if err != nil {
		return 0, err
	}
	t, err := r.pop()
	switch {
	case err != nil:
		return 0, err
	case t.kind == endObject:
		r.str(code)
		return typeJavaScript, nil
	case t.kind != comma:
		return 0, parseError("JSON reader expected ',' or '}' but found '%s'.", t.shown())
	}
	if err := r.expectName("$scope"); err != nil {
		return 0, err
	}
	if !inside { // it is refused before its scope is looked at
		return typeScopedCode, nil
	}
	start := r.open()
	r.str(code)
	if err := r.mustDocument(depth + 1); err != nil {
		return 0, err
	}
	binary.LittleEndian.PutUint32(r.b[start:], uint32(len(r.b)-start))
	return typeScopedCode, r.expect(endObject)
}

func (r *reader) integer() (int32, error) {
	t, err := r.pop()
	if err == nil && !t.isInteger() {
		err = parseError("JSON reader expected an integer but found '%s'.", t.shown())
	}
	return int32(t.num), err
}

// pair reads what follows the name of an object that has two members in either order,
// and both closing braces. what reads a member's value.
func (r *reader) pair(of, a, b string, what func(name string) error) error {
	if err := r.expect(colon, beginObject); err != nil {
		return err
	}
	name, err := r.key(a, b)
	if err != nil {
		return err
	}
	other := b
	switch name {
	case a:
	case b:
		other = a
	default:
		return parseError("Expected '%s' and '%s' fields in %s document but found %s", a, b, of, name)
	}
	if err := what(name); err != nil {
		return err
	}
	if err := r.expect(comma); err != nil {
		return err
	}
	if err := r.expectName(other); err != nil {
		return err
	}
	if err := what(other); err != nil {
		return err
	}
	return r.expect(endObject, endObject)
}

func (r *reader) timestampObject() (byte, error) {
	var t, i int32
	err := r.pair("$timestamp", "t", "i", func(name string) (err error) {
		to := &t
		if name == "i" {
			to = &i
		}
		*to, err = r.integer()
		return err
	})
	return r.timestamp(t, i), err
}

func (r *reader) timestamp(t, i int32) byte {
	return r.int64(typeTimestamp, int64(t)<<32|int64(uint32(i)))
}

func (r *reader) regularExpressionObject() (byte, error) {
	var pattern, options string
	err := r.pair("$regularExpression", "pattern", "options", func(name string) (err error) {
		to := &pattern
		if name == "options" {
			to = &options
		}
		*to, err = r.text()
		return err
	})
	if err != nil {
		return 0, err
	}
	return r.regex(pattern, options)
}

// pointerObject reads a DBPointer. Where its $id comes first the driver takes the brace
// that ends the inner object for the outer one's.
func (r *reader) pointerObject() (byte, error) {
	if err := r.expect(colon, beginObject); err != nil {
		return 0, err
	}
	name, err := r.text()
	if err != nil {
		return 0, err
	}
	switch name {
	case "$ref":
		ref, err := r.textAfter(colon)
		if err == nil {
			err = r.expect(comma)
		}
		if err != nil {
			return 0, err
		}
		r.str(ref)
		t, err := r.pop()
		if err == nil && (!t.isText() || t.text != "$id") {
			err = parseError("JSON reader expected '$id' but found '%s'.", t.shown())
		}
		if err == nil {
			err = r.pointerID()
		}
		if err != nil {
			return 0, err
		}
		return typeDBPointer, r.expect(endObject, endObject)
	case "$id":
		at := len(r.b)
		if err := r.pointerID(); err != nil {
			return 0, err
		}
		id := string(r.b[at:])
		r.b = r.b[:at]
		if err := r.expect(comma); err != nil {
			return 0, err
		}
		if err := r.expectName("$ref"); err != nil {
			return 0, err
		}
		ref, err := r.text()
		if err != nil {
			return 0, err
		}
		r.str(ref)
		r.b = append(r.b, id...)
		return typeDBPointer, r.expect(endObject)
	}
	return 0, parseError("Expected $ref and $id fields in $dbPointer document but found %s", name)
}

// pointerID reads a colon and {"$oid": "…"}.
func (r *reader) pointerID() error {
	if err := r.expect(colon, beginObject); err != nil {
		return err
	}
	t, err := r.pop()
	switch {
	case err != nil:
		return err
	case t.kind != quoted:
		return parseError("JSON reader expected token type 'STRING' but found '%s'.", t.shown())
	case t.text != "$oid":
		return parseError("JSON reader expected '$oid' but found '%s'.", t.text)
	}
	_, err = r.textObject("$oid")
	return err
}

// binaryObject reads {"$binary": {"base64", "subType"}} and the older
// {"$binary": "…", "$type": "…"} in either order. ok is false for an ordinary
// document, which only the older form can be.
func (r *reader) binaryObject(name string) (kind byte, ok bool, err error) {
	mark := r.i
	if err := r.expect(colon); err != nil {
		return 0, true, err
	}
	if name == "$binary" {
		t, err := r.pop()
		if err != nil {
			return 0, true, err
		}
		if t.kind == beginObject {
			kind, err = r.nestedBinary()
			return kind, true, err
		}
	}
	r.i = mark
	data, subtype, err := r.legacyBinary(name)
	if e, refused := err.(*Error); refused && e.Class != illegalArgument { // a document that only looks like one
		r.i, r.has = mark, false
		return 0, false, nil
	}
	if err != nil {
		return 0, true, err
	}
	return r.binary(subtype, data), true, nil
}

const illegalArgument = "java.lang.IllegalArgumentException"

func (r *reader) nestedBinary() (byte, error) {
	t, err := r.pop()
	if err != nil {
		return 0, err
	}
	name, err := t.asText()
	if err != nil {
		return 0, err
	}
	if name != "base64" && name != "subType" {
		return 0, parseError("Unexpected key for $binary: %s", name)
	}
	data, subtype, err := r.binaryPair(name == "base64", "base64", "subType")
	if err == nil {
		err = r.expect(endObject, endObject)
	}
	if err != nil {
		return 0, err
	}
	return r.binary(subtype, data), nil
}

func (r *reader) legacyBinary(name string) (data []byte, subtype byte, err error) {
	if data, subtype, err = r.binaryPair(name == "$binary", "$binary", "$type"); err == nil {
		err = r.expect(endObject)
	}
	return data, subtype, err
}

// binaryPair reads a colon and the two parts of a binary: the data first, or its type.
func (r *reader) binaryPair(dataFirst bool, dataName, typeName string) (data []byte, subtype byte, err error) {
	if err = r.expect(colon); err != nil {
		return nil, 0, err
	}
	read := func(isData bool) (err error) {
		if !isData {
			subtype, err = r.subtype()
			return err
		}
		text, err := r.text()
		if err == nil {
			data, err = fromBase64(text)
		}
		return err
	}
	other := typeName
	if !dataFirst {
		other = dataName
	}
	if err = read(dataFirst); err == nil {
		err = r.expect(comma)
	}
	if err == nil {
		err = r.expectName(other)
	}
	if err == nil {
		err = read(!dataFirst)
	}
	return data, subtype, err
}

func (r *reader) subtype() (byte, error) {
	t, err := r.pop()
	switch {
	case err != nil:
		return 0, err
	case t.kind == int32Token:
		return byte(t.num), nil
	case t.kind != quoted:
		return 0, parseError("JSON reader expected a string or number but found '%s'.", t.shown())
	}
	n, ok := parseInteger(t.text, 16, 32)
	if !ok {
		return 0, hexFormat(t.text)
	}
	return byte(n), nil
}

// regexObject reads {"$regex": "…", "$options": "…"} in either order; anything else is
// an ordinary document.
func (r *reader) regexObject(name string) (kind byte, ok bool, err error) {
	mark := r.i
	pattern, options, err := r.regexPair(name)
	if err != nil {
		r.i, r.has = mark, false
		return 0, false, nil
	}
	kind, err = r.regex(pattern, options)
	return kind, true, err
}

func (r *reader) regexPair(name string) (pattern, options string, err error) {
	first, second, other := &pattern, &options, "$options"
	if name == "$options" {
		first, second, other = &options, &pattern, "$regex"
	}
	if err = r.expect(colon); err == nil {
		*first, err = r.text()
	}
	if err == nil {
		err = r.expect(comma)
	}
	if err == nil {
		err = r.expectName(other)
	}
	if err == nil {
		*second, err = r.text()
	}
	if err == nil {
		err = r.expect(endObject)
	}
	return pattern, options, err
}
