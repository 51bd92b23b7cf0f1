// Package connectors is the contract between Culvert and a connector.
//
// A source has two methods, a sink has two methods, and a Plugin is a value
// that says how to configure and make one. The batch is the unit of
// acknowledgement. A connector never sees a Kafka client and keeps no global
// state; what it needs comes with Env.
package connectors

import (
	"context"
	"log/slog"

	"culvert/configdef"
	"culvert/converters"
	"culvert/data"
)

// Kind tells sources from sinks.
type Kind string

// The kinds, spelled as REST answers spell them.
const (
	SourceKind Kind = "source"
	SinkKind   Kind = "sink"
)

// Plugin describes one connector class. It is a value; connectors/all lists
// them all.
type Plugin struct {
	Class   string   // com.mongodb.kafka.connect.MongoSinkConnector
	Aliases []string // MongoSinkConnector, MongoSink, MongoDbAtlasSink
	// Version as REST shows it; empty: that of the worker, as for Kafka's own connectors.
	Version   string
	TaskClass string // task.class in the config topic
	Kind      Kind
	// Transactional: the sinks that Sink makes are Transactional. The tasks then
	// divide the partitions of the topics by number, task i of n taking p mod n = i,
	// instead of joining a consumer group.
	Transactional bool
	// ExactlyOnce is what a source says about exactly-once (KIP-618); nil: nothing,
	// which is neither yes nor no.
	ExactlyOnce func(props map[string]string) bool
	// Managed is the spelling of the managed connector of the same kind; nil: there is
	// none.
	Managed *Managed
	// Spec lists the connector's own keys, in the order of Java's definition.
	Spec func() []configdef.Spec
	// Check validates the connector's own keys, all of them. The errors go into the 400
	// answer. It asks nobody.
	Check func(ctx context.Context, props map[string]string) *configdef.Report
	// Dial asks what the connector talks to whether it can, within ctx, and adds to r,
	// the report of Check without errors, what speaks against it. It names the target,
	// without secrets ("MongoDB at host:27017"); empty: nobody was asked. Nil: the
	// connector talks to nobody.
	Dial func(ctx context.Context, props map[string]string, r *configdef.Report) (target string)
	// Tasks makes the task configs. It is pure: the same props and max give the
	// same tasks.
	Tasks func(props map[string]string, max int) ([]map[string]string, error)
	// CheckOffsets says whether source offsets that a user wants to set are of a
	// shape that the connector can read (KIP-875); nil: any are. A null Next forgets. It
	// may ask what the connector reads from, within ctx.
	CheckOffsets func(ctx context.Context, props map[string]string, offsets []data.Mark) error
	// AllOffsets: no offsets are kept anywhere but in Connect, and the Java class says
	// so (its alterOffsets returns true, KIP-875). Otherwise users who change offsets
	// are told to look elsewhere as well.
	AllOffsets bool
	// KeptOffsets changes the offsets that a sink keeps with its data for a consumer
	// group (Checkpointer), while no task of it runs: a nil offset forgets a partition, a
	// nil map all of them. It reports whether the configuration keeps any. Nil: none does.
	KeptOffsets func(ctx context.Context, props map[string]string, group string, offsets map[data.TopicPartition]*int64) (kept bool, err error)
	Source      func(ctx context.Context, env Env, task map[string]string) (Source, error)
	Sink        func(ctx context.Context, env Env, task map[string]string) (Sink, error)
}

// Env is what a task's connector gets from the runtime.
type Env struct {
	Connector string
	Task      int
	Log       *slog.Logger // carries connector.context
	// Group is the consumer group of a sink's tasks.
	Group string
	// Offsets reads stored source offsets; nil for sinks.
	Offsets OffsetReader
	// Waiting sets the reason that status shows while the task waits for something
	// outside ("MongoDB at … does not answer: …"); empty ends it.
	Waiting func(reason string)
	// Worked takes what a sink did, once for each call of Write; nil: nobody counts.
	Worked func(*SinkWork)
	// Polled takes what a source did, as often as it likes; nil: nobody counts.
	Polled func(*SourceWork)
	// DataDir is culvert.data.dir; empty: nothing may be kept on disk.
	DataDir string
	// Topics creates and describes topics for a sink that writes to Kafka.
	Topics Topics
	// Converter resolves the converter of a sink that writes to Kafka. Prefix is the
	// name of a key of the task's config, such as "output.value.converter": if the
	// key is set, its class with the keys under prefix + "." (side Key: as a key
	// converter); else the converter of the same side that the task reads with
	// (key.converter, value.converter, header.converter of connector or worker).
	Converter func(prefix string, side converters.Side) (converters.Factory, error)
}

// OffsetReader gives the stored offsets of a source's partitions, null Values
// where nothing is stored. Partitions and offsets are Maps.
type OffsetReader interface {
	Load(ctx context.Context, partitions []data.Value) ([]data.Value, error)
}

// Topics is the small part of cluster administration that a connector may use.
type Topics interface {
	// Partitions returns the number of partitions, 0 if the topic does not exist.
	// It never makes the broker create the topic.
	Partitions(ctx context.Context, topic string) (int, error)
	// Replication returns the replication factor of an existing topic.
	Replication(ctx context.Context, topic string) (int, error)
	// Create creates the topic if it is missing. Replication -1 is the broker's default.
	Create(ctx context.Context, topic string, partitions int32, replication int16, configs map[string]string) error
}

// Source reads records from somewhere.
type Source interface {
	// Read appends at least one record to b and marks the offsets that b reaches
	// (b.Mark). It blocks until it has something, or ctx ends. After an error the
	// task fails by the error's class; Retry calls Read again.
	Read(ctx context.Context, b *data.Batch) error
	// Close ends the source; Read has returned. It may be called twice.
	Close(ctx context.Context) error
}

// Sink writes records to somewhere.
type Sink interface {
	// Write returns nil when every record of b is durable downstream or marked
	// with b.Fail. After a Retry error the same batch comes again, with back-off,
	// for as long as it takes.
	Write(ctx context.Context, b *data.Batch) error
	// Close ends the sink; Write has returned. It may be called twice.
	Close(ctx context.Context) error
}

// Optional abilities, asserted once when the task starts.
type (
	// Committer is a source that wants to know when a batch is produced and its
	// marks are stored.
	Committer interface {
		Committed(ctx context.Context, b *data.Batch) error
	}
	// Assignable is a sink that wants to know which partitions it has.
	Assignable interface {
		Assigned(ctx context.Context, tps []data.TopicPartition) error
		Revoked(ctx context.Context, tps []data.TopicPartition) error
	}
	// Checkpointer is a sink that keeps Kafka offsets with its data: Write makes
	// the records durable together with the offsets of all of b.Inputs, also where
	// b.Records is empty. A Write that marks records has not moved the offsets; when
	// what became of those records is durable too, the batch comes again without them.
	// An error of class Fenced says that the offsets are not where this task left them.
	Checkpointer interface {
		// Restore gives the offsets from which the partitions go on, leaving out those
		// that it has none for. What Write has to find is as of then.
		Restore(ctx context.Context, tps []data.TopicPartition) (data.Offsets, error)
	}
	// Preparer is a sink that can do a part of its work ahead of Write. Prepare is called
	// once for a batch, by the goroutine that fetches and transforms, while another one
	// may be in Write. What it makes it leaves in b.Prepared, also an error: that is for
	// Write to return, in its turn.
	Preparer interface{ Prepare(b *data.Batch) }
	// Limited is a sink that bounds the batches it takes.
	Limited interface{ Limits() Limits }
	// Transactional is a sink that writes to Kafka. Instead of Write, the task
	// calls Encode and sends the messages together with the input offsets in one
	// transaction of its own: begin and commit belong to the task.
	Transactional interface {
		// Encode appends the messages that b becomes to out. Records that cannot be
		// encoded are marked with b.Fail. An error is retried or fatal by its class.
		Encode(ctx context.Context, b *data.Batch, out []data.Message) ([]data.Message, error)
	}
)

// Limits bounds a sink's batches; 0 is no bound of its own.
type Limits struct {
	MaxRecords int
	MaxBytes   int
}
