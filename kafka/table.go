package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"culvert/data"
	"culvert/fault"
)

// TableConfig says which topic a Table is.
type TableConfig struct {
	Topic string
	// Create is used when the topic does not exist; Name is Topic when empty.
	// cleanup.policy=compact is added.
	Create TopicSpec
	// Property and Holds go into the error when the topic is not compacted:
	// "config.storage.topic" and "connector configurations".
	Property, Holds string
	// Single refuses a topic that has more than one partition: the order of its records
	// matters.
	Single bool
	// Apply is called for each record, tombstones included, in offset order for
	// each partition, by one goroutine at a time. The message's bytes may be kept.
	Apply func(m data.Message)
}

// KV is one record of a table. A nil Value is a tombstone.
type KV struct {
	Key   []byte
	Value []byte
}

// Table is a compacted topic, read into memory by Apply and written to. All
// methods are safe for concurrent use, except that Apply must not call them.
type Table struct {
	config   TableConfig
	n        int // partitions
	admin    *Admin
	consumer *Consumer
	producer *Producer
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu      sync.Mutex
	applied data.Offsets  // after the last record applied
	moved   chan struct{} // closed and replaced when applied changes
	failed  error
}

// OpenTable creates the topic if it is missing, checks that it is compacted
// (error of class Config otherwise, as Java's), reads it to its end and follows
// it from then on. It waits for a broker until ctx ends.
func OpenTable(ctx context.Context, s Settings, config TableConfig) (_ *Table, err error) {
	t := &Table{config: config, applied: data.Offsets{}, moved: make(chan struct{})}
	defer func() {
		if err != nil {
			_ = t.Close()
		}
	}()
	if t.admin, err = openAdminPatiently(ctx, s); err != nil {
		return nil, err
	}
	if err := t.admin.c.retry(ctx, "prepare topic "+config.Topic, func() error { return t.prepare(ctx) }); err != nil {
		return nil, err
	}
	reader := s
	reader.Props = maps.Clone(s.Props)
	reader.Props["auto.offset.reset"] = "earliest"
	if t.consumer, err = OpenConsumer(ctx, reader); err != nil {
		return nil, err
	}
	if t.producer, err = OpenProducer(ctx, s); err != nil {
		return nil, err
	}
	for _, tp := range t.partitions() {
		t.applied[tp] = 0
		if err := t.consumer.Add(ctx, tp, Earliest); err != nil {
			return nil, err
		}
	}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stop = stop
	t.done.Go(func() { t.follow(follow) })
	return t, t.Sync(ctx)
}

// openAdminPatiently waits for a broker until ctx ends.
func openAdminPatiently(ctx context.Context, s Settings) (*Admin, error) {
	c, err := openCluster(s, AdminRole)
	if err != nil {
		return nil, err
	}
	if err := c.awaitBroker(ctx); err != nil {
		c.close()
		return nil, err
	}
	return &Admin{c: c}, nil
}

// prepare creates the topic or checks the one there is (Java: TopicAdmin,
// verifyTopicCleanupPolicyOnlyCompact).
func (t *Table) prepare(ctx context.Context) error {
	name := t.config.Topic
	spec := t.config.Create
	spec.Name = name
	spec.Configs = maps.Clone(spec.Configs)
	if spec.Configs == nil {
		spec.Configs = map[string]string{}
	}
	spec.Configs[cleanupPolicy] = compact
	if err := CheckTopicName(name); err != nil {
		return t.notCreated(spec, err)
	}
	found, err := t.admin.Topics(ctx, name)
	if err != nil {
		return err
	}
	created := false
	if _, exists := found[name]; !exists {
		if created, err = t.admin.CreateTopic(ctx, spec); err != nil {
			return t.notCreated(spec, err)
		}
		if found, err = t.admin.Topics(ctx, name); err != nil {
			return err
		}
	}
	if t.n = found[name].Partitions; t.n == 0 {
		return fault.New(fault.Retry, "kafka.no_topic", "topic %s does not exist yet", name)
	}
	if created {
		return nil
	}
	if err := t.checkPolicy(ctx); err != nil {
		return err
	}
	if t.config.Single && t.n > 1 {
		// KafkaConfigBackingStore.start
		return fault.New(fault.Config, "kafka.internal_topic", "Topic '%s' supplied via the '%s' property is required to have a single partition "+
			"in order to guarantee consistency of %s, but found %d partitions.", name, t.config.Property, t.config.Holds, t.n).
			WithField(t.config.Property).WithFix("Name another topic, which the worker then creates.").
			WithJava("org.apache.kafka.common.config.ConfigException")
	}
	return nil
}

const cleanupPolicy, compact = "cleanup.policy", "compact"

func (t *Table) checkPolicy(ctx context.Context) error {
	configs, err := t.admin.TopicConfigs(ctx, t.config.Topic)
	if f := fault.Of(err); f != nil && f.Code == "kafka.unauthorized" {
		return nil // as Java: without the right to look there is nothing to check
	}
	if err != nil {
		return err
	}
	if policy := strings.TrimSpace(configs[cleanupPolicy]); policy != compact {
		return fault.New(fault.Config, "kafka.topic_not_compacted",
			"Topic '%s' supplied via the '%s' property is required to have '%s=%s' to guarantee consistency and durability of %s, "+
				"but found the topic currently has '%s=%s'. Continuing would likely result in eventually losing %s and problems "+
				"restarting this Connect cluster in the future. Change the '%s' property in the Connect worker configurations to use "+
				"a topic with '%s=%s'.",
			t.config.Topic, t.config.Property, cleanupPolicy, compact, t.config.Holds, cleanupPolicy, policy, t.config.Holds,
			t.config.Property, cleanupPolicy, compact).
			WithField(t.config.Property).WithFix("kafka-configs --alter --entity-type topics --entity-name %s --add-config %s=%s",
			t.config.Topic, cleanupPolicy, compact).WithJava("org.apache.kafka.common.config.ConfigException")
	}
	return nil
}

// notCreated adds which properties of the worker ask for the topic that the broker
// refuses.
func (t *Table) notCreated(spec TopicSpec, err error) error {
	if fault.Is(err, fault.Retry) || t.config.Property == "" {
		return err
	}
	prefix := strings.TrimSuffix(t.config.Property, "topic")
	e := fault.New(fault.Config, "kafka.internal_topic", "%s=%s with %d partitions and replication factor %d (-1: the broker's default): %w",
		t.config.Property, spec.Name, spec.Partitions, spec.Replication, err).WithField(t.config.Property)
	if own := fault.Of(err); own != nil && own.Code == codeTopicName {
		return e.WithFix("%s", own.Fix)
	}
	return e.WithFix("Set %sreplication.factor to at most the number of brokers, or create the topic, compacted, before the worker starts.", prefix)
}

func (t *Table) partitions() []data.TopicPartition {
	tps := make([]data.TopicPartition, t.n)
	for i := range tps {
		tps[i] = data.TopicPartition{Topic: t.config.Topic, Partition: int32(i)}
	}
	return tps
}

// follow applies what comes until ctx ends.
func (t *Table) follow(ctx context.Context) {
	var buffer []data.Message
	for ctx.Err() == nil {
		var err error
		buffer, err = t.consumer.take(Limits{Records: 1000}, buffer[:0])
		for _, m := range buffer {
			t.config.Apply(m)
		}
		t.advance(err)
		n := len(buffer)
		clear(buffer)
		if n > 0 {
			continue
		}
		if t.consumer.wait(ctx) != nil {
			return
		}
	}
}

// advance publishes how far Apply has come.
func (t *Table) advance(failed error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = failed
	for tp := range t.applied {
		if at, ok := t.consumer.Position(tp); ok {
			t.applied[tp] = at
		}
	}
	close(t.moved)
	t.moved = make(chan struct{})
}

// Put writes one record and returns after the acknowledgement of all in-sync
// replicas. A nil value is a tombstone.
func (t *Table) Put(ctx context.Context, key, value []byte) error {
	return t.PutMany(ctx, []KV{{key, value}})
}

// PutMany writes records, in order for each key, and returns after the
// acknowledgement of all of them. When ctx ends first the error is of class Retry,
// and the records may still be written.
func (t *Table) PutMany(ctx context.Context, kvs []KV) error {
	msgs := make([]data.Message, len(kvs))
	for i, kv := range kvs {
		msgs[i] = data.Message{Topic: t.config.Topic, Partition: -1, Timestamp: data.NoTimestamp, Key: kv.Key, Value: kv.Value}
	}
	results := make(chan error, len(kvs))
	sendErr := t.producer.Send(ctx, msgs, func(_ int, _ int32, _ int64, err error) { results <- err })
	var errs []error
	for range kvs {
		select {
		case err := <-results:
			if err != nil {
				errs = append(errs, err)
			}
		case <-ctx.Done():
			return unreachable("write to topic "+t.config.Topic, ctx.Err())
		}
	}
	if sendErr != nil {
		return sendErr
	}
	return errors.Join(errs...)
}

// Sync reads to the end as of now: afterwards Apply has seen everything that was
// acknowledged before the call, by whomever. It waits out outages until ctx ends.
func (t *Table) Sync(ctx context.Context) error {
	what := "read topic " + t.config.Topic + " to its end"
	var ends data.Offsets
	err := t.admin.c.retry(ctx, what, func() (err error) {
		ends, err = t.admin.c.listOffsets(ctx, t.partitions(), t.consumer.c.endPosition())
		return err
	})
	if err != nil {
		return err
	}
	for {
		t.mu.Lock()
		moved, failed, reached := t.moved, t.failed, true
		for tp, end := range ends {
			reached = reached && t.applied[tp] >= end
		}
		t.mu.Unlock()
		switch {
		case failed != nil:
			return fmt.Errorf("%s: %w", what, failed)
		case reached:
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return unreachable(what, ctx.Err())
		}
	}
}

// Partitions is how many partitions the topic has.
func (t *Table) Partitions() int { return t.n }

// Offset is the offset after the last record applied of partition 0; 0 before the
// first.
func (t *Table) Offset() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.applied[data.TopicPartition{Topic: t.config.Topic}]
}

// Offsets gives the same for all partitions.
func (t *Table) Offsets() data.Offsets {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.applied)
}

// Close ends the table at once: a Put under way fails. It may be called twice.
func (t *Table) Close() error {
	if t.stop != nil {
		t.stop()
	}
	if t.consumer != nil {
		_ = t.consumer.Close()
	}
	t.done.Wait()
	if t.producer != nil {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = t.producer.Close(now)
	}
	if t.admin != nil {
		_ = t.admin.Close()
	}
	return nil
}
