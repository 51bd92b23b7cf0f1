package mongodb

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"culvert/data"
)

// processor changes the documents of a record before they become a write.
type processor interface {
	process(d *document) error
}

const classIDAdder = pkg + "processor.DocumentIdAdder"

// processorClasses lists the post processors, named as in Java below pkg.
var processorClasses = map[string]func(*topicConfig) (processor, error){
	"processor.DocumentIdAdder":       func(t *topicConfig) (processor, error) { return newIDAdder(t) },
	"processor.KafkaMetaAdder":        func(*topicConfig) (processor, error) { return metaAdder{}, nil },
	"processor.NullFieldValueRemover": func(*topicConfig) (processor, error) { return nullRemover{}, nil },
	"processor.AllowListKeyProjector": func(t *topicConfig) (processor, error) { return keyProjection{newAllowList(t.KeyProjectionList)}, nil },
	"processor.WhitelistKeyProjector": func(t *topicConfig) (processor, error) { return keyProjection{newAllowList(t.KeyProjectionList)}, nil },
	"processor.BlockListKeyProjector": func(t *topicConfig) (processor, error) { return keyProjection{newBlockList(t.KeyProjectionList)}, nil },
	"processor.BlacklistKeyProjector": func(t *topicConfig) (processor, error) { return keyProjection{newBlockList(t.KeyProjectionList)}, nil },
	"processor.AllowListValueProjector": func(t *topicConfig) (processor, error) {
		return valueProjection{newAllowList(t.ValueProjectionList)}, nil
	},
	"processor.WhitelistValueProjector": func(t *topicConfig) (processor, error) {
		return valueProjection{newAllowList(t.ValueProjectionList)}, nil
	},
	"processor.BlockListValueProjector": func(t *topicConfig) (processor, error) {
		return valueProjection{newBlockList(t.ValueProjectionList)}, nil
	},
	"processor.BlacklistValueProjector": func(t *topicConfig) (processor, error) {
		return valueProjection{newBlockList(t.ValueProjectionList)}, nil
	},
	"processor.field.renaming.RenameByMapping": newRenameByMapping,
	"processor.field.renaming.RenameByRegExp":  newRenameByRegExp,
}

func newProcessor(t *topicConfig, class string) (processor, error) {
	name, ours := strings.CutPrefix(class, pkg)
	if ours && name == "processor.TimeseriesTimeFieldAutoConversion" {
		return nil, &classError{keyChain, class, fmt.Sprintf("Class could not be initialized, no public default constructor: %s.<init>(%sMongoSinkTopicConfig)", class, pkg)}
	}
	if make, ok := processorClasses[name]; ours && ok {
		return make(t)
	}
	return nil, unknownClass(keyChain, class, "PostProcessor")
}

// idAdder is DocumentIdAdder: it gives the document its _id.
type idAdder struct {
	id        idStrategy
	overwrite bool
}

func newIDAdder(t *topicConfig) (*idAdder, error) {
	id, err := newIDStrategy(t)
	return &idAdder{id, t.OverwriteID}, err
}

func (p *idAdder) process(d *document) error {
	_, ok, err := d.valueDoc()
	if err != nil || !ok {
		return err
	}
	if !p.overwrite {
		if _, has := d.valueID(); has {
			return nil
		}
	}
	v, err := p.id.id(d)
	if err != nil {
		return err
	}
	d.setID(v)
	return nil
}

// metaAdder is KafkaMetaAdder: topic, partition, offset and timestamp as fields.
type metaAdder struct{}

func (metaAdder) process(d *document) error {
	_, ok, err := d.valueDoc()
	if err != nil || !ok {
		return err
	}
	r := d.rec
	position := r.Topic + "-" + strconv.Itoa(int(r.Partition)) + "-" + strconv.FormatInt(r.Offset, 10)
	v := stringValue(d.scratch(nil), position)
	d.keep(v.data)
	d.changeValue(func(dst, doc []byte) []byte { return withField(dst, doc, "topic-partition-offset", v) })
	if r.Timestamp != data.NoTimestamp {
		ts := value{typeInt64, d.scratch(binary.LittleEndian.AppendUint64(nil, uint64(r.Timestamp)))}
		d.changeValue(func(dst, doc []byte) []byte { return withField(dst, doc, "CREATE_TIME", ts) })
	}
	return nil
}

// nullRemover is NullFieldValueRemover: fields that are null go, in nested
// documents and in documents of arrays too.
type nullRemover struct{}

func (nullRemover) process(d *document) error {
	_, ok, err := d.valueDoc()
	if err == nil && ok {
		d.changeValue(withoutNulls)
	}
	return err
}

func withoutNulls(dst, doc []byte) []byte {
	dst, start := openDocument(dst)
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			return closeDocument(dst, start)
		}
		at = f.end
		if f.kind == typeNull {
			continue
		}
		dst = append(dst, doc[f.start:f.value]...)
		switch v := doc[f.value:f.end]; f.kind {
		case typeDocument:
			dst = withoutNulls(dst, v)
		case typeArray:
			dst = eachDocument(dst, v, withoutNulls)
		default:
			dst = append(dst, v...)
		}
	}
}

// keyProjection and valueProjection are the projecting post processors.
type keyProjection struct{ projector }

func (p keyProjection) process(d *document) error {
	if p.idle() {
		return nil
	}
	_, ok, err := d.keyDoc()
	if err == nil && ok {
		d.changeKey(p.project, p.left)
	}
	return err
}

type valueProjection struct{ projector }

func (p valueProjection) process(d *document) error {
	if p.idle() {
		return nil
	}
	_, ok, err := d.valueDoc()
	if err == nil && ok {
		d.changeValue(p.project)
		d.leaveID(p.left)
	}
	return err
}
