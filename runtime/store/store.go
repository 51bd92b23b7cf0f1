package store

import (
	"context"
	"time"

	"culvert/data"
)

// Target is the state that the user wants a connector to be in.
type Target string

// The targets, as the config topic spells them.
const (
	Started Target = "STARTED"
	Paused  Target = "PAUSED"
	Stopped Target = "STOPPED"
)

// Cluster is what the config topic says at one moment. It never changes once it
// was handed out; neither do the maps and slices in it.
type Cluster struct {
	// Offset is the offset after the last record read, -1 before the first: what
	// workers tell each other to know who is behind.
	Offset     int64
	Connectors map[string]*Connector
	SessionKey *SessionKey // nil: none was written yet
	// WorkSeq is the offset of the last record that changed what there is to do: a
	// connector came or went, or task configs were committed; -1 before the first. An
	// assignment made at an earlier or the same offset does not know of it.
	WorkSeq int64
}

// Connector is one connector as the config topic has it.
type Connector struct {
	Name   string
	Config map[string]string
	// Target is Started where no target state was written.
	Target    Target
	HasTarget bool
	// Tasks are the committed task configs; nil while Inconsistent.
	Tasks []map[string]string
	// TaskCount is the number in the last commit, -1 without one. It differs from
	// len(Tasks) only while Inconsistent.
	TaskCount int
	// Applied is the config that Tasks were made from: that of the time of the commit.
	Applied map[string]string
	// Inconsistent: the last commit stands for task configs that compaction removed.
	// They must be written again.
	Inconsistent bool
	// TaskCountRecord is the number in tasks-fencing-<name>, -1 without one.
	TaskCountRecord int
	// ConfigSeq and TaskSeq are the offsets of the connector record and of the last
	// commit: equal numbers mean nothing was written in between.
	ConfigSeq, TaskSeq int64
}

// SessionKey signs requests between workers.
type SessionKey struct {
	Key       []byte
	Algorithm string
	Created   time.Time
}

// Restart is a request that all workers carry out for what they run.
type Restart struct {
	Connector    string
	IncludeTasks bool
	OnlyFailed   bool
}

// Config is the config store. Every method that writes returns when the record
// is durable and read back: Snapshot then shows it.
type Config interface {
	// Snapshot is never nil.
	Snapshot() *Cluster
	// Changed gets a value when there is a new snapshot, a restart request or a
	// logger level that has not been looked at. It has one receiver.
	Changed() <-chan struct{}
	// Restarts gives the requests that were read since the last call, at most one
	// for each connector: the one that restarts most.
	Restarts() []Restart
	// Loggers gives the cluster-wide levels that were read since the last call.
	Loggers() map[string]string

	// PutConnector writes a connector's config, and its target state before it
	// unless target is empty.
	PutConnector(ctx context.Context, name string, props map[string]string, target Target) error
	// PutTasks writes all task configs and then the commit that makes them valid.
	PutTasks(ctx context.Context, name string, tasks []map[string]string) error
	PutTarget(ctx context.Context, name string, target Target) error
	PutRestart(ctx context.Context, r Restart) error
	PutLogger(ctx context.Context, logger, level string) error
	PutSessionKey(ctx context.Context, k SessionKey) error
	PutTaskCount(ctx context.Context, name string, tasks int) error
	Delete(ctx context.Context, name string) error
	// Sync reads to the end.
	Sync(ctx context.Context) error
	Close() error
}

// ConnectorTask is the task number that stands for the connector itself.
const ConnectorTask = -1

// The states of connectors and tasks, as Java's AbstractStatus.State. A task is
// never STOPPED.
const (
	StateRunning    = "RUNNING"
	StatePaused     = "PAUSED"
	StateStopped    = "STOPPED"
	StateFailed     = "FAILED"
	StateUnassigned = "UNASSIGNED"
	StateRestarting = "RESTARTING"
)

// Status is what a worker last said about a connector or a task.
type Status struct {
	State      string
	Trace      string // empty: null
	WorkerID   string
	Generation int32
	Version    string // of the plugin; empty: null
}

// Update is one status to write.
type Update struct {
	Connector string
	Task      int // ConnectorTask: the connector
	Status    Status
	// Delete writes a tombstone in place of Status.
	Delete bool
	// Safe leaves the record out when another worker of a later generation has
	// written: for UNASSIGNED and FAILED, which an old owner may say too late.
	Safe bool
}

// TopicUse is a topic that a connector has used.
type TopicUse struct {
	Topic      string
	Task       int
	Discovered time.Time
}

// Statuses is the status store. Reads are from memory; writes return after they
// are durable and are seen when they have come back from the topic.
type Statuses interface {
	Connector(name string) (Status, bool)
	Task(name string, task int) (Status, bool)
	Tasks(name string) map[int]Status
	// Connectors lists every name that has a status of any kind, sorted.
	Connectors() []string
	Write(ctx context.Context, updates ...Update) error
	// Presume notes states that a worker has been asked for, or has, and has not written
	// yet; those that Write would hold back are left out. Presumed gives one while no record of its key has been read since. Other reads
	// are of the records alone.
	Presume(updates ...Update)
	Presumed(name string, task int) (Status, bool)

	Topics(name string) []TopicUse // sorted by topic
	PutTopic(ctx context.Context, name string, u TopicUse) error
	// ResetTopics forgets the topics of a connector.
	ResetTopics(ctx context.Context, name string) error
	// Sync reads to the end.
	Sync(ctx context.Context) error
	Close() error
}

// Offsets is the store of source offsets. Partitions and offsets are Maps; equal
// partitions are the same whatever the order of their keys.
type Offsets interface {
	// Load returns the offset of each partition, null where none is stored. It has
	// seen every commit that was acknowledged before the call.
	Load(ctx context.Context, connector string, partitions []data.Value) ([]data.Value, error)
	// Commit returns after the marks are durable. A null Next forgets the
	// partition's offset.
	Commit(ctx context.Context, connector string, marks []data.Mark) error
	// All returns what is stored for a connector, in a stable order.
	All(ctx context.Context, connector string) ([]data.Mark, error)
	Close() error
}
