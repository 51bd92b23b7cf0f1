package mongodb

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/fault"
	"culvert/transforms/regex"
)

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
	if err := run("key", d.keyDoc, func(do func(dst, doc []byte) []byte) { d.changeKey(do, unchanged) }); err != nil {
		return err
	}
	return run("value", d.valueDoc, d.changeValue)
}

// unchanged is what becomes of the document in a field that got another name.
func unchanged(v value) value { return v }

// document is Renamer.doRenaming: renamed fields move to the end, and a field whose new
// name another one has at that time is left out. Of two that get the same name Java makes
// a failure.
func (p *renamer) document(dst, doc []byte, path string) ([]byte, error) {
	dst, start := openDocument(dst)
	type moved struct {
		name string
		v    value
	}
	var end []moved
	var gone []string // what the document has no more
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
		gone = append(gone, name)
		if _, taken := find(doc, to); taken && !slices.Contains(gone, to) {
			continue
		}
		if slices.ContainsFunc(end, func(m moved) bool { return m.name == to }) {
			return dst, renameError("java.util.ConcurrentModificationException", "two fields of %s would get the name %q", path, to)
		}
		end = append(end, moved{to, v})
	}
	for _, m := range end {
		dst = appendField(dst, m.name, m.v)
	}
	return closeDocument(dst, start), nil
}

func renameError(class, format string, args ...any) error {
	return fault.New(fault.Record, "mongo.rename", format, args...).WithJava(class)
}

// setting is a text in a rule of a renamer: org.bson.Document.getString.
type setting struct {
	text string
	null bool
}

// settingsOf reads the members of a rule. What is no text fails Java in a constructor,
// which leaves no reason in the error.
func settingsOf(key string, rule bson.Raw, names ...string) ([]setting, error) {
	list := make([]setting, len(names))
	for i, name := range names {
		v, err := rule.LookupErr(name)
		if err != nil || v.Type == bson.TypeNull {
			list[i].null = true
			continue
		}
		var ok bool
		if list[i].text, ok = v.StringValueOK(); !ok {
			return nil, &classError{key: key}
		}
	}
	return list, nil
}

func newRenameByMapping(t *topicConfig) (processor, error) {
	docs, err := jsonArray(t.RenameMapping)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, doc := range docs {
		_, noFrom := doc.LookupErr("oldName")
		if _, noTo := doc.LookupErr("newName"); noFrom != nil && noTo != nil {
			return nil, &classError{keyRenameMapping, t.RenameMapping, "Both oldName and newName must be mapped"}
		}
		rule, err := settingsOf(keyChain, doc, "oldName", "newName")
		if err != nil {
			return nil, err
		}
		switch from, to := rule[0], rule[1]; {
		case from.null:
		case to.null:
			delete(names, from.text)
		default:
			names[from.text] = to.text
		}
	}
	return &renamer{active: len(docs) > 0, rename: func(path, name string) (string, error) {
		if to, ok := names[path+"."+name]; ok {
			return to, nil
		}
		return name, nil
	}}, nil
}

// expression is a regular expression of a rule. Java compiles it when a field is to be
// renamed: until then err is nobody's.
type expression struct {
	*regex.Pattern
	err error
}

func newExpression(s setting, name string) expression {
	if s.null {
		return expression{nil, renameError("java.lang.NullPointerException", "a rule of %s has no %q", keyRenameRegexp, name)}
	}
	p, err := regex.Compile(s.text)
	if err != nil {
		return expression{nil, renameError("java.util.regex.PatternSyntaxException", "%s: %w", keyRenameRegexp, err)}
	}
	return expression{p, nil}
}

// regexRule is one rule of RenameByRegExp.
type regexRule struct {
	path, pattern expression
	replace       setting
}

func newRenameByRegExp(t *topicConfig) (processor, error) {
	docs, err := jsonArray(t.RenameRegexp)
	if err != nil {
		return nil, err
	}
	rules := make([]regexRule, len(docs))
	for i, doc := range docs {
		rule, err := settingsOf(keyChain, doc, "regexp", "pattern", "replace")
		if err != nil {
			return nil, err
		}
		rules[i] = regexRule{newExpression(rule[0], "regexp"), newExpression(rule[1], "pattern"), rule[2]}
	}
	return &renamer{active: len(rules) > 0, rename: func(path, name string) (string, error) {
		full := path + "." + name
		for i := range rules {
			var err error
			if name, err = rules[i].apply(full, name); err != nil {
				return "", err
			}
		}
		return name, nil
	}}, nil
}

// apply changes name if the rule is for the field full.
func (r *regexRule) apply(full, name string) (string, error) {
	if r.path.err != nil {
		return "", r.path.err
	}
	if ok, err := r.path.Matches(full); err != nil || !ok {
		return name, regexError(err)
	}
	if r.pattern.err != nil {
		return "", r.pattern.err
	}
	if r.replace.null { // which nobody looks at where nothing is replaced
		found, err := r.pattern.Finds(name)
		if found {
			err = renameError("java.lang.NullPointerException", "a rule of %s has no \"replace\"", keyRenameRegexp)
		}
		return name, err
	}
	to, err := r.pattern.ReplaceAll(name, r.replace.text)
	return to, regexError(err)
}

// regexError is a match that takes too long, or a replacement that cannot be read.
func regexError(err error) error {
	if err == nil {
		return nil
	}
	return renameError("java.lang.IllegalArgumentException", "%s: %w", keyRenameRegexp, err)
}
