package plugins

import (
	"context"
	"slices"
	"strings"
	"testing"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/converters"
	"culvert/fault"
	"culvert/transforms"
)

func testRegistry(t *testing.T) *Registry {
	t.Helper()
	specs := func(s ...configdef.Spec) func() []configdef.Spec { return func() []configdef.Spec { return s } }
	r, err := New("4.3.1", Set{
		Connectors: []connectors.Plugin{
			{Class: "a.MySink", Kind: connectors.SinkKind, Version: "2.0.1", Aliases: []string{"Mine"}, Spec: specs(
				configdef.Spec{Name: "topics", Type: configdef.List, Default: configdef.Default(""), Group: "Own", DisplayName: "own topics"},
				configdef.Spec{Name: "culvert.extra", Type: configdef.Int, Default: configdef.Default("1"), Group: "Own", Extended: true})},
			{Class: "a.MySourceConnector", Kind: connectors.SourceKind, Spec: specs(configdef.Spec{Name: "file", Ungrouped: true}),
				Check: func(_ context.Context, props map[string]string) *configdef.Report {
					r := configdef.Validate([]configdef.Spec{{Name: "file", Ungrouped: true}}, props)
					if props["file"] == "bad" {
						r.Fail("file", "not this file")
						r.Fail("tasks.max", "one task only")
						r.Fail("elsewhere", "a key that nobody declares")
					}
					return r
				}},
		},
		Converters: []converters.Plugin{
			{Class: "a.TextConverter", Spec: specs(), Check: func(map[string]string, converters.Side) *configdef.Report { return &configdef.Report{} }},
			{Class: "org.apache.kafka.connect.storage.SimpleHeaderConverter", Sides: []converters.Side{converters.Header}, Spec: specs()},
		},
		Transforms: []transforms.Plugin{
			{Class: "a.Cast$Key", Spec: specs()}, {Class: "a.Cast$Value", Spec: specs()},
			{Class: "a.Join", Spec: specs(configdef.Spec{Name: "within", Ungrouped: true}), Check: func(props map[string]string) *configdef.Report {
				r := &configdef.Report{}
				if props["within"] == "" && props["before"] == "" {
					r.Fail("within", "Set within or before")
				}
				return r
			}},
			{Class: "b.Join2", Aliases: []string{"Both"}, Spec: specs()}, {Class: "b.Join3", Aliases: []string{"Both"}, Spec: specs()},
		},
		Predicates: []transforms.PredicatePlugin{{Class: "a.IsNull", Spec: specs()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNames(t *testing.T) {
	r := testRegistry(t)
	for name, want := range map[string]string{
		"a.MySink": "a.MySink", "MySink": "a.MySink", "Mine": "a.MySink", "MySource": "a.MySourceConnector", "MySourceConnector": "a.MySourceConnector",
		"Text": "a.TextConverter", "Join": "a.Join", "Cast$Key": "", "Key": "", "Both": "", "mysink": "", "": "", "a.Nope": "",
	} {
		if got, _ := r.Class(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	if _, err := r.Connector("Text"); !fault.Is(err, fault.Config) || !strings.HasPrefix(err.Error(),
		"Failed to find any class that implements Connector and which name matches Text, available connectors are: PluginDesc{klass=class a.MySink, ") {
		t.Error(err)
	}
	if _, err := r.Converter("SimpleHeaderConverter", converters.Value); err == nil {
		t.Error("a header converter converts values")
	}
	if _, err := New("1", Set{Predicates: []transforms.PredicatePlugin{{Class: "a"}, {Class: "a"}}}); err == nil {
		t.Error("a class may be listed twice")
	}
}

func TestList(t *testing.T) {
	r := testRegistry(t)
	var got []string
	for _, i := range r.List(false) {
		got = append(got, string(i.Type)+" "+i.Class+" "+i.Version)
	}
	want := []string{"sink a.MySink 2.0.1", "source a.MySourceConnector 4.3.1", "transformation a.Cast$Key 4.3.1", "transformation a.Cast$Value 4.3.1",
		"transformation a.Join 4.3.1", "transformation b.Join2 4.3.1", "transformation b.Join3 4.3.1", "predicate a.IsNull 4.3.1",
		"converter a.TextConverter 4.3.1", "header_converter a.TextConverter 4.3.1", "header_converter org.apache.kafka.connect.storage.SimpleHeaderConverter 4.3.1"}
	if !slices.Equal(got, want) {
		t.Errorf("list\n%s", strings.Join(got, "\n"))
	}
	if n := len(r.List(true)); n != 2 {
		t.Errorf("%d connectors", n)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		spec, shown, err string
		yes, no          []string
	}{
		{spec: "latest", yes: []string{"1", "4.3.1"}},
		{spec: "4.3.1", shown: "[4.3.1,4.3.1]", yes: []string{"4.3.1"}, no: []string{"4.3", "4.3.1-rc1", "4.3.10"}},
		{spec: "[4.0,5)", shown: "[4.0,5)", yes: []string{"4.0", "4.3.1"}, no: []string{"5", "3.9"}},
		{spec: "(,1]", shown: "(,1]", yes: []string{"0.5", "1"}, no: []string{"1.0.1"}},
		{spec: "[1,2],[3,)", shown: "[1,2],[3,)", yes: []string{"1.5", "30"}, no: []string{"2.5"}},
		{spec: "1,2", shown: "[1,2]", yes: []string{"1.1"}},
		{spec: "", shown: "[,]", no: []string{"1"}},
		{spec: "(1)", err: "Single version must be surrounded by []: (1)"},
		{spec: "[1", err: "Unbounded range: [1"},
		{spec: "[2,1]", err: "Range defies version ordering: [2,1]"},
		{spec: "[1,2],[1.5,3]", err: "Ranges overlap: [1,2],[1.5,3]"},
		{spec: "]", err: "Only fully-qualified sets allowed in multiple set scenario: []]"},
	} {
		r, err := parseVersion(c.spec)
		if err != nil || c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: error %v, want %q", c.spec, err, c.err)
			}
			continue
		}
		if r.String() != c.shown {
			t.Errorf("%q is shown as %q, want %q", c.spec, r, c.shown)
		}
		for _, v := range c.yes {
			if !r.allows(v) {
				t.Errorf("%q refuses %s", c.spec, v)
			}
		}
		for _, v := range c.no {
			if r.allows(v) {
				t.Errorf("%q takes %s", c.spec, v)
			}
		}
	}
}

// errorsOf validates and lists the errors as "key: text".
func errorsOf(t *testing.T, v *Validator, q Request) ([]string, *Answer) {
	t.Helper()
	if q.Props["name"] == "" {
		q.Props["name"] = "n"
	}
	a, err := v.Validate(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range a.Configs {
		for _, e := range c.Value.Errors {
			all = append(all, c.Value.Name+": "+e)
		}
	}
	return all, a
}

func TestConnectorRules(t *testing.T) {
	v := &Validator{Plugins: testRegistry(t)}
	got, a := errorsOf(t, v, Request{Props: map[string]string{"connector.class": "MySource", "file": "bad"}})
	want := []string{"elsewhere: a key that nobody declares", "tasks.max: one task only", "file: not this file"}
	if !slices.Equal(got, want) || a.Errors != 3 {
		t.Errorf("%d errors %q", a.Errors, got)
	}
	if text := a.Err().Error(); !strings.Contains(text, "the following 3 error(s):\na key that nobody declares\n") {
		t.Error(text)
	}
}

// TestOwnKeyInFrameworksPlace: a key that framework and connector declare stands
// where the framework has it, as the connector declares it.
func TestOwnKeyInFrameworksPlace(t *testing.T) {
	v := &Validator{Plugins: testRegistry(t)}
	_, a := errorsOf(t, v, Request{Props: map[string]string{"connector.class": "MySink"}})
	for i, c := range a.Configs {
		if c.Value.Name == "topics" {
			if c.Definition.DisplayName != "own topics" || a.Configs[i+1].Value.Name != "topics.regex" {
				t.Errorf("%+v before %s", c.Definition, a.Configs[i+1].Value.Name)
			}
			if len(c.Value.Errors) > 0 {
				t.Errorf("the framework's errors are left: %q", c.Value.Errors)
			}
			return
		}
	}
	t.Error("no topics")
}

func TestExtendedKeys(t *testing.T) {
	r := testRegistry(t)
	has := func(extended bool) bool {
		list, err := r.Definitions("MySink", extended)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list, func(d *Definition) bool { return d.Name == "culvert.extra" })
	}
	if has(false) || !has(true) {
		t.Error("extended keys are shown when asked for, and only then")
	}
	v := &Validator{Plugins: r}
	for given, want := range map[string]bool{"": false, "2": true, "x": true} {
		props := map[string]string{"connector.class": "MySink", "topics": "t"}
		if given != "" {
			props["culvert.extra"] = given
		}
		_, a := errorsOf(t, v, Request{Props: props})
		got := slices.ContainsFunc(a.Configs, func(c Config) bool { return c.Value.Name == "culvert.extra" })
		if got != want {
			t.Errorf("culvert.extra=%q shown: %v", given, got)
		}
	}
}

func TestTransformRules(t *testing.T) {
	v := &Validator{Plugins: testRegistry(t)}
	base := func(more ...string) map[string]string {
		p := map[string]string{"connector.class": "MySource", "transforms": "j", "transforms.j.type": "Join"}
		for i := 0; i < len(more); i += 2 {
			p[more[i]] = more[i+1]
		}
		return p
	}
	for _, c := range []struct {
		props map[string]string
		want  []string
	}{
		{base("transforms.j.within", "1"), nil},
		{base("transforms.j.before", "1"), nil},
		{base(), []string{"transforms.j.within: Set within or before"}},
		{base("transforms.j.type", "a.IsNull"), []string{"transforms.j.type: Class class a.IsNull does not implement the Transformation interface"}},
		{base("transforms.j.type", "Nope"), []string{"transforms.j.type: Invalid value Nope for configuration transforms.j.type: Class Nope could not be found."}},
		{base("transforms.j.plugin.version", "9"), []string{
			"transforms.j.type: Plugin a.Join not found that matches the version range [9,9], available versions: [4.3.1]",
			"transforms.j.plugin.version: Plugin a.Join not found that matches the version range [9,9], available versions: [4.3.1]"}},
		{base("transforms.j.within", "1", "transforms.j.negate", "true"), []string{
			"transforms.j.type: Config 'transforms.j.negate' was provided but there is no config 'transforms.j.predicate' defining a predicate to be negated."}},
	} {
		if got, _ := errorsOf(t, v, Request{Props: c.props}); !slices.Equal(got, c.want) {
			t.Errorf("%v:\n got %q\nwant %q", c.props, got, c.want)
		}
	}
}

func TestOverridePolicies(t *testing.T) {
	r := testRegistry(t)
	for _, c := range []struct {
		policy, list string
		want         []string
	}{
		{"", "", nil}, {"All", "", nil},
		{"org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy", "", []string{
			"producer.override.acks: The 'None' policy does not allow 'acks' to be overridden in the connector configuration.",
			"producer.override.sasl.mechanism: The 'None' policy does not allow 'sasl.mechanism' to be overridden in the connector configuration."}},
		{"Principal", "", []string{"producer.override.acks: The 'Principal' policy does not allow 'acks' to be overridden in the connector configuration."}},
		{"Allowlist", "acks, linger.ms", []string{"producer.override.sasl.mechanism: The 'Allowlist' policy does not allow 'sasl.mechanism' to be overridden in the connector configuration."}},
	} {
		v := &Validator{Plugins: r, Worker: map[string]string{keyPolicy: c.policy, "connector.client.config.override.allowlist": c.list}}
		got, _ := errorsOf(t, v, Request{Props: map[string]string{"connector.class": "MySource", "producer.override.acks": "all", "producer.override.sasl.mechanism": "PLAIN"}})
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.policy, got)
		}
		if err := CheckPolicy(v.Worker); err != nil {
			t.Error(err)
		}
	}
	if err := CheckPolicy(map[string]string{keyPolicy: "Noone"}); err == nil {
		t.Error("an unknown policy is taken")
	}
	v := &Validator{Plugins: r}
	_, err := v.Validate(t.Context(), Request{Props: map[string]string{"connector.class": "MySource", "producer.override.linger.ms": "x"}})
	if !fault.Is(err, fault.Config) || err.Error() != "Invalid value x for configuration linger.ms: Not a number of type LONG" {
		t.Error(err)
	}
}

// TestOverridesTogether: what only shows beside the worker's own settings, or those
// for the role.
func TestOverridesTogether(t *testing.T) {
	const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="geheim";`
	worker := map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": plain}
	for _, c := range []struct {
		worker, props map[string]string
		want          []string // key and what its error says
	}{
		{worker, map[string]string{"sasl.jaas.config": plain}, nil},
		{worker, map[string]string{"sasl.mechanism": "GSSAPI"}, []string{"sasl.mechanism", "GSSAPI"}},
		{worker, map[string]string{"sasl.mechanism": "SCRAM-SHA-256"}, []string{"sasl.mechanism", "PlainLoginModule"}},
		{worker, map[string]string{"sasl.jaas.config": "geheim"}, []string{"sasl.jaas.config", "control flag"}},
		{worker, map[string]string{"ssl.keystore.type": "JKS", "ssl.keystore.location": "k.jks"}, nil}, // not asked for
		{worker, map[string]string{"security.protocol": "SSL", "ssl.keystore.type": "BKS", "ssl.keystore.location": "k.bks"}, []string{"ssl.keystore.type", "BKS"}},
		{worker, map[string]string{"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": "/elsewhere"}, nil},
		{nil, map[string]string{"security.protocol": "SASL_SSL"}, []string{"security.protocol", "GSSAPI"}},
		{nil, map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, []string{"sasl.mechanism", "sasl.jaas.config"}},
		{map[string]string{"producer.sasl.mechanism": "PLAIN", "producer.sasl.jaas.config": plain}, map[string]string{"security.protocol": "SASL_SSL"}, nil},
	} {
		props := map[string]string{"connector.class": "MySource"}
		for k, v := range c.props {
			props["producer.override."+k] = v
		}
		got, _ := errorsOf(t, &Validator{Plugins: testRegistry(t), Worker: c.worker}, Request{Props: props})
		switch {
		case len(c.want) == 0 && len(got) == 0:
		case len(c.want) == 0, len(got) != 1, !strings.HasPrefix(got[0], "producer.override."+c.want[0]+": "), !strings.Contains(got[0], c.want[1]), strings.Contains(got[0], "geheim"):
			t.Errorf("%v: %q, want %q", c.props, got, c.want)
		}
	}
}

// TestOverridesHidePasswords: an answer never holds one.
func TestOverridesHidePasswords(t *testing.T) {
	v := &Validator{Plugins: testRegistry(t)}
	_, a := errorsOf(t, v, Request{Props: map[string]string{"connector.class": "MySource", "producer.override.sasl.jaas.config": "geheim", "producer.override.ssl.key.password": "geheim"}})
	for _, c := range a.Configs {
		if c.Value.Value != nil && strings.Contains(*c.Value.Value, "geheim") {
			t.Errorf("%s shows %s", c.Value.Name, *c.Value.Value)
		}
	}
}

func TestSinkRules(t *testing.T) {
	v := &Validator{Plugins: testRegistry(t), Distributed: true, Worker: map[string]string{"group.id": "connect-n"}}
	for _, c := range []struct {
		props map[string]string
		want  []string
	}{
		{map[string]string{"topics.regex": "t.*"}, []string{"name: Consumer group for sink connector named n conflicts with Connect worker group connect-n"}},
		{map[string]string{"topics.regex": "t.*", "consumer.override.group.id": "connect-n"}, []string{"consumer.override.group.id: Consumer group connect-n conflicts with Connect worker group connect-n"}},
		{map[string]string{"topics.regex": "(?!x)t.*+", "name": "m", keyDeadLetters: "tt"}, []string{"topics.regex: The DLQ topic 'tt' may not be matched by the regex for the topics ('topics.regex=(?!x)t.*+') consumed by the connector"}},
		{map[string]string{"topics.regex": "t(", "name": "m"}, []string{"topics.regex: Invalid value t( for configuration topics.regex: Invalid regex: Unclosed group near index 2\nt("}},
		{map[string]string{"topics.regex": "t.*", "name": "m", keyDeadLetters: "tt"}, []string{"topics.regex: The DLQ topic 'tt' may not be matched by the regex for the topics ('topics.regex=t.*') consumed by the connector"}},
	} {
		c.props["connector.class"] = "MySink"
		if got, _ := errorsOf(t, v, Request{Props: c.props}); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q", c.props, got)
		}
	}
}

// TestStageClasses: what is said of a class that no transformation can be made of,
// when a configuration is validated and when a task starts from one that was not.
func TestStageClasses(t *testing.T) {
	r, err := New("4.3.1", Set{Transforms: []transforms.Plugin{transform("x.Cast$Key"), transform("x.Cast$Value"), transform("x.Drop")}})
	if err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]string{
		"x.Cast":     "This class is abstract and cannot be created. Did you mean x.Cast$Key, x.Cast$Value?",
		"x.Nope":     "Invalid value x.Nope for configuration transforms.a.type: Class x.Nope could not be found.",
		"x.Cast$Key": "", "Drop": "",
	} {
		props := map[string]string{"transforms": "a", "transforms.a.type": class}
		got := ""
		if err := r.CheckStages(props); err != nil {
			got = err.Error()
		}
		report := configdef.Validate(r.enrich(nil, props), props)
		validated := strings.Join(report.Get("transforms.a.type").Errors, "; ")
		if got != want || validated != want {
			t.Errorf("%s: %q at the start, %q validated, want %q", class, got, validated, want)
		}
	}
	p := map[string]string{"predicates": "p", "predicates.p.type": "x.Drop"}
	if err := r.CheckStages(p); err == nil || err.Error() != "Class class x.Drop does not implement the Predicate interface" {
		t.Errorf("a transformation as predicate: %v", err)
	}
}

func transform(class string) transforms.Plugin {
	return transforms.Plugin{Class: class, Spec: func() []configdef.Spec { return nil }}
}

// TestExactlyOnceIsNotPromised: what a connector requires is refused, whatever the
// worker's file asks for, since no task would keep it.
func TestExactlyOnceIsNotPromised(t *testing.T) {
	for _, support := range []string{"", "disabled", "preparing", "enabled"} {
		v := &Validator{Plugins: testRegistry(t), Distributed: true, Worker: map[string]string{"exactly.once.source.support": support}}
		got, _ := errorsOf(t, v, Request{Props: map[string]string{"connector.class": "MySource", keyExactlyOnce: "required"}})
		if !slices.Contains(got, keyExactlyOnce+": This worker does not have exactly-once source support enabled.") {
			t.Errorf("%q: %q", support, got)
		}
	}
}

func TestClientTable(t *testing.T) {
	for client, want := range map[string]string{"producer": "acks", "consumer": "isolation.level", "admin": "retries"} {
		if s := clientSpecs()[client][want]; s == nil || s.Doc == "" {
			t.Errorf("no %s of the %s", want, client)
		}
	}
	for client, keys := range clientSpecs() {
		for name, s := range keys {
			if s.Default == nil {
				continue
			}
			if _, err := configdef.ParseText(s.Type, *s.Default); err != nil {
				t.Errorf("%s %s: %v", client, name, err)
			}
		}
	}
}

func TestTypos(t *testing.T) {
	v := &Validator{Plugins: testRegistry(t)}
	props := map[string]string{"connector.class": "MySink", "topics": "t", "task.max": "2", "errors.tolerence": "all", "my.own.note": "x",
		"key.converter.schemas.enable": "false", "consumer.override.isolation.levle": "x", "name": "n", "topic": "t"}
	_, a := errorsOf(t, v, Request{Props: props})
	want := []Typo{{"errors.tolerence", "errors.tolerance"}, {"task.max", "tasks.max"}, {"topic", "topics"}}
	if got := a.Typos(); !slices.Equal(got, want) {
		t.Errorf("typos %v, want %v", got, want)
	}
}
