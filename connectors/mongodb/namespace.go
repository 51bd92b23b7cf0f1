package mongodb

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/fault"
)

// namespace is where a document goes.
type namespace struct{ db, coll string }

func (n namespace) String() string { return n.db + "." + n.coll }

// newNamespace is com.mongodb.MongoNamespace's constructor with its checks.
func newNamespace(db, coll string) (namespace, error) {
	switch {
	case db == "":
		return namespace{}, fmt.Errorf("state should be: databaseName is not empty")
	case coll == "":
		return namespace{}, fmt.Errorf("state should be: collectionName is not empty")
	}
	if i := strings.IndexAny(db, "\x00/\\ \".") + 1; i > 0 {
		return namespace{}, fmt.Errorf("state should be: databaseName does not contain '%s'", db[i-1:i])
	}
	return namespace{db, coll}, nil
}

// mapper chooses the namespace of a record.
type mapper interface {
	namespace(d *document) (namespace, error)
}

// fixedMapper is DefaultNamespaceMapper: what the topic's configuration says.
type fixedMapper struct{ ns namespace }

func newFixedMapper(t *topicConfig) (mapper, error) {
	ns, err := newNamespace(t.Database, t.collection())
	return &fixedMapper{ns}, err
}

// collection is the configured one, or the topic.
func (t *topicConfig) collection() string {
	if t.Collection == "" {
		return t.topic
	}
	return t.Collection
}

func (m *fixedMapper) namespace(*document) (namespace, error) { return m.ns, nil }

// fieldMapper is FieldPathNamespaceMapper: fields of key or value name database
// and collection.
type fieldMapper struct {
	db, coll         string // where no field says otherwise
	dbPath, collPath string // empty: none
	dbKey, collKey   bool   // the path is one of the key
	strict           bool
	last             namespace // of the record before, checked
}

func newFieldMapper(t *topicConfig) (mapper, error) {
	m := &fieldMapper{db: t.Database, coll: t.collection(), strict: t.MapperStrict}
	if t.KeyDatabase+t.ValueDatabase+t.KeyCollection+t.ValueCollection == "" {
		return nil, &classError{keyMapper, t.Mapper,
			"Missing configuration for the FieldBasedNamespaceMapper. Please configure the database and / or collection field path."}
	}
	both := func(keyName, key, valueName, val string) error {
		if key != "" && val != "" {
			return &classError{keyName, key, fmt.Sprintf("Cannot set both: '%s' and '%s'", keyName, valueName)}
		}
		return nil
	}
	if err := both(keyMapKeyDB, t.KeyDatabase, keyMapValueDB, t.ValueDatabase); err != nil {
		return nil, err
	}
	if err := both(keyMapKeyColl, t.KeyCollection, keyMapValueColl, t.ValueCollection); err != nil {
		return nil, err
	}
	m.dbPath, m.dbKey = t.KeyDatabase+t.ValueDatabase, t.KeyDatabase != ""
	m.collPath, m.collKey = t.KeyCollection+t.ValueCollection, t.KeyCollection != ""
	return m, nil
}

func (m *fieldMapper) namespace(d *document) (namespace, error) {
	db, err := m.name(d, m.dbPath, m.dbKey, m.db)
	if err != nil {
		return namespace{}, err
	}
	coll, err := m.name(d, m.collPath, m.collKey, m.coll)
	if err != nil || db == m.last.db && coll == m.last.coll {
		return m.last, err
	}
	ns, err := newNamespace(db, coll)
	if err != nil {
		return ns, fault.New(fault.Record, "mongo.namespace", "%w", err).WithJava("java.lang.IllegalArgumentException")
	}
	m.last = ns
	return ns, nil
}

func (m *fieldMapper) name(d *document, path string, ofKey bool, otherwise string) (string, error) {
	if path == "" {
		return otherwise, nil
	}
	side, get := "value", d.valueDoc
	if ofKey {
		side, get = "key", d.keyDoc
	}
	doc, ok, err := get()
	if err != nil {
		return "", err
	}
	if !ok {
		if !m.strict {
			return otherwise, nil
		}
		return "", dataError("mongo.namespace", "Invalid %s document: %s", side, d.describe())
	}
	v, ok := lookup(doc, path)
	switch {
	case ok && v.kind == typeString:
		return v.text(), nil
	case !m.strict:
		return otherwise, nil
	case !ok:
		return "", dataError("mongo.namespace", "Missing document path '%s': %s", path, relaxed(doc))
	}
	return "", dataError("mongo.namespace", "Invalid type for %s field path '%s', expected a String: %s", kindName(v.kind), path, relaxed(doc))
}

// kindName is the name in Java's BsonType.
func kindName(kind byte) string {
	names := map[byte]string{0x01: "DOUBLE", 0x02: "STRING", 0x03: "DOCUMENT", 0x04: "ARRAY", 0x05: "BINARY", 0x06: "UNDEFINED", 0x07: "OBJECT_ID",
		0x08: "BOOLEAN", 0x09: "DATE_TIME", 0x0a: "NULL", 0x0b: "REGULAR_EXPRESSION", 0x0c: "DB_POINTER", 0x0d: "JAVASCRIPT", 0x0e: "SYMBOL",
		0x0f: "JAVASCRIPT_WITH_SCOPE", 0x10: "INT32", 0x11: "TIMESTAMP", 0x12: "INT64", 0x13: "DECIMAL128", 0xff: "MIN_KEY", 0x7f: "MAX_KEY"}
	return names[kind]
}

// relaxed is the document as Java's toJson prints it: relaxed extended JSON with
// a blank after each colon and comma.
func relaxed(doc []byte) string {
	var b strings.Builder
	relax(&b, value{typeDocument, doc})
	return b.String()
}

func relax(b *strings.Builder, v value) {
	switch v.kind {
	case typeDocument, typeArray:
		open, shut := "{", "}"
		if v.kind == typeArray {
			open, shut = "[", "]"
		}
		b.WriteString(open)
		for at := first; ; {
			f, ok := next(v.data, at)
			if !ok {
				break
			}
			if at != first {
				b.WriteString(", ")
			}
			if v.kind == typeDocument {
				quote(b, string(f.name))
				b.WriteString(": ")
			}
			relax(b, value{f.kind, v.data[f.value:f.end]})
			at = f.end
		}
		b.WriteString(shut)
	case typeString:
		quote(b, v.text())
	default:
		text, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: bson.RawValue{Type: bson.Type(v.kind), Value: v.data}}}, false, false)
		if err != nil || len(text) < 6 {
			b.WriteString("?")
			return
		}
		s := string(text[len(`{"v":`) : len(text)-1])
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(s, `":`, `": `), `,"`, `, "`))
	}
}

func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
