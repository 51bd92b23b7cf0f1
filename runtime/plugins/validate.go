package plugins

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/converters"
	"culvert/fault"
	"culvert/runtime/providers"
	"culvert/transforms/regex"
)

// Validator checks connector configurations on behalf of one worker.
type Validator struct {
	Plugins *Registry
	// Worker are the worker's properties: its converters, its group and its policy
	// on client overrides.
	Worker map[string]string
	// Distributed workers also check what can clash with the cluster.
	Distributed bool
	// Inputs asks the cluster whether the topics of a stateful transformation fit
	// together; an error names its key in Field. Nil: nobody is asked.
	Inputs func(ctx context.Context, connector string, props map[string]string) error
	// Providers replace variables (${file:…}). Answers show them as they were written,
	// and no error holds what stands behind them: Java's answers do, to whoever asks.
	Providers *providers.Providers
	// Secrets are those of the worker's own properties.
	Secrets *providers.Secrets
	// Reach asks whether what the connector needs, beyond what it dials itself, answers;
	// for a request with Reach. Nil: nobody is asked.
	Reach func(ctx context.Context, connector string, props map[string]string) []Reached
}

// Request is a configuration to check.
type Request struct {
	Props map[string]string
	// Nulls are keys that the request gave as null.
	Nulls []string
	// Stage is told what is being done, and calls back when it is done; for the text
	// of a request that timed out. Nil: nobody wants to know.
	Stage func(description string) (done func())
	// Offline checks without asking anybody outside of this process.
	Offline bool
	// Reach also asks everything that the connector needs.
	Reach bool
}

func (q *Request) stage(description string) func() {
	if q.Stage == nil {
		return func() {}
	}
	return q.Stage(description)
}

// Validate checks a configuration completely: AbstractHerder.validateConnectorConfig.
// Errors in the configuration are in the answer; the error is for a request
// without a connector class or with an unknown one. It may dial, for as long as
// ctx lasts.
func (v *Validator) Validate(ctx context.Context, q Request) (*Answer, error) {
	done := q.stage("resolving transformed configuration properties for the connector")
	resolved, err := v.Providers.Resolve(q.Props)
	done()
	if err != nil {
		return nil, v.Secrets.Error(err)
	}
	secrets := resolved.Secrets.With(v.Secrets)
	defer secrets.Panic()
	a, err := v.validate(ctx, resolved.Props, q)
	if err != nil {
		return nil, secrets.Error(err)
	}
	a.sent, a.secret = q.Props, v.Plugins.Secrets(q.Props)
	a.hide(secrets)
	return a, nil
}

// validate checks a configuration whose variables are resolved.
func (v *Validator) validate(ctx context.Context, props map[string]string, q Request) (*Answer, error) {
	m := v.Plugins.Adapt(props, v.Worker)
	problems := append(m.Problems, v.Plugins.masked(props, m.Ignored)...)
	if len(problems) > 0 {
		q.Offline = true // what would be dialled with a secret that is none?
	}
	props = m.Props
	class, ok := props[keyClass]
	if !ok {
		return nil, fault.New(fault.Config, "connect.no_class", "Connector config %s contains no connector type", showProps(q.Props, q.Nulls)).
			WithField(keyClass).WithFix("Set connector.class to one of %s.", strings.Join(v.Plugins.Classes(Sink, Source), ", "))
	}
	plugin, err := v.Plugins.Connector(class)
	if err != nil {
		return nil, err
	}
	if version, given := props[keyVersion]; given {
		if err := v.Plugins.Allow(class, version); err != nil {
			return v.wrongVersion(plugin, props, q, err)
		}
	}
	report := v.framework(plugin, props, q)
	a := &assembly{name: class, props: props}
	a.framework(report)
	if err := a.connector(ctx, plugin, q); err != nil {
		return nil, err
	}
	if key, text := deadLetterClash(props); text != "" && plugin.Kind != connectors.SourceKind && !a.failed(key, text) {
		// The connector declares the key too, and Java takes its word alone: dead letters
		// would then go round in a circle.
		a.fail(key, text)
	}
	for _, p := range problems {
		a.fail(p.Key, p.Text)
	}
	v.outputs(a, plugin)
	v.inputs(ctx, a, q)
	if err := v.extras(a, plugin, report, q); err != nil {
		return nil, err
	}
	answer := a.answer()
	answer.Ignored = m.Ignored
	answer.rename(m.From)
	if q.Reach && v.Reach != nil {
		answer.Reached = append(answer.Reached, v.Reach(ctx, props[keyName], props)...)
	}
	return answer, nil
}

// wrongVersion answers with the keys that all connectors have:
// AbstractHerder.invalidVersionedConnectorValidation.
func (v *Validator) wrongVersion(p *connectors.Plugin, props map[string]string, q Request, err error) (*Answer, error) {
	if fault.Of(err).Code != codeVersion {
		return nil, err
	}
	version := v.Plugins.VersionOf(p.Class)
	report := configdef.ValidateNulls(v.Plugins.commonSpecs(&defaults{version: version, versions: []string{version}}), props, q.Nulls)
	report.Fail(keyClass, "%s", err)
	report.Fail(keyVersion, "%s", err)
	a := &assembly{name: props[keyClass], props: props}
	a.framework(report)
	return a.answer(), nil
}

// inputs adds what is wrong with the topics that a stateful transformation reads.
func (v *Validator) inputs(ctx context.Context, a *assembly, q Request) {
	if v.Inputs == nil || q.Offline {
		return
	}
	defer q.stage("looking at the topics that the connector's transformations join")()
	err := v.Inputs(ctx, a.props[keyName], a.props)
	if err == nil {
		return
	}
	field := keyTransforms
	if e := fault.Of(err); e != nil && e.Field != "" {
		field = e.Field
	}
	a.fail(field, strings.ReplaceAll(fault.Explain(err), "\n", " "))
}

// outputs checks the converters that a connector has of its own, such as those for
// what a topic sink writes: keys of type class that end like those of converters.
func (v *Validator) outputs(a *assembly, p *connectors.Plugin) {
	specs := p.Spec()
	for i := range specs {
		for suffix, side := range map[string]converters.Side{keyKeyConverter: converters.Key, keyValueConverter: converters.Value, keyHeaderConverter: converters.Header} {
			name := specs[i].Name
			if specs[i].Type != configdef.Class || !strings.HasSuffix(name, "."+suffix) || a.props[name] == "" {
				continue
			}
			if _, err := v.Plugins.Converter(a.props[name], side); err != nil {
				a.fail(name, fmt.Sprintf("Invalid value %s for configuration %s: %s", a.props[name], name, err))
				continue
			}
			a.extra(v.Plugins.converter(name, side, a.props))
		}
	}
}

// framework validates the keys that are not the connector's own.
func (v *Validator) framework(p *connectors.Plugin, props map[string]string, q Request) *configdef.Report {
	d := v.defaults(p, props, q.Nulls)
	var specs []configdef.Spec
	if p.Kind == connectors.SourceKind {
		specs = v.Plugins.sourceSpecs(d)
	} else {
		specs = v.Plugins.sinkSpecs(d)
	}
	defer q.stage("validating " + string(p.Kind) + " connector-specific properties for the connector")()
	report := configdef.ValidateNulls(v.Plugins.enrich(specs, props), props, q.Nulls)
	v.Plugins.checkTransforms(report, props)
	for _, key := range []string{keyKeyConverter, keyValueConverter, keyHeaderConverter} {
		if _, own := props[key]; own {
			v.Plugins.failVersion(report, key, key+versionSuffix, props)
		}
	}
	if p.Kind == connectors.SourceKind {
		v.checkSource(p, report, props)
	} else {
		v.checkSink(report, props)
	}
	for _, name := range configdef.JavaOrder(sorted(q.Nulls)) {
		report.Fail(name, "Null value can not be supplied as the configuration value.")
	}
	return report
}

// defaults are what the worker gives a connector that does not choose itself:
// ConnectorConfig.converterDefaults.
func (v *Validator) defaults(p *connectors.Plugin, props map[string]string, nulls []string) *defaults {
	r := v.Plugins
	d := &defaults{version: r.VersionOf(p.Class), versions: []string{r.VersionOf(p.Class)},
		key: v.Worker[keyKeyConverter], value: v.Worker[keyValueConverter],
		header: cmp.Or(v.Worker[keyHeaderConverter], "org.apache.kafka.connect.storage.SimpleHeaderConverter")}
	one := func(key, worker string, side converters.Side) (version string, visible bool, versions []string) {
		used, own := props[key]
		if !own {
			used = worker
		}
		_, visible = r.Class(used)
		if slices.Contains(nulls, key) {
			visible = false
		}
		if _, err := r.Converter(used, side); err == nil {
			version = r.VersionOf(used)
		}
		if visible {
			versions = []string{version}
		}
		if !own {
			version = cmp.Or(v.Worker[key+versionSuffix], version)
		}
		return version, visible, versions
	}
	d.keyVersion, d.keyVisible, d.keyVersions = one(keyKeyConverter, d.key, converters.Key)
	d.valueVersion, d.valueVisible, d.valueVersions = one(keyValueConverter, d.value, converters.Value)
	d.headerVersion, d.headerVisible, d.more = one(keyHeaderConverter, d.header, converters.Header)
	return d
}

// checkSource is DistributedHerder.validateSourceConnectorConfig.
func (v *Validator) checkSource(p *connectors.Plugin, report *configdef.Report, props map[string]string) {
	support := report.Get(keyExactlyOnce)
	if v.Distributed && len(support.Errors) == 0 && strings.EqualFold(support.Value.Text, "required") {
		// Whatever exactly.once.source.support of the worker says: sources deliver at least
		// once here, and what a connector requires is not promised without being kept.
		report.Fail(keyExactlyOnce, "This worker does not have exactly-once source support enabled.")
		switch {
		case p.ExactlyOnce == nil:
			report.Fail(keyExactlyOnce, "The connector does not implement the API required for preflight validation of exactly-once "+
				"source support. Please consult the documentation for the connector to determine whether it supports exactly-once "+
				"semantics, and then consider reconfiguring the connector to use the value \"requested\" for this property "+
				"(which will disable this preflight check and allow the connector to be created).")
		case !p.ExactlyOnce(props):
			report.Fail(keyExactlyOnce, "The connector does not support exactly-once semantics with the provided configuration.")
		}
	}
	boundary := report.Get(keyBoundary)
	if v.Distributed && len(boundary.Errors) == 0 && strings.EqualFold(boundary.Value.Text, "connector") {
		report.Fail(keyBoundary, "The connector does not support connector-defined transaction boundaries with the given configuration. "+
			"Please reconfigure it to use a different transaction boundary definition.")
	}
}

// checkSink is SinkConnectorConfig.validate and DistributedHerder.validateSinkConnectorGroupId.
func (v *Validator) checkSink(report *configdef.Report, props map[string]string) {
	topics, pattern := props[keyTopics], props[keyTopicsRegex]
	hasTopics, hasPattern := strings.TrimSpace(topics) != "", strings.TrimSpace(pattern) != ""
	both := func(text string) {
		report.Fail(keyTopics, "%s", text)
		report.Fail(keyTopicsRegex, "%s", text)
	}
	switch {
	case hasTopics && hasPattern:
		both("topics and topics.regex are mutually exclusive options, but both are set.")
	case !hasTopics && !hasPattern:
		both("Must configure one of topics or topics.regex")
	}
	if key, text := deadLetterClash(props); text != "" {
		report.Fail(key, "%s", text)
	}
	worker := v.Worker["group.id"]
	if !v.Distributed || worker == "" {
		return
	}
	const own = "consumer.override.group.id"
	if group, ok := props[own]; ok {
		if group == worker {
			report.Fail(own, "Consumer group %s conflicts with Connect worker group %s", group, worker)
		}
	} else if name := report.Get(keyName).Value.Text; "connect-"+name == worker {
		report.Fail(keyName, "Consumer group for sink connector named %s conflicts with Connect worker group %s", name, worker)
	}
}

// deadLetterClash finds a dead letter topic that the connector would read itself.
func deadLetterClash(props map[string]string) (key, text string) {
	dead := strings.TrimSpace(props[keyDeadLetters])
	if dead == "" {
		return "", ""
	}
	if list := topicList(props[keyTopics]); slices.Contains(list, dead) {
		return keyTopics, fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed by the connector",
			dead, strings.Join(list, ", "))
	}
	pattern := props[keyTopicsRegex]
	if strings.TrimSpace(pattern) == "" {
		return "", ""
	}
	re, err := regex.Compile(pattern)
	if err != nil {
		return "", "" // the key has an error of its own
	}
	if ok, err := re.Matches(dead); ok && err == nil {
		return keyTopicsRegex, fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') consumed by the connector",
			dead, pattern)
	}
	return "", ""
}

// topicList is SinkConnectorConfig.parseTopicsList.
func topicList(text string) []string {
	var list []string
	for _, t := range aliases(text) {
		if t != "" {
			list = append(list, t)
		}
	}
	return list
}

// extras adds the converters' own keys and the client overrides, in the order of
// AbstractHerder.mergeConfigInfos.
func (v *Validator) extras(a *assembly, p *connectors.Plugin, report *configdef.Report, q Request) error {
	source := p.Kind == connectors.SourceKind
	dead := strings.TrimSpace(a.props[keyDeadLetters]) != ""
	separate := source && v.Distributed && (v.Worker["exactly.once.source.support"] == "enabled" || strings.TrimSpace(a.props[keyOffsetsTopic]) != "")
	creates := false
	for k := range a.props {
		creates = creates || strings.HasPrefix(k, topicCreationPrefix)
	}
	for _, client := range []struct {
		name string
		used bool
	}{
		{"producer", source || dead},
		{"consumer", !source || separate},
		{"admin", source && creates || !source && dead || separate},
	} {
		if !client.used {
			continue
		}
		done := q.stage("validating " + client.name + " config overrides for the connector")
		pieces, err := overrides(client.name, a.props, v.Worker)
		done()
		if err != nil {
			return err
		}
		a.extra(pieces)
	}
	for _, c := range converterSides {
		if _, given := a.props[c.key]; !given || len(report.Get(c.key).Errors) > 0 {
			continue
		}
		done := q.stage("performing config validation for the connector's " + c.side.String() + " converter")
		a.extra(v.Plugins.converter(c.key, c.side, a.props))
		done()
	}
	return nil
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}

// showProps prints a config as a Java map, with the values of keys hidden whose
// name says that they may be secret: which keys are passwords only a plugin knows.
func showProps(props map[string]string, nulls []string) string {
	names := slices.Clone(nulls)
	for k := range props {
		names = append(names, k)
	}
	var parts []string
	for _, k := range configdef.JavaCopyOrder(sorted(names)) {
		value, ok := props[k]
		lower := strings.ToLower(k)
		switch {
		case !ok:
			value = "null"
		case soundsSecret(k), strings.Contains(lower, "uri"), strings.Contains(lower, "url"):
			value = configdef.Hidden
		}
		parts = append(parts, k+"="+value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
