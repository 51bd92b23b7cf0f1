package extjson

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"culvert/data/values"
)

// Mode is one of the ways in which the Java driver prints BSON
// (org.bson.json.JsonMode), or the one that MongoDB's connector adds.
type Mode uint8

// The modes.
const (
	Strict     Mode = iota // JsonMode.STRICT, the first version of extended JSON
	Extended               // JsonMode.EXTENDED, canonical extended JSON
	Relaxed                // JsonMode.RELAXED
	Simplified             // SimplifiedJson: relaxed, with texts for dates, ids, decimals and bytes
)

// AppendDocument appends the document as the Java driver's toJson prints it in the
// mode: a blank behind each colon and comma, and characters that are not printable
// escaped. The document must be valid BSON.
func AppendDocument(dst []byte, doc bson.Raw, mode Mode) []byte {
	return writer{dst, mode}.document(bsoncore.Document(doc)).b
}

// AppendValue appends one value in the same way.
func AppendValue(dst []byte, v bson.RawValue, mode Mode) []byte {
	return writer{dst, mode}.value(bsoncore.Value{Type: bsoncore.Type(v.Type), Data: v.Value}).b
}

type writer struct {
	b    []byte
	mode Mode
}

func (w writer) text(s string) writer { w.b = append(w.b, s...); return w }

// quoted is a text that needs no escape.
func (w writer) quoted(s string) writer { return w.text(`"`).text(s).text(`"`) }

func (w writer) document(doc bsoncore.Document) writer {
	w = w.text("{")
	for rest, n := content(doc), 0; ; n++ {
		e, tail, ok := bsoncore.ReadElement(rest)
		if !ok {
			return w.text("}")
		}
		if n > 0 {
			w = w.text(", ")
		}
		w.b = appendQuoted(w.b, e.Key())
		w = w.text(": ").value(e.Value())
		rest = tail
	}
}

func (w writer) array(doc bsoncore.Array) writer {
	w = w.text("[")
	for rest, n := content(bsoncore.Document(doc)), 0; ; n++ {
		e, tail, ok := bsoncore.ReadElement(rest)
		if !ok {
			return w.text("]")
		}
		if n > 0 {
			w = w.text(", ")
		}
		w = w.value(e.Value())
		rest = tail
	}
}

// content are the elements of a document, without length and end.
func content(doc bsoncore.Document) []byte {
	if len(doc) < 5 {
		return nil
	}
	return doc[4 : len(doc)-1]
}

func (w writer) value(v bsoncore.Value) writer {
	switch v.Type {
	case bsoncore.TypeEmbeddedDocument:
		return w.document(v.Document())
	case bsoncore.TypeArray:
		return w.array(v.Array())
	case bsoncore.TypeString:
		w.b = appendQuoted(w.b, v.StringValue())
		return w
	case bsoncore.TypeBoolean:
		w.b = strconv.AppendBool(w.b, v.Boolean())
		return w
	case bsoncore.TypeNull:
		return w.text("null")
	case bsoncore.TypeDouble, bsoncore.TypeInt32, bsoncore.TypeInt64, bsoncore.TypeDecimal128:
		return w.number(v)
	case bsoncore.TypeDateTime:
		return w.date(v.DateTime())
	case bsoncore.TypeObjectID:
		return w.objectID(v.ObjectID())
	case bsoncore.TypeBinary:
		return w.binary(v)
	case bsoncore.TypeTimestamp:
		t, i := v.Timestamp()
		w.b = strconv.AppendUint(append(w.b, `{"$timestamp": {"t": `...), uint64(t), 10)
		w.b = strconv.AppendUint(append(w.b, `, "i": `...), uint64(i), 10)
		return w.text("}}")
	}
	return w.rare(v)
}

// rare writes the types that hardly any document has.
func (w writer) rare(v bsoncore.Value) writer {
	switch v.Type {
	case bsoncore.TypeRegex:
		pattern, options := v.Regex()
		name, opts, end := `{"$regularExpression": {"pattern": `, `, "options": `, "}}"
		if w.mode == Strict {
			name, opts, end = `{"$regex": `, `, "$options": `, "}"
		}
		w.b = appendQuoted(append(w.b, name...), pattern)
		w.b = appendQuoted(append(w.b, opts...), options)
		return w.text(end)
	case bsoncore.TypeSymbol:
		if w.mode == Simplified {
			w.b = appendQuoted(w.b, v.Symbol())
			return w
		}
		w.b = appendQuoted(append(w.b, `{"$symbol": `...), v.Symbol())
		return w.text("}")
	case bsoncore.TypeJavaScript:
		w.b = appendQuoted(append(w.b, `{"$code": `...), v.JavaScript())
		return w.text("}")
	case bsoncore.TypeCodeWithScope:
		code, scope := v.CodeWithScope()
		w.b = appendQuoted(append(w.b, `{"$code": `...), code)
		return w.text(`, "$scope": `).document(scope).text("}")
	case bsoncore.TypeDBPointer:
		ns, id := v.DBPointer()
		end := "}"
		if w.mode == Extended {
			w, end = w.text(`{"$dbPointer": `), "}}"
		}
		w.b = appendQuoted(append(w.b, `{"$ref": `...), ns)
		return w.text(`, "$id": `).objectID(id).text(end)
	case bsoncore.TypeMinKey:
		return w.text(`{"$minKey": 1}`)
	case bsoncore.TypeMaxKey:
		return w.text(`{"$maxKey": 1}`)
	}
	return w.text(`{"$undefined": true}`)
}

func (w writer) number(v bsoncore.Value) writer {
	switch v.Type {
	case bsoncore.TypeInt32:
		if w.mode == Extended {
			w = w.text(`{"$numberInt": "`)
			w.b = strconv.AppendInt(w.b, int64(v.Int32()), 10)
			return w.text(`"}`)
		}
		w.b = strconv.AppendInt(w.b, int64(v.Int32()), 10)
	case bsoncore.TypeInt64:
		if w.mode == Strict || w.mode == Extended {
			w = w.text(`{"$numberLong": "`)
			w.b = strconv.AppendInt(w.b, v.Int64(), 10)
			return w.text(`"}`)
		}
		w.b = strconv.AppendInt(w.b, v.Int64(), 10)
	case bsoncore.TypeDouble:
		f := v.Double()
		if w.mode == Extended || w.mode != Strict && (math.IsNaN(f) || math.IsInf(f, 0)) {
			w = w.text(`{"$numberDouble": "`)
			w.b = values.AppendDouble(w.b, f)
			return w.text(`"}`)
		}
		w.b = values.AppendDouble(w.b, f)
	default:
		h, l := v.Decimal128()
		text := bson.NewDecimal128(h, l).String()
		if w.mode == Simplified {
			return w.quoted(text)
		}
		return w.text(`{"$numberDecimal": "`).text(text).text(`"}`)
	}
	return w
}

// lastMilli is the last millisecond of the year 9999.
const lastMilli = 253402300799999

func (w writer) date(ms int64) writer {
	switch {
	case w.mode == Simplified:
		return w.quoted(isoTime(ms))
	case w.mode == Relaxed && ms >= 0 && ms <= lastMilli:
		return w.text(`{"$date": "`).text(isoTime(ms)).text(`"}`)
	case w.mode == Strict:
		w.b = strconv.AppendInt(append(w.b, `{"$date": `...), ms, 10)
		return w.text("}")
	}
	w.b = strconv.AppendInt(append(w.b, `{"$date": {"$numberLong": "`...), ms, 10)
	return w.text(`"}}`)
}

// isoTime is java.time.format.DateTimeFormatter.ISO_DATE_TIME in UTC: as many digits
// of a fraction as it has, and a sign before years of more than four digits.
func isoTime(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	year := t.Year()
	abs := year
	if year < 0 {
		abs = -year
	}
	digits := strconv.Itoa(abs)
	for len(digits) < 4 {
		digits = "0" + digits
	}
	switch {
	case year < 0:
		digits = "-" + digits
	case year > 9999:
		digits = "+" + digits
	}
	return digits + t.Format("-01-02T15:04:05.999Z")
}

func (w writer) objectID(id [12]byte) writer {
	const hex = "0123456789abcdef"
	var text [24]byte
	for i, c := range id {
		text[2*i], text[2*i+1] = hex[c>>4], hex[c&15]
	}
	if w.mode == Simplified {
		return w.quoted(string(text[:]))
	}
	w.b = append(append(w.b, `{"$oid": "`...), text[:]...)
	return w.text(`"}`)
}

func (w writer) binary(v bsoncore.Value) writer {
	const hex = "0123456789ABCDEF"
	sub, raw := v.Binary()
	switch w.mode {
	case Simplified:
		w.b = base64.StdEncoding.AppendEncode(append(w.b, '"'), raw)
		return w.text(`"`)
	case Strict:
		w.b = base64.StdEncoding.AppendEncode(append(w.b, `{"$binary": "`...), raw)
		w.b = append(append(w.b, `", "$type": "`...), hex[sub>>4], hex[sub&15])
		return w.text(`"}`)
	}
	w.b = base64.StdEncoding.AppendEncode(append(w.b, `{"$binary": {"base64": "`...), raw)
	w.b = append(append(w.b, `", "subType": "`...), hex[sub>>4], hex[sub&15])
	return w.text(`"}}`)
}

// printable are the categories of characters that StrictCharacterStreamJsonWriter
// writes as they are. It goes by UTF-16: halves of a pair are in none of them.
var printable = []*unicode.RangeTable{
	unicode.Lu, unicode.Ll, unicode.Lt, unicode.Lo, unicode.Nd, unicode.Nl, unicode.No, unicode.Zs, unicode.Pc, unicode.Pd,
	unicode.Ps, unicode.Pe, unicode.Pi, unicode.Pf, unicode.Po, unicode.Sm, unicode.Sc, unicode.Sk, unicode.So,
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			dst = append(dst, byte(r))
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendEscaped(appendEscaped(dst, high), low)
		case unicode.In(r, printable...):
			dst = utf8.AppendRune(dst, r)
		default:
			dst = appendEscaped(dst, r)
		}
	}
	return append(dst, '"')
}

func appendEscaped(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
