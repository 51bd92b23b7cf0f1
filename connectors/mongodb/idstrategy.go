package mongodb

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// idStrategy makes the _id of a document.
type idStrategy interface {
	// id makes the value in d's scratch memory: it is valid until the next record.
	id(d *document) (value, error)
}

// idStrategies lists the classes, named as in Java below pkg.
var idStrategies = map[string]func(*topicConfig) (idStrategy, error){
	"processor.id.strategy.BsonOidStrategy":             func(*topicConfig) (idStrategy, error) { return objectID{}, nil },
	"processor.id.strategy.FullKeyStrategy":             func(*topicConfig) (idStrategy, error) { return fullKey{}, nil },
	"processor.id.strategy.KafkaMetaDataStrategy":       func(*topicConfig) (idStrategy, error) { return kafkaPosition{}, nil },
	"processor.id.strategy.PartialKeyStrategy":          newPartialKey,
	"processor.id.strategy.PartialValueStrategy":        newPartialValue,
	"processor.id.strategy.ProvidedInKeyStrategy":       func(*topicConfig) (idStrategy, error) { return provided{inKey: true}, nil },
	"processor.id.strategy.ProvidedInValueStrategy":     func(*topicConfig) (idStrategy, error) { return provided{}, nil },
	"processor.id.strategy.UuidProvidedInKeyStrategy":   func(*topicConfig) (idStrategy, error) { return providedUUID{provided{inKey: true}}, nil },
	"processor.id.strategy.UuidProvidedInValueStrategy": func(*topicConfig) (idStrategy, error) { return providedUUID{provided{}}, nil },
	"processor.id.strategy.UuidStrategy": func(t *topicConfig) (idStrategy, error) {
		return randomUUID{binary: strings.EqualFold(t.UUIDFormat, "binary")}, nil
	},
}

func newIDStrategy(t *topicConfig) (idStrategy, error) {
	if name, ok := strings.CutPrefix(t.IDStrategy, pkg); ok {
		if make, ok := idStrategies[name]; ok {
			return make(t)
		}
	}
	return nil, unknownClass(keyIDStrategy, t.IDStrategy, "IdStrategy")
}

// objectID is BsonOidStrategy: a new ObjectId. It is made once per record and
// kept for a repeated write of the same batch.
type objectID struct{}

func (objectID) id(d *document) (value, error) {
	id := bson.NewObjectIDFromTimestamp(d.clock())
	d.ownID = true
	return value{typeObjectID, d.scratch(id[:])}, nil
}

// fullKey is the key document, empty where there is no key.
type fullKey struct{}

func (fullKey) id(d *document) (value, error) {
	key, ok, err := d.keyDoc()
	if err != nil {
		return value{}, err
	}
	if !ok {
		key = emptyDocument
	}
	d.shared = sharedKey
	return documentValue(key), nil
}

// kafkaPosition is KafkaMetaDataStrategy: topic#partition#offset.
type kafkaPosition struct{}

func (kafkaPosition) id(d *document) (value, error) {
	r := d.rec
	b := append(d.scratch(nil), 0, 0, 0, 0)
	b = append(append(b, r.Topic...), '#')
	b = append(strconv.AppendInt(b, int64(r.Partition), 10), '#')
	b = append(strconv.AppendInt(b, r.Offset, 10), 0)
	putLength(b, len(b)-4)
	d.keep(b)
	return value{typeString, b}, nil
}

// partialKey is a projection of the key document.
type partialKey struct{ projector }

func newPartialKey(t *topicConfig) (idStrategy, error) {
	p, err := partial(t, t.PartialKey, t.PartialKeyList, t.KeyProjection, t.KeyProjectionList, keyProjectKeyType)
	if err != nil {
		return nil, err
	}
	return &partialKey{p}, nil
}

func (p *partialKey) id(d *document) (value, error) { return projected(p.projector, d, d.keyDoc) }

// partialValue is a projection of the value document.
type partialValue struct{ projector }

func newPartialValue(t *topicConfig) (idStrategy, error) {
	p, err := partial(t, t.PartialValue, t.PartialValueList, t.ValueProjection, t.ValueProjectionList, keyProjectValType)
	if err != nil {
		return nil, err
	}
	return &partialValue{p}, nil
}

func (p *partialValue) id(d *document) (value, error) { return projected(p.projector, d, d.valueDoc) }

// partial makes the projector of a partial strategy: its own settings, else those
// of the projection post processors.
func partial(t *topicConfig, kind, list, otherKind, otherList, key string) (projector, error) {
	if kind == "" {
		kind = otherKind
	}
	if list == "" {
		list = otherList
	}
	if p := newProjector(kind, list); p != nil {
		return p, nil
	}
	return nil, &classError{keyIDStrategy, t.IDStrategy,
		fmt.Sprintf("Invalid %s value. It should be set to either BLOCKLIST or ALLOWLIST", key)}
}

func projected(p projector, d *document, get func() ([]byte, bool, error)) (value, error) {
	doc, ok, err := get()
	if err != nil {
		return value{}, err
	}
	if !ok {
		return documentValue(emptyDocument), nil
	}
	b := p.project(d.scratch(nil), doc)
	d.keep(b)
	return documentValue(b), nil
}

// provided is the _id that key or value brings.
type provided struct{ inKey bool }

func (p provided) id(d *document) (value, error) {
	get := d.valueDoc
	if p.inKey {
		get = d.keyDoc
	}
	doc, ok, err := get()
	if err != nil {
		return value{}, err
	}
	var f field
	if ok {
		f, ok = find(doc, idField)
	}
	if !ok {
		return value{}, dataError("mongo.id", "Provided id strategy is used but the document structure either contained no _id field or it was null")
	}
	if f.kind == typeNull {
		return value{}, dataError("mongo.id", "Provided id strategy used but the document structure contained an _id of type BsonNull")
	}
	if p.inKey {
		d.shared = sharedID
	}
	return value{f.kind, d.scratch(doc[f.value:f.end])}, nil
}

// providedUUID is the _id that key or value brings, a UUID as text or binary.
type providedUUID struct{ provided }

func (p providedUUID) id(d *document) (value, error) {
	v, err := p.provided.id(d)
	if err != nil {
		return v, err
	}
	if v.kind == typeBinary && (v.data[4] == 3 || v.data[4] == 4) {
		return v, nil
	}
	if v.kind != typeString {
		return v, dataError("mongo.id", "UUID cannot be constructed from provided value: `%s`", javaBSON(v))
	}
	text := v.text()
	id, ok := parseUUID(text)
	if !ok {
		return v, dataError("mongo.id", "UUID cannot be constructed from provided value: `%s`", text)
	}
	return uuidBinary(d, id), nil
}

// parseUUID reads a UUID as Java's UUID.fromString does: parts between dashes may
// be short. Without dashes it needs 32 digits.
func parseUUID(s string) (id [16]byte, ok bool) {
	if len([]rune(s)) == 32 {
		b, err := hex.DecodeString(s)
		if err != nil {
			return id, false
		}
		copy(id[:], b)
		return id, true
	}
	parts := strings.Split(s, "-")
	if len([]rune(s)) != 36 || len(parts) != 5 {
		return id, false
	}
	at := 0
	for i, bits := range [5]int{32, 16, 16, 16, 48} {
		n, err := strconv.ParseUint(parts[i], 16, 64)
		if err != nil || strings.HasPrefix(parts[i], "+") {
			return id, false
		}
		n &= 1<<bits - 1
		for shift := bits - 8; shift >= 0; shift -= 8 {
			id[at] = byte(n >> shift)
			at++
		}
	}
	return id, true
}

func uuidBinary(d *document, id [16]byte) value {
	b := append(d.scratch(nil), 16, 0, 0, 0, 4)
	b = append(b, id[:]...)
	d.keep(b)
	return value{typeBinary, b}
}

// randomUUID is UuidStrategy: a new random UUID.
type randomUUID struct{ binary bool }

func (s randomUUID) id(d *document) (value, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	d.ownID = true
	if s.binary {
		return uuidBinary(d, id), nil
	}
	h := hex.EncodeToString(id[:])
	v := stringValue(d.scratch(nil), h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:20]+"-"+h[20:])
	d.keep(v.data)
	return v, nil
}
