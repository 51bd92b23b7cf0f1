package mongodb

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
	"culvert/fault"
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
	_, ok, err := d.keyDoc()
	if err == nil && ok {
		d.changeKey(p.project)
	}
	return err
}

type valueProjection struct{ projector }

func (p valueProjection) process(d *document) error {
	_, ok, err := d.valueDoc()
	if err == nil && ok {
		d.changeValue(p.project)
	}
	return err
}

// renamer renames fields of key and value; paths begin with "key" or "value".
type renamer struct {
	// rename gives the new name of the field name in the document at path.
	rename func(path, name string) (string, error)
	active bool
}

func (p *renamer) process(d *document) error {
	if !p.active {
		return nil
	}
	run := func(path string, get func() ([]byte, bool, error), change func(func(dst, doc []byte) []byte)) error {
		_, ok, err := get()
		if err != nil || !ok {
			return err
		}
		change(func(dst, doc []byte) []byte {
			if err == nil {
				dst, err = p.document(dst, doc, path)
			}
			return dst
		})
		return err
	}
	if err := run("key", d.keyDoc, d.changeKey); err != nil {
		return err
	}
	return run("value", d.valueDoc, d.changeValue)
}

// document is Renamer.doRenaming: renamed fields move to the end; a new name that
// is taken drops the renamed field.
func (p *renamer) document(dst, doc []byte, path string) ([]byte, error) {
	dst, start := openDocument(dst)
	type moved struct {
		name string
		v    value
	}
	var end []moved
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			break
		}
		at = f.end
		name := string(f.name)
		to, err := p.rename(path, name)
		if err != nil {
			return dst, err
		}
		v := value{f.kind, doc[f.value:f.end]}
		if f.kind == typeDocument {
			inner, err := p.document(nil, v.data, path+"."+to)
			if err != nil {
				return dst, err
			}
			v.data = inner
		}
		if to == name {
			dst = appendField(dst, name, v)
			continue
		}
		if _, taken := find(doc, to); taken {
			continue
		}
		taken := false
		for _, m := range end {
			taken = taken || m.name == to
		}
		if !taken {
			end = append(end, moved{to, v})
		}
	}
	for _, m := range end {
		dst = appendField(dst, m.name, m.v)
	}
	return closeDocument(dst, start), nil
}

func newRenameByMapping(t *topicConfig) (processor, error) {
	docs, err := jsonArray(t.RenameMapping)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, doc := range docs {
		from, hasFrom := doc.Lookup("oldName").StringValueOK()
		to, hasTo := doc.Lookup("newName").StringValueOK()
		if !hasFrom && !hasTo {
			return nil, &classError{keyRenameMapping, t.RenameMapping, "Both oldName and newName must be mapped"}
		}
		if hasTo {
			names[from] = to
		}
	}
	return &renamer{active: len(names) > 0, rename: func(path, name string) (string, error) {
		if to, ok := names[path+"."+name]; ok {
			return to, nil
		}
		return name, nil
	}}, nil
}

// regexRule is one rule of RenameByRegExp. Java compiles a rule when a field is
// renamed: err is what it says then.
type regexRule struct {
	path, pattern *regexp.Regexp
	replace       string
	err           error
}

func newRenameByRegExp(t *topicConfig) (processor, error) {
	docs, err := jsonArray(t.RenameRegexp)
	if err != nil {
		return nil, err
	}
	rules := make([]regexRule, len(docs))
	for i, doc := range docs {
		rules[i] = newRegexRule(doc)
	}
	return &renamer{active: len(rules) > 0, rename: func(path, name string) (string, error) {
		full := path + "." + name
		for i := range rules {
			r := &rules[i]
			if r.err != nil {
				return "", r.err
			}
			if r.path.MatchString(full) {
				name = r.pattern.ReplaceAllString(name, r.replace)
			}
		}
		return name, nil
	}}, nil
}

func newRegexRule(doc bson.Raw) regexRule {
	var r regexRule
	fail := func(class, text string) regexRule {
		r.err = fault.New(fault.Record, "mongo.rename", "%s", text).WithJava(class).WithField("field.renamer.regexp")
		return r
	}
	var texts [3]string
	for i, name := range []string{"regexp", "pattern", "replace"} {
		s, ok := doc.Lookup(name).StringValueOK()
		if !ok {
			return fail("java.lang.NullPointerException", fmt.Sprintf("a rule of field.renamer.regexp has no %q", name))
		}
		texts[i] = s
	}
	var err error
	for i, to := range []**regexp.Regexp{&r.path, &r.pattern} {
		text := texts[i]
		if i == 0 {
			text = "^(?:" + text + ")$"
		}
		if *to, err = regexp.Compile(text); err != nil {
			if java := compileError(texts[i]); java != nil {
				err = java
			}
			return fail("java.util.regex.PatternSyntaxException", err.Error())
		}
	}
	r.replace = goReplacement(texts[2])
	return r
}

// goReplacement turns Java's replacement ($1, ${name}, \$) into Go's (${1}, $$).
func goReplacement(java string) string {
	var b strings.Builder
	for i := 0; i < len(java); i++ {
		switch c := java[i]; {
		case c == '\\' && i+1 < len(java):
			i++
			if java[i] == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(java[i])
		case c == '$' && i+1 < len(java) && java[i+1] >= '0' && java[i+1] <= '9':
			i++
			b.WriteString("${" + java[i:i+1] + "}")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
