package worker

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/providers"
	"culvert/runtime/task"
	"culvert/transforms/regex"
)

// builder makes one task from its configuration and closes what it opened beside
// the task.
type builder struct {
	w          *Worker
	id         task.ID
	conn, task map[string]string
	log        *slog.Logger
	pluginLog  *slog.Logger // of the connector's own code
	secrets    *providers.Secrets
	waiting    *task.Waiting
	paused     bool
	run        *run

	keys  connectorKeys
	chain task.Chain
	admin sharedAdmin
}

// build makes the task. Nothing is opened yet; Run does that.
func (b *builder) build() (task.Runner, error) {
	if b.w.bad != nil {
		return nil, b.w.bad
	}
	props := b.props()
	var err error
	if b.keys, err = parseConnector(props); err != nil {
		return nil, err
	}
	plugin, err := b.w.cfg.Plugins.Connector(b.keys.Class)
	if err != nil {
		return nil, err
	}
	b.pluginLog = b.log.With("logger", plugin.TaskClass)
	b.log = b.log.With("logger", taskLogger(plugin.Kind))
	chain, err := b.w.buildConverters(b.conn, &b.keys, b.log)
	if err != nil {
		return nil, err
	}
	b.chain = chain
	st, err := buildStages(b.w.cfg.Plugins, b.conn, &b.keys, b.log)
	if err != nil {
		return nil, err
	}
	b.admin.open = func(ctx context.Context) (*kafka.Admin, error) {
		return kafka.OpenAdmin(ctx, b.settings(kafka.AdminRole, adminClient))
	}
	switch {
	case plugin.Kind == connectors.SourceKind && st.plan != nil:
		return nil, statefulSource(st.alias, st.class)
	case plugin.Kind == connectors.SourceKind:
		return b.source(plugin, chain, st)
	case st.plan != nil || plugin.Transactional:
		return b.stream(plugin, chain, st)
	}
	return b.sink(plugin, chain, st)
}

// taskLogger is the name of the logger of Java's class for such tasks.
func taskLogger(k connectors.Kind) string {
	if k == connectors.SourceKind {
		return "org.apache.kafka.connect.runtime.WorkerSourceTask"
	}
	return "org.apache.kafka.connect.runtime.WorkerSinkTask"
}

// props are the connector's with the task's over them: framework keys may stand
// in either.
func (b *builder) props() map[string]string {
	all := map[string]string{}
	for k, v := range b.conn {
		all[k] = v
	}
	for k, v := range b.task {
		all[k] = v
	}
	return all
}

func (b *builder) common() task.Common {
	k := &b.keys
	return task.Common{
		ID: b.id, Log: b.log, Waiting: b.waiting, Stats: b.run.stats, OnState: b.run.onState, OnTopic: b.run.onTopic, StartPaused: b.paused,
		FlushInterval: b.w.keys.FlushInterval, FlushTimeout: b.w.keys.FlushTimeout, Graceful: b.w.keys.Graceful,
		Errors: task.Errors{
			Tolerate: strings.EqualFold(k.Tolerance, "all"), RetryTimeout: k.RetryTimeout, RetryDelayMax: k.RetryDelayMax,
			Log: k.LogErrors, LogMessages: k.LogMessages,
			Letters:            strings.TrimSpace(strings.ReplaceAll(k.LetterTopic, "${connector}", b.id.Connector)),
			LettersReplication: k.LetterReplication, LettersContext: k.LetterContext, Redact: b.secrets.Redact,
		},
	}
}

func (b *builder) env() connectors.Env {
	return connectors.Env{
		Connector: b.id.Connector, Task: b.id.Task, Log: b.pluginLog, DataDir: b.w.cfg.DataDir,
		Waiting: b.waiting.For("connector"), Worked: b.run.stats.Worked, Polled: b.run.stats.Polled, Topics: topics{&b.admin}, Converter: b.outputConverter,
	}
}

// taskAdmin gives the task the admin that the connector's Env shares.
func (b *builder) taskAdmin(ctx context.Context) (task.Admin, error) {
	return opened[task.Admin](b.admin.get(ctx))
}

// opened keeps the nil pointer of what could not be opened from becoming an
// interface that is not nil: the task would close it.
func opened[I any](it I, err error) (I, error) {
	if err != nil {
		var none I
		return none, err
	}
	return it, nil
}

func (b *builder) source(p *connectors.Plugin, chain task.Chain, st stages) (task.Runner, error) {
	var err error
	if chain.Steps, err = steps(st.before); err != nil {
		return nil, err
	}
	groups, err := creationGroups(b.conn, &b.keys, b.w.keys.TopicCreation)
	if err != nil {
		return nil, err
	}
	if topic := b.conn["offsets.storage.topic"]; topic != "" {
		b.log.Warn("offsets.storage.topic has no effect yet; the positions are kept in the worker's own topic", "offsets.storage.topic", topic)
	}
	env := b.env()
	env.Offsets = offsetReader{b.w.cfg.Offsets, b.id.Connector}
	return task.NewSource(task.SourceConfig{
		Common: b.common(), Chain: chain, Groups: groups, Admin: b.taskAdmin,
		Open: func(ctx context.Context) (connectors.Source, error) {
			return opened[connectors.Source](p.Source(ctx, env, b.task))
		},
		Producer: func(ctx context.Context) (task.Producer, error) {
			return opened[task.Producer](kafka.OpenProducer(ctx, b.settings(kafka.ProducerRole, producerClient)))
		},
		Store: func(ctx context.Context, marks []data.Mark) error {
			return b.w.cfg.Offsets.Commit(ctx, b.id.Connector, marks)
		},
	}), nil
}

func (b *builder) sink(p *connectors.Plugin, chain task.Chain, st stages) (task.Runner, error) {
	var err error
	if chain.Steps, err = steps(st.before); err != nil {
		return nil, err
	}
	sub, err := subscription(&b.keys)
	if err != nil {
		return nil, err
	}
	consumer := b.settings(kafka.ConsumerRole, consumerClient)
	consumer.Reuse = true
	env := b.env()
	env.Group = consumer.Props["group.id"]
	records, _ := strconv.Atoi(consumer.Props["max.poll.records"])
	return task.NewSink(task.SinkConfig{
		Common: b.common(), Chain: chain, Admin: b.taskAdmin,
		Open: func(ctx context.Context) (connectors.Sink, error) {
			return opened[connectors.Sink](p.Sink(ctx, env, b.task))
		},
		Consumer: func(ctx context.Context) (task.Consumer, error) {
			return opened[task.Consumer](kafka.OpenConsumer(ctx, consumer))
		},
		Group: func(ctx context.Context, c kafka.GroupConfig) (task.Group, error) {
			s := consumer
			s.Waiting = b.waiting.For("group")
			return opened[task.Group](kafka.OpenGroup(ctx, s, c))
		},
		Letters: func(ctx context.Context) (task.Producer, error) {
			return opened[task.Producer](kafka.OpenProducer(ctx, b.settings(kafka.ProducerRole, letterClient)))
		},
		GroupID: consumer.Props["group.id"], InstanceID: instanceID(b.cluster(), b.id), Subscription: sub,
		Reset: position(consumer), MetadataMaxAge: millis(consumer.Props["metadata.max.age.ms"], 5*time.Minute), MaxRecords: records,
	}), nil
}

func (b *builder) stream(p *connectors.Plugin, chain task.Chain, st stages) (task.Runner, error) {
	consumer := b.settings(kafka.ConsumerRole, consumerClient)
	if _, set := consumer.Props["isolation.level"]; !set {
		// What a transaction has aborted must not be joined (Kafka Streams'
		// exactly_once_v2 reads so too).
		consumer.Props["isolation.level"] = "read_committed"
	}
	if st.plan == nil && len(b.keys.Topics) == 0 {
		return nil, fault.New(fault.Config, "connect.topics", "%s needs topics; topics.regex is not for sinks that write to Kafka", p.Class).WithField("topics").
			WithFix("List the topics.")
	}
	env := b.env()
	tasks := b.keys.Tasks
	if tasks == 0 {
		tasks = b.keys.TasksMax
	}
	return task.NewStream(task.StreamConfig{
		Common: b.common(), Chain: chain, Plan: st.plan, Topics: b.keys.Topics, Name: st.alias, Class: st.class,
		Prepared: b.prepared(&st),
		Before:   func() ([]task.Step, error) { return steps(st.before) },
		After:    func() ([]task.Step, error) { return steps(st.after) },
		Open: func(ctx context.Context) (connectors.Sink, error) {
			return opened[connectors.Sink](p.Sink(ctx, env, b.task))
		},
		Admin: b.taskAdmin,
		Consumer: func(ctx context.Context) (task.Consumer, error) {
			return opened[task.Consumer](kafka.OpenConsumer(ctx, consumer))
		},
		Txn: func(ctx context.Context, id string) (task.Txn, error) {
			return opened[task.Txn](kafka.OpenTxn(ctx, b.settings(kafka.ProducerRole, producerClient), id))
		},
		State: b.w.state, GroupID: consumer.Props["group.id"], ClusterGroup: b.cluster(), Tasks: tasks,
		Reset: position(consumer), MaxTaskIdle: b.keys.MaxTaskIdle,
		MetadataMaxAge: millis(consumer.Props["metadata.max.age.ms"], 5*time.Minute),
	}), nil
}

// cluster is the part of ids that tells the clusters of workers apart.
func (b *builder) cluster() string {
	if b.w.cfg.ClusterGroup == "" {
		return "connect-standalone"
	}
	return b.w.cfg.ClusterGroup
}

// close closes what outlives the task.
func (b *builder) close() { b.admin.close() }

// subscription reads topics or topics.regex; exactly one is set.
func subscription(k *connectorKeys) (task.Subscription, error) {
	switch {
	case len(k.Topics) > 0 && k.TopicsRegex != "":
		return task.Subscription{}, fault.New(fault.Config, "connect.topics", "topics and topics.regex are mutually exclusive options, but both are set.").WithField("topics")
	case len(k.Topics) > 0:
		return task.Subscription{Topics: k.Topics}, nil
	case k.TopicsRegex != "":
		re, err := regex.Compile(k.TopicsRegex)
		if err != nil {
			return task.Subscription{}, fault.New(fault.Config, "connect.topics_regex", "Invalid value %s for configuration topics.regex: %w", k.TopicsRegex, err).WithField("topics.regex")
		}
		return task.Subscription{Pattern: re}, nil
	}
	return task.Subscription{}, fault.New(fault.Config, "connect.topics", "Must configure one of topics or topics.regex").WithField("topics")
}

// creationKeys is TopicCreationConfig: the keys of one group.
type creationKeys struct {
	Include, Exclude []string
	Partitions       int32
	Replication      int16
}

var creationDef = configdef.Def[creationKeys]{Keys: []configdef.Key[creationKeys]{
	key("include", configdef.List, "", configdef.Strs(func(c *creationKeys) *[]string { return &c.Include })),
	key("exclude", configdef.List, "", configdef.Strs(func(c *creationKeys) *[]string { return &c.Exclude })),
	key("partitions", configdef.Int, "-1", configdef.Num(func(c *creationKeys) *int32 { return &c.Partitions })),
	key("replication.factor", configdef.Short, "-1", func(c *creationKeys, v configdef.Parsed) { c.Replication = int16(v.Int) }),
}}

// creationGroups reads topic.creation.* (KIP-158): none when creation is off or
// no such key is set. A group takes partitions and replication factor that it does
// not set from the default group.
func creationGroups(props map[string]string, k *connectorKeys, enabled bool) ([]task.TopicGroup, error) {
	all := under(props, "topic.creation.")
	if !enabled || len(all) == 0 {
		return nil, nil
	}
	var groups []task.TopicGroup
	dflt := under(all, "default.")
	names := slices.DeleteFunc(slices.Clone(k.CreationGroups), func(n string) bool { return n == "default" }) // listing it changes nothing
	for _, name := range append(names, "default") {
		own := under(all, name+".")
		for _, inherited := range []string{"partitions", "replication.factor"} {
			if _, ok := own[inherited]; !ok && dflt[inherited] != "" {
				own[inherited] = dflt[inherited]
			}
		}
		g, err := creationGroup(name, own)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func creationGroup(name string, own map[string]string) (task.TopicGroup, error) {
	c, report := creationDef.Parse(own)
	g := task.TopicGroup{Name: name, Partitions: c.Partitions, Replication: c.Replication, Configs: map[string]string{}}
	prefix := "topic.creation." + name + "."
	for i := range report.Results {
		if res := &report.Results[i]; len(res.Errors) > 0 {
			name := prefix + res.Spec.Name
			return g, fault.New(fault.Config, "connect.topic_creation", "%s",
				strings.Replace(res.Errors[0], " configuration "+res.Spec.Name+":", " configuration "+name+":", 1)).WithField(name)
		}
	}
	compile := func(key string, patterns []string) (list []*regex.Pattern, err error) {
		for _, p := range patterns {
			re, err := regex.Compile(p)
			if err != nil {
				return nil, fault.New(fault.Config, "connect.topic_creation", "Invalid value %s for configuration %s%s: %w", p, prefix, key, err).WithField(prefix + key)
			}
			list = append(list, re)
		}
		return list, nil
	}
	var err error
	if g.Include, err = compile("include", c.Include); err != nil {
		return g, err
	}
	if g.Exclude, err = compile("exclude", c.Exclude); err != nil {
		return g, err
	}
	for k, v := range own {
		if creationDef.Keys[0].Name != k && creationDef.Keys[1].Name != k && creationDef.Keys[2].Name != k && creationDef.Keys[3].Name != k {
			g.Configs[k] = v
		}
	}
	return g, nil
}
