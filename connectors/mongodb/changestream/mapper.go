package changestream

import (
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb"
	"culvert/transforms/regex"
)

// mapper finds the topic of an event by its namespace: DefaultTopicMapper.
type mapper struct {
	separator, prefix, suffix string
	exact                     map[string]string // by database or database.collection
	patterns                  []mapping
	wildcard                  string
	// known are the topics found so far. There are as many as namespaces.
	known map[string]string
}

type mapping struct {
	matches func(string) bool
	topic   template
}

func newMapper(s *settings) (*mapper, error) {
	m := &mapper{separator: s.TopicSeparator, exact: map[string]string{}, known: map[string]string{}}
	if s.TopicPrefix != "" {
		m.prefix = s.TopicPrefix + m.separator
	}
	if s.TopicSuffix != "" {
		m.suffix = m.separator + s.TopicSuffix
	}
	pairs, err := topicMap(s.TopicMap)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if err := m.add(p.pattern, p.topic); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *mapper) add(pattern string, topic bson.RawValue) error {
	name, ok := topic.StringValueOK()
	if !ok {
		return errors.New("All values must be strings")
	}
	switch rest, isRegex := strings.CutPrefix(pattern, "/"); {
	case pattern == "*":
		m.wildcard = name
	case isRegex:
		matches, err := whole(rest)
		if err != nil {
			return err
		}
		t, err := newTemplate(name, m.separator)
		if err == nil && name != "" {
			m.patterns = append(m.patterns, mapping{matches, t})
		}
		return err
	case strings.Contains(pattern, "/"):
		return errors.New("'/' is not allowed in a simple namespace pattern")
	case name != "":
		m.exact[pattern] = name
	}
	return nil
}

// topic is the topic of an event, empty for one that has no database.
func (m *mapper) topic(event bson.Raw) string {
	db, coll := part(event, "db"), part(event, "coll")
	if db == "" {
		return ""
	}
	ns := db
	if coll != "" {
		ns += "." + coll
	}
	found, ok := m.known[ns]
	if !ok {
		found = m.prefix + m.find(ns, db, coll) + m.suffix
		m.known[ns] = found
	}
	return found
}

// part is a text of the field ns. Like Java, a field with a dot in its name goes first.
func part(event bson.Raw, name string) string {
	v := lookup(event, "ns."+name)
	s, _ := v.StringValueOK()
	return s
}

func (m *mapper) find(ns, db, coll string) string {
	if t, ok := m.exact[ns]; ok {
		return t
	}
	if t, ok := m.exact[db]; ok {
		return m.join(t, coll)
	}
	for i := range m.patterns {
		if p := &m.patterns[i]; p.matches(ns) {
			return p.topic.expand(db, coll, m.separator)
		}
	}
	if m.wildcard != "" {
		return m.wildcard
	}
	return m.join(db, coll)
}

func (m *mapper) join(name, coll string) string {
	if coll == "" {
		return name
	}
	return name + m.separator + coll
}

type pair struct {
	pattern string
	topic   bson.RawValue
}

// topicMap reads topic.namespace.map. Of equal patterns the place of the first counts,
// and the topic of the last. As in Java, a text that is no JSON is tried again with its
// backslashes doubled.
func topicMap(text string) ([]pair, error) {
	if text == "" {
		return nil, nil
	}
	doc, err := mongodb.Document(text)
	if err != nil {
		var second error
		if doc, second = mongodb.Document(strings.ReplaceAll(text, `\`, `\\`)); second != nil {
			return nil, fmt.Errorf("Invalid value %w for configuration Not a valid JSON document", err)
		}
	}
	var pairs []pair
	place := map[string]int{}
	for name, v := range fields(doc) {
		if at, ok := place[name]; ok {
			pairs[at].topic = v
			continue
		}
		place[name] = len(pairs)
		pairs = append(pairs, pair{name, v})
	}
	return pairs, nil
}

// whole compiles a Java pattern that has to match all of a text. A match that takes too
// long is none.
func whole(pattern string) (func(string) bool, error) {
	p, err := regex.Compile(pattern)
	return func(s string) bool { ok, err := p.Matches(s); return err == nil && ok }, err
}

// within is whole for a pattern that may match any part of a text.
func within(pattern string) (func(string) bool, error) {
	p, err := regex.Compile(pattern)
	return func(s string) bool { ok, err := p.Finds(s); return err == nil && ok }, err
}
