package kafka

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"culvert/fault"
)

// options is what the properties of one client mean.
type options struct {
	bootstrap      []string
	clientID       string
	requestTimeout time.Duration
	connectTimeout time.Duration
	backoff        time.Duration
	backoffMax     time.Duration
	metadataMaxAge time.Duration

	security securityOptions

	codec           sarama.CompressionCodec
	levels          map[sarama.CompressionCodec]int
	linger          time.Duration
	batchSize       int
	maxRequest      int
	bufferMemory    int
	deliveryTimeout time.Duration // 0: endless
	txnTimeout      time.Duration

	fetchMin        int32
	fetchMax        int32
	fetchWait       time.Duration
	partitionFetch  int32
	maxPollRecords  int
	isolation       sarama.IsolationLevel
	reset           int64 // Earliest, Latest or resetNone
	rack            string
	session         time.Duration
	heartbeat       time.Duration
	maxPollInterval time.Duration
	rebalance       time.Duration
}

const resetNone int64 = -3

// defaultOptions are Java's (kafka-clients 4.3), except where a comment says so.
func defaultOptions() options {
	return options{
		requestTimeout: 30 * time.Second,
		connectTimeout: 10 * time.Second,
		backoff:        100 * time.Millisecond,
		backoffMax:     time.Second,
		metadataMaxAge: 5 * time.Minute,
		// Java: 5 ms. While a request is on its way the next batch fills anyway, and a
		// table's Put would pay for it.
		linger: 0,
		// Java: 16 KiB, for many batches in flight. Here one is, so it may be larger;
		// the broker's default limit is 1 MiB.
		batchSize:    256 << 10,
		maxRequest:   1 << 20,
		bufferMemory: 32 << 20,
		txnTimeout:   time.Minute,
		fetchMin:     1,
		// Java: 50 MiB. It bounds what a consumer holds, and a worker has many.
		fetchMax:  8 << 20,
		fetchWait: 500 * time.Millisecond,
		// Java: 1 MiB. An answer is held until its last message is done with.
		partitionFetch:  512 << 10,
		maxPollRecords:  500,
		isolation:       sarama.ReadUncommitted,
		reset:           Latest,
		session:         45 * time.Second,
		heartbeat:       3 * time.Second,
		maxPollInterval: 5 * time.Minute,
		rebalance:       time.Minute,
	}
}

// property is one key that we act on.
type property struct {
	roles string // of "pca": producer, consumer, admin
	want  string // what a value must be, for the error
	set   func(o *options, v string) error
}

const everyRole = "pca"

var errBadValue = errors.New("bad value")

// properties are the keys that mean something here. Keys that Java knows and that
// need nothing from us are in accepted.
var properties = map[string]property{
	"bootstrap.servers": {everyRole, "a list of host:port, separated by commas", setBootstrap},
	"client.id":         {everyRole, "any text", func(o *options, v string) error { o.clientID = v; return nil }},
	"request.timeout.ms": {everyRole, "a number of milliseconds from 1 up",
		duration(1, func(o *options) *time.Duration { return &o.requestTimeout })},
	"socket.connection.setup.timeout.ms": {everyRole, "a number of milliseconds from 1 up",
		duration(1, func(o *options) *time.Duration { return &o.connectTimeout })},
	"retry.backoff.ms": {everyRole, "a number of milliseconds from 0 up",
		duration(0, func(o *options) *time.Duration { return &o.backoff })},
	"retry.backoff.max.ms": {everyRole, "a number of milliseconds from 0 up",
		duration(0, func(o *options) *time.Duration { return &o.backoffMax })},
	"metadata.max.age.ms": {everyRole, "a number of milliseconds from 0 up",
		duration(0, func(o *options) *time.Duration { return &o.metadataMaxAge })},

	"acks":                   {"p", "all, -1, 0 or 1", setAcks},
	"compression.type":       {"p", "none, gzip, snappy, lz4 or zstd", setCompression},
	"compression.gzip.level": {"p", "a number from 1 to 9, or -1", level(sarama.CompressionGZIP, -1, 9)},
	"compression.lz4.level":  {"p", "a number from 1 to 17", level(sarama.CompressionLZ4, 1, 17)},
	"compression.zstd.level": {"p", "a number from -131072 to 22", level(sarama.CompressionZSTD, -131072, 22)},
	"linger.ms": {"p", "a number of milliseconds from 0 up",
		duration(0, func(o *options) *time.Duration { return &o.linger })},
	"batch.size": {"p", "a number of bytes from 0 up",
		integer(0, math.MaxInt32, func(o *options, n int64) { o.batchSize = int(n) })},
	"max.request.size": {"p", "a number of bytes from 0 up",
		integer(0, math.MaxInt32, func(o *options, n int64) { o.maxRequest = int(n) })},
	"buffer.memory": {"p", "a number of bytes from 0 up",
		integer(0, math.MaxInt64, func(o *options, n int64) { o.bufferMemory = int(n) })},
	"max.in.flight.requests.per.connection": {"p", "a number from 1 to 5, with enable.idempotence",
		integer(1, 5, func(*options, int64) {})},
	"retries": {"p", "a number from 0 up", integer(0, math.MaxInt32, func(*options, int64) {})},
	"delivery.timeout.ms": {"p", "a number of milliseconds from 0 up", func(o *options, v string) error {
		n, err := number(v, 0, math.MaxInt32)
		if o.deliveryTimeout = time.Duration(n) * time.Millisecond; n == math.MaxInt32 {
			o.deliveryTimeout = 0
		}
		return err
	}},
	"transaction.timeout.ms": {"p", "a number of milliseconds from 1 up",
		duration(1, func(o *options) *time.Duration { return &o.txnTimeout })},
	"enable.idempotence": {"p", "true or false", boolean(func(*options, bool) {})},
	"partitioner.class":  {"p", "absent: partitions are chosen by Java's default rule, murmur2 of the key", setPartitioner},

	"fetch.min.bytes": {"c", "a number of bytes from 0 up",
		integer(0, math.MaxInt32, func(o *options, n int64) { o.fetchMin = int32(n) })},
	"fetch.max.bytes": {"c", "a number of bytes from 0 up",
		integer(0, math.MaxInt32, func(o *options, n int64) { o.fetchMax = int32(n) })},
	"fetch.max.wait.ms": {"c", "a number of milliseconds from 0 up",
		duration(0, func(o *options) *time.Duration { return &o.fetchWait })},
	"max.partition.fetch.bytes": {"c", "a number of bytes from 0 up",
		integer(0, math.MaxInt32, func(o *options, n int64) { o.partitionFetch = int32(n) })},
	"max.poll.records": {"c", "a number from 1 up",
		integer(1, math.MaxInt32, func(o *options, n int64) { o.maxPollRecords = int(n) })},
	"isolation.level":   {"c", "read_uncommitted or read_committed", setIsolation},
	"auto.offset.reset": {"c", "earliest, latest or none", setReset},
	"client.rack":       {"c", "any text", func(o *options, v string) error { o.rack = v; return nil }},
	"session.timeout.ms": {"c", "a number of milliseconds from 1 up",
		duration(1, func(o *options) *time.Duration { return &o.session })},
	"heartbeat.interval.ms": {"c", "a number of milliseconds from 1 up",
		duration(1, func(o *options) *time.Duration { return &o.heartbeat })},
	"max.poll.interval.ms": {"c", "a number of milliseconds from 1 up",
		duration(1, func(o *options) *time.Duration { return &o.maxPollInterval })},
	"rebalance.timeout.ms": {"c", "a number of milliseconds from 1 up",
		duration(1, func(o *options) *time.Duration { return &o.rebalance })},
}

// accepted are Java's keys that need nothing from us: what they ask for holds
// anyway, or is about Java.
var accepted = map[string]string{
	"key.serializer": "p", "value.serializer": "p", "key.deserializer": "c", "value.deserializer": "c",
	"group.id": "c", "group.instance.id": "c", "group.protocol": "c", "enable.auto.commit": "c", "auto.commit.interval.ms": "c",
	"check.crcs": "c", "exclude.internal.topics": "c", "partition.assignment.strategy": "c", "default.api.timeout.ms": "ca",
	"internal.leave.group.on.close": "c", "allow.auto.create.topics": "c",
	"max.block.ms": "p", "transactional.id": "p",
	"metrics.num.samples": everyRole, "metrics.recording.level": everyRole, "metrics.sample.window.ms": everyRole,
	"metric.reporters": everyRole, "auto.include.jmx.reporter": everyRole, "enable.metrics.push": everyRole,
	"send.buffer.bytes": everyRole, "receive.buffer.bytes": everyRole, "client.dns.lookup": everyRole,
	"reconnect.backoff.ms": everyRole, "reconnect.backoff.max.ms": everyRole, "connections.max.idle.ms": everyRole,
	"socket.connection.setup.timeout.max.ms": everyRole, "metadata.recovery.strategy": everyRole,
	"metadata.recovery.rebootstrap.trigger.ms": everyRole, "metadata.max.idle.ms": "p",
	"bootstrap.controllers": "a",
}

// parseProps reads properties for a role.
func parseProps(props map[string]string, role Role) (o options, unknown []string, err error) {
	o = defaultOptions()
	letter := string("pca"[role])
	keys := make([]string, 0, len(props))
	for k := range props {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, key := range keys {
		p, known := properties[key]
		switch {
		case known && strings.Contains(p.roles, letter):
			if err := p.set(&o, strings.TrimSpace(props[key])); err != nil {
				return o, nil, badValue(key, props[key], p.want, err)
			}
		case known, strings.Contains(accepted[key], letter), isSecurityKey(key):
			// A key of another role does no harm: worker files repeat them.
		default:
			unknown = append(unknown, key)
		}
	}
	if o.security, err = parseSecurity(props); err != nil {
		return o, nil, err
	}
	return o, unknown, o.check(props)
}

// level is the compression level of the codec in use.
func (o *options) level() int {
	if n, ok := o.levels[o.codec]; ok && !(o.codec == sarama.CompressionGZIP && n == -1) {
		return n
	}
	return sarama.CompressionLevelDefault
}

func (o *options) check(props map[string]string) error {
	if len(o.bootstrap) == 0 {
		return badValue("bootstrap.servers", props["bootstrap.servers"], "a list of host:port, separated by commas", nil)
	}
	if o.heartbeat >= o.session && props["heartbeat.interval.ms"] != "" {
		return badValue("heartbeat.interval.ms", props["heartbeat.interval.ms"],
			fmt.Sprintf("less than session.timeout.ms (%d)", o.session.Milliseconds()), nil)
	}
	if v := props["enable.idempotence"]; strings.EqualFold(v, "true") && props["acks"] != "" &&
		props["acks"] != "all" && props["acks"] != "-1" {
		return badValue("acks", props["acks"], "all, because enable.idempotence is true", nil)
	}
	if o.backoffMax < o.backoff {
		o.backoffMax = o.backoff
	}
	return nil
}

// CodeBadProperty is the fault code of a property whose value cannot be used.
const CodeBadProperty = "kafka.bad_property"

// badValue is the error of a property. The value is shown only for keys that hold
// no secret; why may be nil.
func badValue(key, value, want string, why error) error {
	shown := strconv.Quote(value)
	if isSecretKey(key) {
		shown = "[hidden]"
	}
	if why == nil || errors.Is(why, errBadValue) {
		why = errors.New("it must be " + want)
	}
	return (&badProperty{key, shown, want, why}).fault()
}

// badProperty is what is wrong with a property. Its texts are made late, because the
// key may turn out to have a prefix.
type badProperty struct {
	key, shown, want string
	why              error
}

func (b *badProperty) Error() string {
	return fmt.Sprintf("Invalid value %s for configuration %s: %v", b.shown, b.key, b.why)
}

func (b *badProperty) fault() *fault.Error {
	e := &fault.Error{Class: fault.Config, Code: CodeBadProperty, Field: b.key, Err: b}
	return e.WithFix("Set %s to %s.", b.key, b.want).WithJava("org.apache.kafka.common.config.ConfigException")
}

// Rename lets an error of CheckProps speak of a property by the key that the user
// has written, which written gives for ours. Other errors stay as they are.
func Rename(err error, written func(key string) string) error {
	var b *badProperty
	if !errors.As(err, &b) {
		return err
	}
	renamed := *b
	renamed.key = written(b.key)
	return renamed.fault()
}

func number(v string, min, max int64) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < min || n > max {
		return 0, errBadValue
	}
	return n, nil
}

func duration(min int64, field func(*options) *time.Duration) func(*options, string) error {
	return func(o *options, v string) error {
		// Java's own limit for most of them; it also keeps the product in range.
		n, err := number(v, min, math.MaxInt64/int64(time.Millisecond))
		*field(o) = time.Duration(n) * time.Millisecond
		return err
	}
}

func integer(min, max int64, set func(*options, int64)) func(*options, string) error {
	return func(o *options, v string) error {
		n, err := number(v, min, max)
		set(o, n)
		return err
	}
}

func boolean(set func(*options, bool)) func(*options, string) error {
	return func(o *options, v string) error {
		switch strings.ToLower(v) {
		case "true":
			set(o, true)
		case "false":
			set(o, false)
		default:
			return errBadValue
		}
		return nil
	}
}

func setBootstrap(o *options, v string) error {
	for addr := range strings.SplitSeq(v, ",") {
		if addr = strings.TrimSpace(addr); addr == "" {
			continue
		}
		// Java takes SASL_SSL://host:port too.
		if _, rest, ok := strings.Cut(addr, "://"); ok {
			addr = rest
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host == "" {
			return fmt.Errorf("%q is not host:port", addr)
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q has no port from 1 to 65535", addr)
		}
		o.bootstrap = append(o.bootstrap, addr)
	}
	return nil
}

// setAcks takes what Java takes. Less than all is accepted and all is done:
// idempotence needs it, and nobody is harmed by more safety than asked for.
func setAcks(_ *options, v string) error {
	switch v {
	case "all", "-1", "0", "1":
		return nil
	}
	return errBadValue
}

func setCompression(o *options, v string) error {
	codecs := map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}
	c, ok := codecs[strings.ToLower(v)]
	if o.codec = c; !ok {
		return errBadValue
	}
	return nil
}

// level reads the compression level of one codec; it counts when compression.type
// names that codec.
func level(codec sarama.CompressionCodec, min, max int64) func(*options, string) error {
	return func(o *options, v string) error {
		n, err := number(v, min, max)
		if o.levels == nil {
			o.levels = map[sarama.CompressionCodec]int{}
		}
		o.levels[codec] = int(n)
		return err
	}
}

func setPartitioner(_ *options, v string) error {
	switch v {
	case "", "null", "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
		"org.apache.kafka.clients.producer.internals.BuiltInPartitioner":
		return nil
	}
	return errBadValue
}

func setIsolation(o *options, v string) error {
	switch strings.ToLower(v) {
	case "read_uncommitted":
		o.isolation = sarama.ReadUncommitted
	case "read_committed":
		o.isolation = sarama.ReadCommitted
	default:
		return errBadValue
	}
	return nil
}

func setReset(o *options, v string) error {
	switch strings.ToLower(v) {
	case "earliest":
		o.reset = Earliest
	case "latest":
		o.reset = Latest
	case "none":
		o.reset = resetNone
	default:
		return errBadValue
	}
	return nil
}
