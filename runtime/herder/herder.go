package herder

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/group"
	"culvert/runtime/metrics"
	"culvert/runtime/providers"
	"culvert/runtime/store"
)

// Worker runs tasks. None of its methods but TaskConfigs waits for anything.
type Worker interface {
	// StartTask starts a task; its states come to Herder.Report.
	StartTask(connector string, task int, connectorProps, taskProps map[string]string, paused bool)
	// StopTask asks a task to drain. The channel is closed when it has stopped, or was
	// given up because it did not; at once for a task that has failed or ended.
	StopTask(connector string, task int) <-chan struct{}
	PauseTask(connector string, task int)
	ResumeTask(connector string, task int)
	// TaskConfigs makes the task configs of a connector as the config topic has them.
	// It calls the plugin.
	TaskConfigs(connector string, props map[string]string) ([]map[string]string, error)
}

// Plugin is what the herder needs to know of a connector class.
type Plugin struct {
	Kind    connectors.Kind
	Version string
	// CheckOffsets is that of connectors.Plugin, for properties as users write them; nil:
	// every offset may be set.
	CheckOffsets func(ctx context.Context, props map[string]string, offsets []data.Mark) error
	AllOffsets   bool // that of connectors.Plugin
	// KeptOffsets is that of connectors.Plugin, for properties as users write them; nil:
	// none are kept.
	KeptOffsets func(ctx context.Context, props map[string]string, group string, offsets map[data.TopicPartition]*int64) (kept bool, err error)
}

// SinkOffsets are the offsets of the consumer groups of sinks, as partition
// {kafka_topic, kafka_partition} and offset {kafka_offset}.
type SinkOffsets interface {
	All(ctx context.Context, group string) ([]data.Mark, error)
	Alter(ctx context.Context, group string, marks []data.Mark) error
	Reset(ctx context.Context, group string) error
}

// Group is the membership of this worker; *kafka.Group is one.
type Group interface {
	Run(ctx context.Context) error
	Rejoin()
	Generation() (kafka.Generation, bool)
	Close() error
}

// Settings make a herder.
type Settings struct {
	WorkerID  string // host:port, as advertised; it stands in every status
	URL       string // of the REST interface, as advertised
	ClusterID string // of the Kafka cluster

	Config   store.Config
	Statuses store.Statuses
	Offsets  store.Offsets
	Worker   Worker
	// Plugin looks up a connector class. Its error names the class and those that
	// there are; it becomes the trace of a connector of an unknown class.
	Plugin      func(class string) (Plugin, error)
	SinkOffsets SinkOffsets // nil: sinks have none
	// Providers resolve the variables of the few keys that the herder reads itself.
	Providers *providers.Providers

	// MaxRestarts reads from a connector's config how often a failed task of it is
	// restarted by itself: 0 never, below 0 without end. Nil: never.
	MaxRestarts func(props map[string]string) int

	// CheckTasks says whether a connector may have that many tasks (tasks.max.enforce).
	// What stands in the config topic may be from a worker that did not ask. Nil: it may.
	CheckTasks func(connector string, props map[string]string, tasks int) error

	// Stats counts starts and rebalances; nil: nobody does.
	Stats *metrics.Worker
	// OnLogger is told the cluster-wide log levels that were set.
	OnLogger func(logger, level string)
	// TrackTopics: topic.tracking.enable.
	TrackTopics bool
	// SyncTimeout: worker.sync.timeout.ms. 0: 3 s.
	SyncTimeout time.Duration
	// StopTimeout is how long a drain may take in all: longer than
	// task.shutdown.graceful.timeout.ms. 0: 10 s.
	StopTimeout time.Duration
	Log         *slog.Logger
}

// Herder keeps connectors and tasks as the config store says they should be.
type Herder struct {
	s      Settings
	log    *slog.Logger
	member *group.Member
	group  Group

	inbox    *inbox
	ended    chan struct{} // closed when the loop has ended
	statuses *statusQueue
	jobs     sync.WaitGroup
	// assignLimit bounds what a leader takes to assign.
	assignLimit time.Duration
	writing     chan struct{} // holds one token: who has it writes as the leader

	ready      chan struct{} // closed with the first assignment
	readyOnce  sync.Once
	membership atomic.Pointer[membership] // nil: not in the group
	generation atomic.Int32
	restarted  restartCounts

	state // owned by the loop
}

// membership is what requests need to know of the group.
type membership struct {
	leader    bool
	leaderURL string
	protocol  string
	// What the group has given to this worker.
	connectors, tasks int
}

// NewDistributed makes the herder of a worker in a group. open makes the
// membership from the callbacks: boot adds the settings of the client. When
// config.InstanceID is empty, it is derived from the worker's id.
func NewDistributed(s Settings, config kafka.GroupConfig, open func(kafka.GroupConfig) (Group, error)) (*Herder, error) {
	h := newHerder(s)
	if config.InstanceID == "" {
		config.InstanceID = instanceID(s.WorkerID)
	}
	config.ProtocolType = "connect"
	config.LeaveOnClose = true
	return h, h.join(config, open)
}

// NewStandalone makes the herder of a worker that has everything to itself.
func NewStandalone(s Settings) (*Herder, error) {
	h := newHerder(s)
	return h, h.join(kafka.GroupConfig{}, func(c kafka.GroupConfig) (Group, error) { return newSolo(c), nil })
}

func newHerder(s Settings) *Herder {
	if s.SyncTimeout == 0 {
		s.SyncTimeout = 3 * time.Second
	}
	if s.StopTimeout == 0 {
		s.StopTimeout = 10 * time.Second
	}
	h := &Herder{s: s, log: s.Log, inbox: newInbox(), ended: make(chan struct{}), writing: make(chan struct{}, 1), ready: make(chan struct{})}
	h.statuses = newStatusQueue(s.Statuses, s.Log)
	h.state = newState()
	return h
}

func (h *Herder) join(config kafka.GroupConfig, open func(kafka.GroupConfig) (Group, error)) (err error) {
	// Java's advertised URLs end in a slash.
	h.member = &group.Member{URL: strings.TrimRight(h.s.URL, "/") + "/", InstanceID: config.InstanceID, Assignors: []group.Assignor{group.Eager{}},
		Configured: func() group.Configured { return configured(h.s.Config.Snapshot()) },
		Sync:       h.s.Config.Sync, Log: h.log}
	h.assignLimit = assignLimit(config.SessionTimeout)
	config.Protocols = h.member.Protocols
	config.Assign = h.assign
	config.Revoke = h.revoke
	config.Assigned = h.assigned
	config.Observe = h.s.Stats.Coordinated
	h.group, err = open(config)
	return err
}

// instanceID makes the group.instance.id of a worker: the same after a restart, so
// that it gets its work back at once (KIP-345). Kafka allows the characters of
// topic names.
func instanceID(worker string) string {
	id := []byte("connect-" + worker)
	for i, c := range id {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			id[i] = '-'
		}
	}
	return string(id[:min(len(id), 249)])
}

// configured is what a leader deals out.
func configured(c *store.Cluster) group.Configured {
	out := group.Configured{Offset: c.Offset}
	for name, conn := range c.Connectors {
		out.Work = append(out.Work, group.Work{Connector: name, Tasks: len(conn.Tasks)})
	}
	return out
}

// Run runs the worker's work until ctx ends, then drains it: tasks stop and store
// their offsets, statuses become UNASSIGNED, the group is left by name. It returns
// an error when the worker cannot go on, such as one of class Fenced when another
// process has taken its place.
func (h *Herder) Run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	loopCtx, endLoop := context.WithCancel(base)
	groupCtx, leave := context.WithCancel(base)
	jobs, endJobs := context.WithCancel(base)
	defer endLoop()
	defer leave()
	defer endJobs()

	var own sync.WaitGroup
	own.Go(func() { h.loop(loopCtx, jobs) })
	own.Go(func() { h.statuses.run(loopCtx) })
	left := make(chan error, 1)
	go func() { left <- h.group.Run(groupCtx) }()

	var err error
	gone := false
	select {
	case <-ctx.Done():
	case err = <-left:
		gone = true
	}
	// The group still beats: nobody takes the work over before it has stopped.
	h.drain(base)
	endJobs()
	leave()
	if !gone {
		err = <-left
	}
	endLoop()
	own.Wait()
	h.waitJobs() // the loop starts no more
	if cerr := h.group.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("worker %s: %w", h.s.WorkerID, err)
	}
	return nil
}

func (h *Herder) drain(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, h.s.StopTimeout)
	defer cancel()
	var stops []<-chan struct{}
	h.inLoop(func() {
		h.closing = true
		h.membership.Store(nil)
		stops = h.stopAll()
	})
	if !waitAll(limited, stops) {
		h.log.Warn("tasks did not stop in time and are abandoned", "timeout", h.s.StopTimeout)
	}
	h.flush(ctx)
}

// waitJobs waits for what runs beside the loop. A plugin that hangs is left behind.
func (h *Herder) waitJobs() {
	ctx, cancel := context.WithTimeout(context.Background(), h.s.StopTimeout)
	defer cancel()
	done := make(chan struct{})
	go func() { h.jobs.Wait(); close(done) }()
	if !waitAll(ctx, []<-chan struct{}{done}) {
		h.log.Warn("a plugin did not return in time and is abandoned", "timeout", h.s.StopTimeout)
	}
}

// waitAll waits for every channel and reports whether all closed before ctx ended.
func waitAll(ctx context.Context, all []<-chan struct{}) bool {
	for _, c := range all {
		select {
		case <-c:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Report takes a report of the worker about a task: state is one of the store's, trace says
// why a task failed, or for what a running one waits. It does not block.
func (h *Herder) Report(connector string, task int, state, trace string) {
	h.inbox.post(func() { h.taskReported(group.Task{Connector: connector, Task: task}, state, trace) })
}

// ReportTopic takes note that a task uses a topic. It does not block.
func (h *Herder) ReportTopic(connector string, task int, topic string) {
	if !h.s.TrackTopics {
		return
	}
	for _, u := range h.s.Statuses.Topics(connector) {
		if u.Topic == topic {
			return
		}
	}
	h.statuses.put(topicWrite{connector, store.TopicUse{Topic: topic, Task: task, Discovered: time.Now()}})
}

func (h *Herder) plugin(c *store.Connector) (Plugin, error) {
	class := h.s.Providers.Value(c.Config["connector.class"])
	if class == "" {
		return Plugin{}, fault.New(fault.Config, "herder.no_class", "config of connector %s has no connector.class", c.Name).
			WithField("connector.class")
	}
	return h.s.Plugin(class)
}

var _ Group = (*kafka.Group)(nil)
