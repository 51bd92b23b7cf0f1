package mongodb

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"culvert/configdef"
	"culvert/fault"
	"culvert/transforms/regex"
)

// settings is the configuration of a task, or of one of its topics with the
// topic's overrides.
type settings struct {
	Topics      []string
	TopicsRegex string

	URI                                                        string
	APIVersion                                                 string
	APIDeprecationErrors, APIStrict                            bool
	Truststore, TruststorePassword, Keystore, KeystorePassword string
	Provider                                                   string

	Database, Collection                                       string
	Mapper                                                     string
	KeyDatabase, KeyCollection, ValueDatabase, ValueCollection string
	MapperStrict                                               bool

	DeleteOnNull             bool
	WriteModel, DeleteModel  string
	MaxBatchSize             int
	Ordered                  bool
	RateTimeoutMS, RateEvery int

	PostProcessors                       []string
	KeyProjection, KeyProjectionList     string
	ValueProjection, ValueProjectionList string
	RenameMapping, RenameRegexp          string

	IDStrategy                     string
	OverwriteID                    bool
	UUIDFormat                     string
	PartialKey, PartialKeyList     string
	PartialValue, PartialValueList string

	Tolerance, MongoTolerance tolerance
	LogErrors, MongoLogErrors flag

	ExactlyOnce              string // one of the modes; empty: at least once
	ConnectionCheck          string // original, steps or none
	Duplicates               string // one of the policies; empty: an error like others
	MaxRetries, RetryDeferMS lenient

	CDCHandler string
	CDCNoNulls bool

	TimeField, MetaField, Granularity string
	ExpireAfter                       int64
	TimeConvert                       bool
	TimeFormat, TimeLanguage          string
}

// tolerance is errors.tolerance in lower case, and whether somebody set it.
type tolerance struct {
	value string
	given bool
}

func (t *tolerance) set(v configdef.Parsed) {
	*t = tolerance{value: strings.ToLower(v.Text), given: v.Given}
}

type flag struct{ value, given bool }

func (f *flag) set(v configdef.Parsed) { *f = flag{value: v.Bool, given: v.Given} }

// lenient is a number of a key that Java's connector does not look at any more: it
// accepts any text there, and so do we.
type lenient struct {
	n     int
	given bool
}

func (l *lenient) set(v configdef.Parsed) {
	n, err := strconv.Atoi(strings.TrimSpace(v.Text))
	if err == nil && n >= 0 {
		*l = lenient{n, true}
	}
}

// tolerance is the connector's own: mongo.errors.tolerance, else errors.tolerance.
func (s *settings) tolerance() string {
	if s.MongoTolerance.given {
		return s.MongoTolerance.value
	}
	return s.Tolerance.value
}

// logs reports whether failures are logged: always when they end the task.
func (s *settings) logs() bool {
	if s.tolerance() == "none" {
		return true
	}
	if s.MongoLogErrors.given {
		return s.MongoLogErrors.value
	}
	return s.LogErrors.value
}

var (
	definition = define(rows)
	// topicDefinition is the part that can be overridden for a topic.
	topicDefinition = define(rows[topicRows():])
)

func topicRows() int {
	for i := range rows {
		if rows[i].name == keyDatabase {
			return i
		}
	}
	panic("the table of keys has no " + keyDatabase)
}

func define(rows []row) *configdef.Def[settings] {
	d := &configdef.Def[settings]{}
	for i := range rows {
		r := &rows[i]
		k := configdef.Key[settings]{Into: r.into, Spec: configdef.Spec{
			Name: r.name, Type: r.typ, Importance: r.imp, Required: r.required, Doc: r.doc, Group: r.group, Order: r.order,
			Width: r.width, DisplayName: r.display, Dependents: r.dependents, Extended: r.extended,
		}}
		if !r.required {
			k.Default = configdef.Default(r.def)
		}
		if check := r.check.check; check != nil {
			k.Check = func(_ string, v configdef.Parsed) error { return check(v) }
		}
		if r.recommend {
			values := r.check.values
			k.Recommend = func(map[string]string) []string { return values }
		}
		if r.name == keyOverride {
			k.Visible = func(map[string]string) bool { return false }
		}
		d.Keys = append(d.Keys, k)
	}
	return d
}

// validate is MongoSinkConfig's validateAll: all keys, then, if they are right,
// the choice of topics, then each topic with its overrides. It makes no connection.
func validate(props map[string]string) (settings, *configdef.Report) {
	s, r := definition.Parse(props)
	if len(r.Errors()) > 0 {
		return s, r
	}
	if err := topicsError(props); err != nil {
		r.Fail(keyTopics, "%s", err.Error())
	}
	for _, k := range sortedKeys(props) {
		if rest, ok := strings.CutPrefix(k, overridePrefix); ok && !strings.Contains(rest, ".") {
			r.Fail(k, "Invalid configuration %s: an override names a topic and a key, %s<topic>.<key>", k, overridePrefix)
		}
	}
	for _, k := range overridesExactly(props) {
		r.Fail(k, "%s", overrideText(k, props[k]))
	}
	for _, topic := range topicsToCheck(&s, props) {
		validateTopic(r, topic, props)
	}
	if err := afterJoin(&s, props); err != nil {
		r.Fail(keyIDStrategy, "%s", err.Error())
	}
	return s, r
}

// afterJoin refuses ids made of topic, partition and offset behind a join: several
// of its rows share an offset, so that one would replace the other.
func afterJoin(s *settings, props map[string]string) error {
	if s.IDStrategy != pkg+"processor.id.strategy.KafkaMetaDataStrategy" {
		return nil
	}
	for _, alias := range strings.Split(props["transforms"], ",") {
		if class := props["transforms."+strings.TrimSpace(alias)+".type"]; strings.HasSuffix(class, "StreamJoin") {
			return &classError{keyIDStrategy, s.IDStrategy, "rows of a join share topic, partition and offset. Use an id from the row, for example " +
				pkg + "processor.id.strategy.PartialValueStrategy with the join field"}
		}
	}
	return nil
}

func topicsError(props map[string]string) error {
	list, regex := strings.TrimSpace(props[keyTopics]) != "", strings.TrimSpace(props[keyTopicsRegex]) != ""
	switch {
	case list && regex:
		return fmt.Errorf("%s and %s are mutually exclusive options, but both are set.", keyTopics, keyTopicsRegex)
	case !list && !regex:
		return fmt.Errorf("Must configure one of %s or %s", keyTopics, keyTopicsRegex)
	}
	return nil
}

// topicsToCheck are the topics, or those that an override names, or any one.
func topicsToCheck(s *settings, props map[string]string) []string {
	if len(s.Topics) > 0 || s.TopicsRegex == "" {
		return s.Topics
	}
	var topics []string
	for _, k := range sortedKeys(props) {
		if rest, ok := strings.CutPrefix(k, overridePrefix); ok {
			topic, _, _ := strings.Cut(rest, ".")
			topics = append(topics, topic)
		}
	}
	if len(topics) == 0 {
		topics = []string{"test"}
	}
	return topics
}

// validateTopic adds the errors of a topic's keys, under the name by which they
// were given, and then those of what the keys build.
func validateTopic(r *configdef.Report, topic string, props map[string]string) {
	prefix := overridePrefix + topic + "."
	s, own := topicDefinition.Parse(topicProps(topic, props))
	bad := false
	for i := range own.Results {
		res := &own.Results[i]
		name := res.Spec.Name
		if _, ok := props[prefix+name]; ok {
			name = prefix + name
		}
		for _, e := range res.Errors {
			bad = true
			failOnce(r, name, e)
		}
	}
	if bad {
		return
	}
	if err := lettersError(&s, props); err != nil {
		failOnce(r, keyDuplicates, err.Error())
	}
	// A key may fail in several steps (the id strategy is built by the post processors
	// too): the last word stands, as in Java's map of results.
	last := map[string]string{}
	var order []string
	for _, step := range buildSteps {
		if err := step(&topicConfig{settings: s, topic: topic}); err != nil {
			var c *classError
			if !errors.As(err, &c) {
				c = &classError{key: keyDatabase, value: s.Database, reason: err.Error()}
			}
			if _, seen := last[c.key]; !seen {
				order = append(order, c.key)
			}
			last[c.key] = c.Error()
		}
	}
	for _, k := range order {
		failOnce(r, k, last[k])
	}
}

func failOnce(r *configdef.Report, key, text string) {
	if res := r.Get(key); res != nil {
		for _, e := range res.Errors {
			if e == text {
				return
			}
		}
	}
	r.Fail(key, "%s", text)
}

// topicProps are the properties of one topic: without what cannot be overridden,
// with the topic's overrides.
func topicProps(topic string, props map[string]string) map[string]string {
	own := make(map[string]string, len(props))
	for k, v := range props {
		if !strings.HasPrefix(k, overridePrefix) && k != keyURI && k != keyTopics {
			own[k] = v
		}
	}
	prefix := overridePrefix + topic + "."
	for k, v := range props {
		if name, ok := strings.CutPrefix(k, prefix); ok {
			own[name] = v
		}
	}
	return own
}

func sortedKeys(props map[string]string) []string {
	keys := make([]string, 0, len(props))
	for k := range props {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// config is what a task runs with: the settings and, by topic, what they build.
type config struct {
	settings
	props  map[string]string
	regex  *regex.Pattern // nil for a list of topics
	topics map[string]*topicConfig
}

// newConfig is MongoSinkConfig's constructor: it fails with the first error, in
// Java's words.
func newConfig(props map[string]string) (*config, error) {
	s, r := definition.Parse(props)
	if errs := r.Errors(); len(errs) > 0 {
		return nil, configFault(errs[0], keyOf(r))
	}
	c := &config{settings: s, props: props, topics: map[string]*topicConfig{}}
	if err := topicsError(props); err != nil {
		return nil, configFault(err.Error(), keyTopics)
	}
	for _, k := range sortedKeys(props) {
		if rest, ok := strings.CutPrefix(k, overridePrefix); ok && !strings.Contains(rest, ".") {
			return nil, configFault(fmt.Sprintf("Invalid configuration %s: an override names a topic and a key, %s<topic>.<key>", k, overridePrefix), k)
		}
	}
	if keys := overridesExactly(props); len(keys) > 0 {
		return nil, configFault(overrideText(keys[0], props[keys[0]]), keys[0])
	}
	if s.TopicsRegex != "" {
		c.regex, _ = regex.Compile(s.TopicsRegex) // it was compiled when it was checked
	}
	for _, t := range topicsToCheck(&s, props) {
		if s.TopicsRegex != "" && !c.expects(t) {
			continue
		}
		if _, err := c.topic(t); err != nil {
			return nil, err
		}
	}
	if err := afterJoin(&s, props); err != nil {
		return nil, configFault(err.Error(), keyIDStrategy)
	}
	if strings.EqualFold(props["mongo.custom.auth.mechanism.enable"], "true") {
		if props["mongo.custom.auth.mechanism.providerClass"] == "" {
			return nil, configFault("mongo.custom.auth.mechanism.providerClass is required when mongo.custom.auth.mechanism.enable is set to true.",
				"mongo.custom.auth.mechanism.providerClass")
		}
		return nil, configFault("mongo.custom.auth.mechanism.enable=true needs Java code of your own, which this worker cannot load; put credentials and authMechanism into connection.uri",
			"mongo.custom.auth.mechanism.enable")
	}
	return c, nil
}

func configFault(text, key string) *fault.Error {
	return &fault.Error{Class: fault.Config, Code: "mongo.config", Field: key, Java: "org.apache.kafka.common.config.ConfigException", Err: errors.New(text)}
}

func keyOf(r *configdef.Report) string {
	for i := range r.Results {
		if len(r.Results[i].Errors) > 0 {
			return r.Results[i].Spec.Name
		}
	}
	return ""
}

// topic returns the configuration of a topic; it is made at its first use.
func (c *config) topic(name string) (*topicConfig, error) {
	if t, ok := c.topics[name]; ok {
		return t, nil
	}
	s, r := topicDefinition.Parse(topicProps(name, c.props))
	if errs := r.Errors(); len(errs) > 0 {
		return nil, configFault(errs[0], keyOf(r))
	}
	if err := lettersError(&s, c.props); err != nil {
		return nil, configFault(err.Error(), keyDuplicates)
	}
	t := &topicConfig{settings: s, topic: name}
	for _, step := range buildSteps {
		if err := step(t); err != nil {
			var ce *classError
			key := keyDatabase
			if errors.As(err, &ce) {
				key = ce.key
			}
			return nil, configFault(err.Error(), key)
		}
	}
	c.topics[name] = t
	return t, nil
}

// expects reports whether topics.regex matches the topic.
func (c *config) expects(topic string) bool {
	ok, err := c.regex.Matches(topic)
	return ok && err == nil
}

// known reports whether records of the topic are expected: Java's connector fails
// on others.
func (c *config) known(topic string) error {
	if len(c.Topics) > 0 {
		for _, t := range c.Topics {
			if t == topic {
				return nil
			}
		}
		return configFault(fmt.Sprintf("Unknown topic: %s, must be one of: [%s]", topic, strings.Join(c.Topics, ", ")), keyTopics)
	}
	if c.regex != nil && !c.expects(topic) {
		return configFault(fmt.Sprintf("Unknown topic: %s, does not match: %s", topic, c.TopicsRegex), keyTopicsRegex)
	}
	return nil
}
