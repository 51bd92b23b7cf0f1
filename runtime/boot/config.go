package boot

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"culvert/configdef"
	"culvert/fault"
	"culvert/runtime/metrics"
	"culvert/runtime/plugins"
	"culvert/runtime/providers"
)

// defaultDataDir is set by the linker in the image, where that folder is a volume.
var defaultDataDir string

// Mode is how a worker keeps its connectors.
type Mode string

// The modes of Connect.
const (
	Distributed Mode = "distributed"
	Standalone  Mode = "standalone"
)

// Config is the worker's own configuration, read once. Keys of the Kafka
// clients, of converters and of other prefixes stay in Props.
type Config struct {
	Props map[string]string // everything, with the variables of config.providers resolved
	// Providers are those of config.providers, for connectors as well. Secrets are what
	// they gave for the worker's own properties.
	Providers *providers.Providers
	Secrets   *providers.Secrets

	Bootstrap        string
	GroupID          string
	ClientID         string
	KeyConverter     string
	ValueConverter   string
	HeaderConverter  string
	DataDir          string
	PluginPath       []string
	OffsetsFile      string
	ConfigTopic      Topic
	OffsetTopic      Topic
	StatusTopic      Topic
	ConnectProtocol  string
	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration
	Heartbeat        time.Duration
	ShutdownTimeout  time.Duration
	TopicTracking    bool
	TopicReset       bool
	MaskPasswords    bool
	Sampling         metrics.Sampling
	MetricsNames     metrics.Names

	// The REST interface.
	Listeners          []string
	AdminListeners     []string
	MetricsListeners   []string
	AdminElsewhere     bool // admin.listeners is set, be it to nothing
	AdvertisedHost     string
	AdvertisedPort     int
	AdvertisedListener string
	AllowOrigin        string
	AllowMethods       string
	ResponseHeaders    string
	Extensions         []string
	JaasFile           string
	jaasKey            string // where JaasFile was found, if not in the properties
}

// Topic is one of the internal topics.
type Topic struct {
	Name        string
	Partitions  int32
	Replication int16
}

func millis(field func(*Config) *time.Duration) func(*Config, configdef.Parsed) {
	return func(c *Config, v configdef.Parsed) { *field(c) = time.Duration(v.Int) * time.Millisecond }
}

type key = configdef.Key[Config]

func def(s configdef.Spec, into func(*Config, configdef.Parsed)) key { return key{Spec: s, Into: into} }

// The constructors below only save repeating the field names of Spec.

func text(name, dflt, doc string, into func(*Config, configdef.Parsed)) key {
	return def(configdef.Spec{Name: name, Type: configdef.String, Default: &dflt, Importance: configdef.Medium, Doc: doc}, into)
}

func required(name, doc string, into func(*Config, configdef.Parsed)) key {
	return def(configdef.Spec{Name: name, Type: configdef.String, Required: true, Importance: configdef.High, Doc: doc, Check: notEmpty}, into)
}

func number(name, dflt, doc string, min int64, into func(*Config, configdef.Parsed)) key {
	return def(configdef.Spec{Name: name, Type: configdef.Long, Default: &dflt, Importance: configdef.Medium, Doc: doc, Check: configdef.AtLeast(min)}, into)
}

func flag(name, dflt, doc string, into func(*Config, configdef.Parsed)) key {
	return def(configdef.Spec{Name: name, Type: configdef.Boolean, Default: &dflt, Importance: configdef.Low, Doc: doc}, into)
}

func list(name, dflt, doc string, into func(*Config, configdef.Parsed)) key {
	return def(configdef.Spec{Name: name, Type: configdef.List, Default: &dflt, Importance: configdef.Low, Doc: doc}, into)
}

func oneOf(name, dflt, doc string, into func(*Config, configdef.Parsed), values ...string) key {
	k := text(name, dflt, doc, into)
	k.Check = func(_ string, v configdef.Parsed) error {
		for _, ok := range values {
			if strings.EqualFold(v.Text, ok) {
				return nil
			}
		}
		return fmt.Errorf("String must be one of (case insensitive): %s", strings.ToUpper(strings.Join(values, ", ")))
	}
	return k
}

func overridePolicy() key {
	k := text("connector.client.config.override.policy", "All", "Which client settings a connector may override: All, None, Principal or Allowlist, or the class of one.", nil)
	k.Check = func(name string, v configdef.Parsed) error {
		if err := plugins.CheckPolicy(map[string]string{name: v.Text}); err != nil {
			return fmt.Errorf("no such policy; there are All, None, Principal and Allowlist")
		}
		return nil
	}
	return k
}

// samples is bounded: a typo must not take all memory.
func samples() key {
	k := number("metrics.num.samples", "2", "How many samples a rate, an average or a maximum is made of.", 1, configdef.Num(func(c *Config) *int { return &c.Sampling.Samples }))
	least := k.Check
	k.Check = func(name string, v configdef.Parsed) error {
		if v.Int > 1000 {
			return fmt.Errorf("Value must be at most 1000")
		}
		return least(name, v)
	}
	return k
}

func metricsNames() key {
	k := list("metrics.names", "whole,short", "Names of Java's metrics: whole (kafka_connect_sink_task_metrics_...), short (kafka_connect_sink_task_...), or both.",
		func(c *Config, v configdef.Parsed) {
			c.MetricsNames = metrics.Names{Whole: slices.Contains(v.List, "whole"), Short: slices.Contains(v.List, "short")}
		})
	k.Check = func(_ string, v configdef.Parsed) error {
		for _, n := range v.List {
			if n != "whole" && n != "short" {
				return fmt.Errorf("there are whole and short")
			}
		}
		if len(v.List) == 0 {
			return fmt.Errorf("name whole, short, or both")
		}
		return nil
	}
	return k
}

func notEmpty(_ string, v configdef.Parsed) error {
	if !v.Null && v.Text == "" {
		return fmt.Errorf("String must be non-empty")
	}
	return nil
}

// common lists the keys of WorkerConfig and RestServerConfig.
func common() []key {
	return append(interfaceKeys(), []key{
		text("bootstrap.servers", "localhost:9092", "Brokers to begin with, host:port separated by commas.", configdef.Str(func(c *Config) *string { return &c.Bootstrap })),
		text("client.id", "", "Name of the worker's own clients in the broker's logs and quotas.", configdef.Str(func(c *Config) *string { return &c.ClientID })),
		required("key.converter", "Converter class of record keys, for connectors that name none.", configdef.Str(func(c *Config) *string { return &c.KeyConverter })),
		required("value.converter", "Converter class of record values, for connectors that name none.", configdef.Str(func(c *Config) *string { return &c.ValueConverter })),
		text("header.converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter", "Converter class of record headers.", configdef.Str(func(c *Config) *string { return &c.HeaderConverter })),
		number("task.shutdown.graceful.timeout.ms", "5000", "How long tasks may take to stop, in milliseconds, all together.", 0, millis(func(c *Config) *time.Duration { return &c.ShutdownTimeout })),
		number("offset.flush.interval.ms", "60000", "How often offsets are committed, in milliseconds.", 1, nil),
		number("offset.flush.timeout.ms", "5000", "How long one commit of source offsets may take, in milliseconds.", 1, nil),
		list("plugin.path", "", "Folders with Java plugins. Accepted so that old files work; Java classes cannot be loaded.", configdef.Strs(func(c *Config) *[]string { return &c.PluginPath })),
		text("plugin.discovery", "hybrid_warn", "Accepted without effect: all plugins are compiled in.", nil),
		flag("topic.tracking.enable", "true", "Whether the topics that a connector uses are recorded.", configdef.Flag(func(c *Config) *bool { return &c.TopicTracking })),
		flag("topic.tracking.allow.reset", "true", "Whether that record may be reset by REST.", configdef.Flag(func(c *Config) *bool { return &c.TopicReset })),
		flag("rest.mask.passwords", "false", "Whether answers of the REST API hide the values of passwords; sent back, a hidden value stands for the stored one.", configdef.Flag(func(c *Config) *bool { return &c.MaskPasswords })),
		number("metrics.sample.window.ms", "30000", "Time that one sample of a rate, an average or a maximum covers, in milliseconds.", 0, func(c *Config, v configdef.Parsed) { c.Sampling.Window = time.Duration(v.Int) * time.Millisecond }),
		samples(),
		metricsNames(),
		flag("topic.creation.enable", "true", "Whether sources may create topics by topic.creation.* (KIP-158).", nil),
		overridePolicy(),
		text("culvert.data.dir", defaultDataDir, "Folder for the state of joins and for caches; empty: memory only.", configdef.Str(func(c *Config) *string { return &c.DataDir })),
		number("culvert.state.memory.bytes", "268435456", "Memory for the windows of all joins, in bytes; what exceeds it goes to culvert.data.dir.", 1<<20, nil),
	}...)
}

func topicKeys(kind, partitions string, into func(*Config) *Topic) []key {
	keys := []key{
		required(kind+".storage.topic", "Compacted topic of the worker's "+kind+" records.", configdef.Str(func(c *Config) *string { return &into(c).Name })),
		number(kind+".storage.replication.factor", "3", "Replication of that topic when the worker creates it; -1: the broker's default.", -1,
			func(c *Config, v configdef.Parsed) { into(c).Replication = int16(v.Int) }),
	}
	keys[1].Check = replication
	if partitions != "" {
		keys = append(keys, number(kind+".storage.partitions", partitions, "Partitions of that topic when the worker creates it; -1: the broker's default.", -1,
			func(c *Config, v configdef.Parsed) { into(c).Partitions = int32(v.Int) }))
		keys[2].Check = replication
	}
	return keys
}

// replication is Java's validator for counts where -1 leaves it to the broker.
func replication(_ string, v configdef.Parsed) error {
	if v.Int == 0 || v.Int < -1 || v.Int > 32767 {
		return fmt.Errorf("Value must be -1 (the broker's default) or between 1 and 32767")
	}
	return nil
}

// distributed lists the keys of DistributedConfig.
func distributed() []key {
	keys := append(common(),
		required("group.id", "Name of the cluster of workers.", configdef.Str(func(c *Config) *string { return &c.GroupID })),
		number("session.timeout.ms", "10000", "After how long without a heartbeat a worker counts as gone, in milliseconds.", 1, millis(func(c *Config) *time.Duration { return &c.SessionTimeout })),
		number("rebalance.timeout.ms", "60000", "How long workers may take to join a rebalance, in milliseconds.", 1, millis(func(c *Config) *time.Duration { return &c.RebalanceTimeout })),
		number("heartbeat.interval.ms", "3000", "Time between heartbeats, in milliseconds.", 1, millis(func(c *Config) *time.Duration { return &c.Heartbeat })),
		oneOf("connect.protocol", "sessioned", "Rebalance protocol; for now the eager one is used whatever it says.", configdef.Str(func(c *Config) *string { return &c.ConnectProtocol }), "eager", "compatible", "sessioned"),
		oneOf("exactly.once.source.support", "disabled", "Exactly-once for sources; for now only disabled.", nil, "disabled", "preparing", "enabled"),
		number("scheduled.rebalance.max.delay.ms", "300000", "How long work of a lost worker is held back, in milliseconds.", 0, nil),
		number("worker.sync.timeout.ms", "3000", "How long a worker may take to read the config topic, in milliseconds.", 0, nil),
		number("worker.unsync.backoff.ms", "300000", "How long a worker that is behind waits, in milliseconds.", 0, nil),
	)
	keys = append(keys, topicKeys("config", "", func(c *Config) *Topic { return &c.ConfigTopic })...)
	keys = append(keys, topicKeys("offset", "25", func(c *Config) *Topic { return &c.OffsetTopic })...)
	return append(keys, topicKeys("status", "5", func(c *Config) *Topic { return &c.StatusTopic })...)
}

// standalone lists the keys of StandaloneConfig.
func standalone() []key {
	return append(common(),
		required("offset.storage.file.filename", "File of the source offsets, in Java's format.", configdef.Str(func(c *Config) *string { return &c.OffsetsFile })))
}

// Prefixes whose keys are read by somebody else: converters, stores. Those of the
// Kafka clients are known one by one, see clientKeys.
var passedOn = []string{
	"key.converter.", "value.converter.", "header.converter.",
	"config.storage.", "offset.storage.", "status.storage.", "config.providers", "listeners.https.", "admin.listeners.https.", "ssl.", "sasl.", "inter.worker.",
	"metric", "culvert.", "errors.", "topic.creation.", "connector.client.config.override.", "internal.key.converter", "internal.value.converter",
}

// Keys of Java's worker that are accepted and have no effect here, or are read
// as properties of the Kafka clients.
var accepted = map[string]bool{
	"security.protocol": true, "security.providers": true, "client.dns.lookup": true, "metadata.max.age.ms": true, "request.timeout.ms": true,
	"retry.backoff.ms": true, "retry.backoff.max.ms": true, "reconnect.backoff.ms": true, "reconnect.backoff.max.ms": true,
	"send.buffer.bytes": true, "receive.buffer.bytes": true, "connections.max.idle.ms": true, "socket.connection.setup.timeout.ms": true,
	"socket.connection.setup.timeout.max.ms": true, "auto.include.jmx.reporter": true, "enable.metrics.push": true,
	"metadata.recovery.strategy": true, "metadata.recovery.rebootstrap.trigger.ms": true,
	"group.protocol": true,
}

// ParseConfig reads the worker's properties. All errors are reported at once,
// in the order of the keys; unknown keys are returned for a warning. Variables of
// config.providers are resolved; no error holds what stands behind one.
func ParseConfig(mode Mode, props map[string]string) (Config, []string, error) {
	d := configdef.Def[Config]{Keys: distributed(), Rules: []func(*Config, *configdef.Report){checkListeners}}
	if mode == Standalone {
		d.Keys = standalone()
	}
	ps, err := providers.New(props, os.Environ())
	var resolved *providers.Resolved
	if err == nil {
		resolved, err = ps.Resolve(props)
	}
	if err != nil {
		return Config{}, nil, &ConfigErrors{Keys: []string{cmp.Or(fieldOf(err), "config.providers")}, Sentences: []string{fault.Explain(err)}}
	}
	c, r := d.Parse(resolved.Props)
	c.Props, c.Providers, c.Secrets = resolved.Props, ps, resolved.Secrets
	if c.JaasFile == "" {
		c.JaasFile, c.jaasKey = systemProperty(os.Environ(), jaasProperty)
	}
	if c.ConfigTopic.Name != "" {
		c.ConfigTopic.Partitions = 1 // DistributedConfig: the order of its records is the log's
	}
	if bad := errorsOf(r); len(bad.Keys) > 0 {
		return c, nil, bad.without(c.Secrets)
	}
	return c, unknownKeys(r.Unknown, mode), nil
}

// errorsOf takes the first error of each key, the one that says what is wrong, and
// adds what would be right.
func errorsOf(r *configdef.Report) *ConfigErrors {
	bad := &ConfigErrors{}
	for i := range r.Results {
		res := &r.Results[i]
		if len(res.Errors) == 0 {
			continue
		}
		sentence := res.Errors[0]
		if text, ok := res.Spec.DefaultText(); ok && text != "" {
			sentence += fmt.Sprintf(" (the default is %s)", text)
		}
		bad.Keys = append(bad.Keys, res.Spec.Name)
		bad.Sentences = append(bad.Sentences, sentence)
	}
	return bad
}

// ConfigErrors are all errors of a worker's configuration: a sentence and its
// key at the same index.
type ConfigErrors struct {
	Sentences []string
	Keys      []string
}

// without takes secrets out of the sentences.
func (e *ConfigErrors) without(s *providers.Secrets) *ConfigErrors {
	for i, text := range e.Sentences {
		e.Sentences[i] = s.Redact(text)
	}
	return e
}

func (e *ConfigErrors) Error() string { return strings.Join(e.Sentences, "\n") }

func unknownKeys(given []string, mode Mode) []string {
	other := standalone()
	if mode == Standalone {
		other = distributed()
	}
	// Keys of the other mode are no typos: people keep one file for both.
	known := map[string]bool{}
	for _, k := range other {
		known[k.Name] = true
	}
	for _, k := range clientKeys() {
		known[k] = true
	}
	var unknown []string
next:
	for _, k := range given {
		if accepted[k] || known[k] {
			continue
		}
		for _, p := range passedOn {
			if strings.HasPrefix(k, p) && knownCulvert(k) {
				continue next
			}
		}
		unknown = append(unknown, k)
	}
	return unknown
}

// clientKeys are the properties of the clients of tasks, with their prefixes.
func clientKeys() []string {
	var keys []string
	for _, client := range []string{"producer", "consumer", "admin"} {
		for _, k := range plugins.ClientKeys(client) {
			keys = append(keys, client+"."+k)
		}
	}
	return keys
}

// knownCulvert keeps a typo in one of our own keys from hiding behind their prefix.
func knownCulvert(k string) bool { return !strings.HasPrefix(k, "culvert.") }

// Suggest returns the declared key that is closest to an unknown one, "" when
// none is near.
func Suggest(mode Mode, unknown string) string {
	keys := distributed()
	if mode == Standalone {
		keys = standalone()
	}
	names := make([]string, 0, len(keys)+len(accepted))
	for _, k := range keys {
		names = append(names, k.Name)
	}
	for k := range accepted {
		names = append(names, k)
	}
	names = append(names, clientKeys()...)
	sort.Strings(names)
	best, distance := "", max(2, len(unknown)/5)+1
	for _, n := range names {
		if d := editDistance(unknown, n); d < distance {
			best, distance = n, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			substitute := diagonal
			if a[i-1] != b[j-1] {
				substitute++
			}
			diagonal = row[j]
			row[j] = min(substitute, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
