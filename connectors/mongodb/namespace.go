package mongodb

import (
	"fmt"
	"strings"

	"culvert/connectors/mongodb/extjson"
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
	return "", dataError("mongo.namespace", "Invalid type for %s field path '%s', expected a String: %s", extjson.TypeName(v.kind), path, relaxed(doc))
}
