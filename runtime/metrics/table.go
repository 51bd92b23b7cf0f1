package metrics

import (
	"slices"
	"strings"
	"time"
)

// Type is how a metric behaves.
type Type string

// The types. A Text is the constant 1 with the text as a label.
const (
	Gauge   Type = "gauge"
	Counter Type = "counter"
	Text    Type = "text"
)

// Metric is one row of the table.
type Metric struct {
	// Group is the type in the name of Java's MBean, kafka.connect:type=<Group>, with
	// its domain and a colon before it where that is another one; empty for what only
	// Culvert has.
	Group     string
	Attribute string // of the MBean; of ours, the name without its prefix
	Type      Type
	Labels    []string
	Help      string

	value func(x *subject) float64
	text  func(x *subject) string
}

// Name is the whole name: group and attribute with underscores, as the metrics
// reporter of Strimzi and the rules of Confluent's monitoring stacks have it.
func (m *Metric) Name() string {
	if m.Group == "" {
		return "culvert_" + m.Attribute
	}
	domain, kind := m.bean()
	return snake(domain) + "_" + snake(kind) + "_" + snake(m.Attribute)
}

// kafkaConnect is the domain of Connect's own MBeans.
const kafkaConnect = "kafka.connect"

// bean is the domain and the type of the MBean.
func (m *Metric) bean() (domain, kind string) {
	if domain, kind, ok := strings.Cut(m.Group, ":"); ok {
		return domain, kind
	}
	return kafkaConnect, m.Group
}

// ShortName is the name by the example rules of Prometheus' JMX exporter and of
// Strimzi: without -metrics, and for the worker's own groups without connect-. Ours
// and a connector's have none.
func (m *Metric) ShortName() string {
	if domain, _ := m.bean(); m.Group == "" || domain != kafkaConnect {
		return ""
	}
	group := strings.TrimPrefix(strings.TrimSuffix(m.Group, "-metrics"), "connect-")
	return "kafka_connect_" + snake(group) + "_" + snake(m.Attribute)
}

// Names chooses under which names Java's metrics are shown. Dashboards and alerts of
// both kinds are about.
type Names struct {
	Whole bool // Metric.Name
	Short bool // Metric.ShortName
}

func (n Names) of(m *Metric) []string {
	if m.ShortName() == "" {
		return []string{m.Name()}
	}
	var all []string
	if n.Whole {
		all = append(all, m.Name())
	}
	if n.Short {
		all = append(all, m.ShortName())
	}
	return all
}

// textLabel is the label that carries a text.
func (m *Metric) textLabel() string {
	if m.Attribute == "build_info" {
		return "version"
	}
	return snake(m.Attribute)
}

func snake(s string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(s) }

// MBean is Java's name of the bean that has the attribute; empty for ours.
func (m *Metric) MBean() string {
	if m.Group == "" {
		return ""
	}
	domain, kind := m.bean()
	name := domain + ":type=" + kind
	for _, l := range m.Labels {
		name += "," + l + "={" + l + "}"
	}
	return name
}

// scope is what a metric is there for once each.
type scope uint8

const (
	ofWorker scope = iota
	ofConnector
	ofTask
	ofSourceTask
	ofSinkTask
	ofTransform
	ofPredicate
	ofMongoSource
	ofMongoSink
	scopes // how many there are
)

var labels = [...][]string{
	ofConnector: {"connector"}, ofTask: {"connector", "task"}, ofSourceTask: {"connector", "task"}, ofSinkTask: {"connector", "task"},
	ofMongoSource: {"connector", "task"}, ofMongoSink: {"connector", "task"},
	ofTransform: {"connector", "task", "transform"}, ofPredicate: {"connector", "task", "predicate"},
}

// subject is what the rows of a scope are asked about. Its numbers do not change
// while they are.
type subject struct {
	now       time.Time
	scrape    *Scrape
	worker    *Worker
	connector *Connector
	info      *TaskInfo
	task      *Task
	step      *Step
	labels    []string // in the order of their names, ready to be written
}

type section struct {
	scope scope
	group string
	rows  []Metric
}

func figure(attribute, help string, value func(x *subject) float64) Metric {
	return Metric{Attribute: attribute, Type: Gauge, Help: help, value: value}
}

func total(attribute, help string, value func(x *subject) float64) Metric {
	return Metric{Attribute: attribute, Type: Counter, Help: help, value: value}
}

func word(attribute, help string, text func(x *subject) string) Metric {
	return Metric{Attribute: attribute, Type: Text, Help: help, text: text}
}

// Table lists every metric, in the order of the documentation.
func Table() []Metric {
	var all []Metric
	for _, s := range sections {
		for _, m := range s.rows {
			m.Group, m.Labels = s.group, labels[s.scope]
			all = append(all, m)
		}
	}
	return slices.Clip(all)
}

// sections are Java's groups (ConnectMetricsRegistry, WorkerCoordinator) and ours.
// Metrics of a connector's own are a section of their own.
var sections = []section{
	{ofConnector, "connector-metrics", []Metric{
		word("status", "The state of the connector, in lower case.", func(x *subject) string { return x.connector.State }),
		word("connector-type", "source or sink.", func(x *subject) string { return x.connector.Type }),
		word("connector-class", "The connector's class.", func(x *subject) string { return x.connector.Class }),
		word("connector-version", "The connector's version.", func(x *subject) string { return x.connector.Version }),
	}},
	{ofTask, "connector-task-metrics", []Metric{
		word("status", "The state of the task, in lower case.", func(x *subject) string { return x.info.State }),
		figure("running-ratio", "The share of its life that the task has spent running.", func(x *subject) float64 { return x.task.ratio(running, x.now) }),
		figure("pause-ratio", "The share of its life that the task has spent paused.", func(x *subject) float64 { return x.task.ratio(paused, x.now) }),
		figure("offset-commit-max-time-ms", "The longest time that a commit of offsets took lately, in milliseconds.", func(x *subject) float64 { return x.task.commitTime.largest(x.now) }),
		figure("offset-commit-avg-time-ms", "The average time that commits of offsets took lately, in milliseconds.", func(x *subject) float64 { return x.task.commitTime.avg(x.now) }),
		figure("batch-size-max", "The most records in a batch lately.", func(x *subject) float64 { return x.task.batch.largest(x.now) }),
		figure("batch-size-avg", "The average number of records in a batch lately.", func(x *subject) float64 { return x.task.batch.avg(x.now) }),
		figure("offset-commit-failure-percentage", "The share of commits of offsets that failed lately, from 0 to 1.", func(x *subject) float64 { return x.task.commitGood.rest(x.now) }),
		figure("offset-commit-success-percentage", "The share of commits of offsets that succeeded lately, from 0 to 1.", func(x *subject) float64 { return x.task.commitGood.share(x.now) }),
		word("connector-class", "The connector's class.", func(x *subject) string { return x.connector.Class }),
		word("connector-version", "The connector's version.", func(x *subject) string { return x.connector.Version }),
		word("connector-type", "source or sink.", func(x *subject) string { return x.connector.Type }),
		word("task-class", "The class of the task, as Java's connector has it.", func(x *subject) string { return x.connector.TaskClass }),
		word("task-version", "The version of the task: the connector's.", func(x *subject) string { return x.connector.Version }),
		word("key-converter-class", "The class of the key converter.", func(x *subject) string { return x.connector.Key.Class }),
		word("key-converter-version", "The version of the key converter.", func(x *subject) string { return x.connector.Key.Version }),
		word("value-converter-class", "The class of the value converter.", func(x *subject) string { return x.connector.Value.Class }),
		word("value-converter-version", "The version of the value converter.", func(x *subject) string { return x.connector.Value.Version }),
		word("header-converter-class", "The class of the header converter.", func(x *subject) string { return x.connector.Header.Class }),
		word("header-converter-version", "The version of the header converter.", func(x *subject) string { return x.connector.Header.Version }),
	}},
	{ofTransform, "connector-transform-metrics", []Metric{
		word("transform-class", "The class of the transformation.", func(x *subject) string { return x.step.Class }),
		word("transform-version", "The version of the transformation.", func(x *subject) string { return x.step.Version }),
	}},
	{ofPredicate, "connector-predicate-metrics", []Metric{
		word("predicate-class", "The class of the predicate.", func(x *subject) string { return x.step.Class }),
		word("predicate-version", "The version of the predicate.", func(x *subject) string { return x.step.Version }),
	}},
	{ofSourceTask, "source-task-metrics", []Metric{
		figure("source-record-poll-rate", "Records a second that the connector gave lately.", func(x *subject) float64 { return x.task.read.last.rate(x.now) }),
		total("source-record-poll-total", "Records that the connector gave since the task began.", func(x *subject) float64 { return x.task.read.total() }),
		figure("source-record-write-rate", "Records a second that left the transformations for Kafka lately.", func(x *subject) float64 { return x.task.sent.last.rate(x.now) }),
		total("source-record-write-total", "Records that left the transformations for Kafka since the task began.", func(x *subject) float64 { return x.task.sent.total() }),
		figure("poll-batch-max-time-ms", "The longest that the connector took to give a batch lately, in milliseconds.", func(x *subject) float64 { return x.task.poll.largest(x.now) }),
		figure("poll-batch-avg-time-ms", "The average time that the connector took to give a batch lately, in milliseconds.", func(x *subject) float64 { return x.task.poll.avg(x.now) }),
		figure("source-record-active-count", "Records that were read and are not acknowledged by Kafka.", func(x *subject) float64 { return float64(x.task.active.Load()) }),
		figure("source-record-active-count-max", "The most records lately that were read and not acknowledged.", func(x *subject) float64 { return x.task.activeSeen.largest(x.now) }),
		figure("source-record-active-count-avg", "The average number of records lately that were read and not acknowledged.", func(x *subject) float64 { return x.task.activeSeen.avg(x.now) }),
		figure("transaction-size-min", "The fewest records in a transaction lately.", func(x *subject) float64 { return x.task.transaction.smallest(x.now) }),
		figure("transaction-size-max", "The most records in a transaction lately.", func(x *subject) float64 { return x.task.transaction.largest(x.now) }),
		figure("transaction-size-avg", "The average number of records in a transaction lately.", func(x *subject) float64 { return x.task.transaction.avg(x.now) }),
	}},
	{ofSinkTask, "sink-task-metrics", []Metric{
		figure("sink-record-read-rate", "Records a second that were fetched for the task lately.", func(x *subject) float64 { return x.task.read.last.rate(x.now) }),
		total("sink-record-read-total", "Records that were fetched for the task since it began.", func(x *subject) float64 { return x.task.read.total() }),
		figure("sink-record-send-rate", "Records a second that left the transformations for the connector lately.", func(x *subject) float64 { return x.task.sent.last.rate(x.now) }),
		total("sink-record-send-total", "Records that left the transformations for the connector since the task began.", func(x *subject) float64 { return x.task.sent.total() }),
		figure("sink-record-lag-max", "How many records what is written is behind what was fetched, in the partition where that is most.", func(x *subject) float64 { return float64(x.task.lag.Load()) }),
		figure("partition-count", "Partitions that the task has.", func(x *subject) float64 { return float64(x.task.partitions.Load()) }),
		figure("offset-commit-seq-no", "The number of the last commit of offsets.", func(x *subject) float64 { return x.task.completed.total() }),
		figure("offset-commit-completion-rate", "Commits of offsets a second that succeeded lately.", func(x *subject) float64 { return x.task.completed.last.rate(x.now) }),
		total("offset-commit-completion-total", "Commits of offsets that succeeded since the task began.", func(x *subject) float64 { return x.task.completed.total() }),
		figure("offset-commit-skip-rate", "Commits of offsets a second that came too late lately.", func(x *subject) float64 { return x.task.skipped.last.rate(x.now) }),
		total("offset-commit-skip-total", "Commits of offsets that came too late since the task began.", func(x *subject) float64 { return x.task.skipped.total() }),
		figure("put-batch-max-time-ms", "The longest that the connector took to write a batch lately, in milliseconds.", func(x *subject) float64 { return x.task.put.largest(x.now) }),
		figure("put-batch-avg-time-ms", "The average time that the connector took to write a batch lately, in milliseconds.", func(x *subject) float64 { return x.task.put.avg(x.now) }),
		figure("sink-record-active-count", "Records that were fetched and are not written.", func(x *subject) float64 { return float64(x.task.active.Load()) }),
		figure("sink-record-active-count-max", "The most records lately that were fetched and not written.", func(x *subject) float64 { return x.task.activeSeen.largest(x.now) }),
		figure("sink-record-active-count-avg", "The average number of records lately that were fetched and not written.", func(x *subject) float64 { return x.task.activeSeen.avg(x.now) }),
	}},
	{ofMongoSource, "com.mongodb.kafka.connect:source-task-metrics", mongoSource()},
	{ofMongoSink, "com.mongodb.kafka.connect:sink-task-metrics", mongoSink()},
	{ofTask, "task-error-metrics", []Metric{
		figure("total-record-failures", "Attempts to process a record that failed.", func(x *subject) float64 { return float64(x.task.failures.Load()) }),
		figure("total-record-errors", "Records that could not be processed.", func(x *subject) float64 { return float64(x.task.errors.Load()) }),
		figure("total-records-skipped", "Records that were left out because errors are tolerated.", func(x *subject) float64 { return float64(x.task.passed.Load()) }),
		figure("total-retries", "Attempts that followed a failure that a wait can cure.", func(x *subject) float64 { return float64(x.task.retries.Load()) }),
		figure("total-errors-logged", "Records that could not be processed and were logged.", func(x *subject) float64 { return float64(x.task.logged.Load()) }),
		figure("deadletterqueue-produce-requests", "Dead letters that were to be written.", func(x *subject) float64 { return float64(x.task.letters.Load()) }),
		figure("deadletterqueue-produce-failures", "Dead letters that were not written.", func(x *subject) float64 { return float64(x.task.lettersFailed.Load()) }),
		figure("last-error-timestamp", "When a record failed last, in milliseconds since 1970; 0 if none has.", func(x *subject) float64 { return float64(x.task.lastError.Load()) }),
	}},
	{ofWorker, "connect-worker-metrics", []Metric{
		figure("connector-count", "Connectors of this worker.", func(x *subject) float64 { return float64(len(x.scrape.Connectors)) }),
		figure("task-count", "Tasks of this worker.", func(x *subject) float64 { return float64(x.scrape.tasks()) }),
		total("connector-startup-attempts-total", "Starts of connectors.", func(x *subject) float64 { return x.worker.connectors.attempts }),
		total("connector-startup-success-total", "Starts of connectors that succeeded.", func(x *subject) float64 { return x.worker.connectors.good }),
		figure("connector-startup-success-percentage", "The share of starts of connectors that succeeded lately, from 0 to 1.", func(x *subject) float64 { return x.worker.connectors.last.share(x.now) }),
		total("connector-startup-failure-total", "Starts of connectors that failed.", func(x *subject) float64 { return x.worker.connectors.bad }),
		figure("connector-startup-failure-percentage", "The share of starts of connectors that failed lately, from 0 to 1.", func(x *subject) float64 { return x.worker.connectors.last.rest(x.now) }),
		total("task-startup-attempts-total", "Starts of tasks.", func(x *subject) float64 { return x.worker.tasks.attempts }),
		total("task-startup-success-total", "Starts of tasks that succeeded.", func(x *subject) float64 { return x.worker.tasks.good }),
		figure("task-startup-success-percentage", "The share of starts of tasks that succeeded lately, from 0 to 1.", func(x *subject) float64 { return x.worker.tasks.last.share(x.now) }),
		total("task-startup-failure-total", "Starts of tasks that failed.", func(x *subject) float64 { return x.worker.tasks.bad }),
		figure("task-startup-failure-percentage", "The share of starts of tasks that failed lately, from 0 to 1.", func(x *subject) float64 { return x.worker.tasks.last.rest(x.now) }),
	}},
	{ofConnector, "connect-worker-metrics", []Metric{
		figure("connector-total-task-count", "Tasks of the connector on this worker.", func(x *subject) float64 { return float64(len(x.connector.Tasks)) }),
		figure("connector-running-task-count", "Running tasks of the connector on this worker.", func(x *subject) float64 { return x.connector.count("running") }),
		figure("connector-paused-task-count", "Paused tasks of the connector on this worker.", func(x *subject) float64 { return x.connector.count("paused") }),
		figure("connector-failed-task-count", "Failed tasks of the connector on this worker.", func(x *subject) float64 { return x.connector.count("failed") }),
		figure("connector-unassigned-task-count", "Tasks of the connector on this worker that nobody runs.", func(x *subject) float64 { return x.connector.count("unassigned") }),
		figure("connector-destroyed-task-count", "Tasks of the connector on this worker that were deleted.", func(x *subject) float64 { return x.connector.count("destroyed") }),
		figure("connector-restarting-task-count", "Tasks of the connector on this worker that are being restarted.", func(x *subject) float64 { return x.connector.count("restarting") }),
	}},
	{ofWorker, "connect-worker-rebalance-metrics", []Metric{
		word("connect-protocol", "The protocol by which the workers share the work.", func(x *subject) string { return x.scrape.Group.Protocol }),
		word("leader-name", "The address of the worker that leads.", func(x *subject) string { return x.scrape.Group.Leader }),
		figure("epoch", "The generation of the group.", func(x *subject) float64 { return float64(x.scrape.Group.Generation) }),
		total("completed-rebalances-total", "Rebalances since the worker began.", func(x *subject) float64 { return x.worker.rebalances }),
		figure("rebalancing", "Whether a rebalance goes on: 1 or 0.", func(x *subject) float64 { return truth(x.worker.rebalancing) }),
		figure("rebalance-max-time-ms", "The longest rebalance lately, in milliseconds.", func(x *subject) float64 { return x.worker.rebalanceTime.largest(x.now) }),
		figure("rebalance-avg-time-ms", "The average time that rebalances took lately, in milliseconds.", func(x *subject) float64 { return x.worker.rebalanceTime.avg(x.now) }),
		figure("time-since-last-rebalance-ms", "How long ago the last rebalance ended, in milliseconds; infinite before the first.", func(x *subject) float64 { return since(x.worker.rested, x.now) }),
	}},
	{ofWorker, "connect-coordinator-metrics", coordinator()},
	{ofTask, "", []Metric{
		total("task_restarts_total", "Times that the worker has restarted the task by itself.", func(x *subject) float64 { return float64(x.info.Restarts) }),
		figure("task_waiting", "Whether the task waits for something outside, a broker, a registry or a database: 1 or 0. Its status says what for.", func(x *subject) float64 { return truth(x.task.waits(x.now) > 0) }),
		figure("task_waiting_seconds", "For how many seconds the task has been waiting for something outside; 0 if it does not.", func(x *subject) float64 { return x.task.waits(x.now).Seconds() }),
		total("task_waiting_seconds_total", "Seconds that the task has waited for something outside since it began.", func(x *subject) float64 { return x.task.waitedFor(x.now).Seconds() }),
		total("join_rows_total", "Rows that the task's join has made.", func(x *subject) float64 { return float64(x.task.joinRows.Load()) }),
		total("join_skipped_total", "Records that the task's join has skipped: no key, or no value.", func(x *subject) float64 { return float64(x.task.joinSkips.Load()) }),
		total("join_late_total", "Records that were too old for the windows of the task's join to keep.", func(x *subject) float64 { return float64(x.task.joinLate.Load()) }),
	}},
	{ofWorker, "", []Metric{
		figure("join_state_bytes", "Memory for the windows of all joins, in bytes.", func(x *subject) float64 { return float64(x.scrape.StateBytes) }),
		figure("abandoned_tasks", "Tasks that did not stop in time since the worker began.", func(x *subject) float64 { return float64(x.scrape.Abandoned) }),
		word("build_info", "The program's version.", func(x *subject) string { return x.scrape.Version }),
	}},
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
