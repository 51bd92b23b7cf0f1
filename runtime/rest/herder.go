package rest

import (
	"context"
	"net/http"

	"culvert/data"
	"culvert/runtime/store"
)

// Herder is what the REST interface needs of the worker. It is used by many
// goroutines at once.
//
// Errors: class and text of a fault.Error become status and message (Config 400,
// NotFound 404, Conflict 409, everything else 500), so the text has to be Java's
// where Java has one; the comments below name it. What only another worker can do
// gives an error that is a Forward.
type Herder interface {
	View
	Control
}

// View is every GET. It reads snapshots: it cannot block on a connector or on a
// rebalance.
type View interface {
	// Connectors lists the names in a stable order.
	Connectors() []string
	// Connector returns the raw config (variables unresolved), the committed task
	// configs and the target state. NotFound: "Connector <name> not found".
	Connector(name string) (*store.Connector, error)
	// Status returns the last states of connector and tasks.
	// NotFound: "No status found for connector <name>".
	Status(name string) (ConnectorStatus, error)
	// TaskStatus: NotFound "No status found for task <name>-<task>".
	TaskStatus(name string, task int) (store.Status, error)
	// Topics lists the topics that the connector has used since the last reset, in
	// a stable order; none for an unknown connector.
	Topics(name string) []string
	// Offsets reads the source offsets, or the committed offsets of the sink's group
	// as partition {kafka_topic, kafka_partition} and offset {kafka_offset}.
	// NotFound: "Connector <name> not found".
	Offsets(ctx context.Context, name string) ([]data.Mark, error)
	// ClusterID is the id of the Kafka cluster.
	ClusterID() string
	// Ready reports whether start-up is complete: the group joined, the internal
	// topics read.
	Ready() bool
	// AwaitReady waits for it, or for ctx. Requests that change something wait while
	// the worker joins its group, as Java's wait for the herder's first tick.
	AwaitReady(ctx context.Context) error
	// Refresh returns when this worker has read everything that was in the config
	// topic at the time of the call.
	Refresh(ctx context.Context) error
	// Health returns when the herder's loop has answered, or with ctx's error.
	Health(ctx context.Context) error
}

// ConnectorStatus is the state of a connector and of its tasks.
type ConnectorStatus = struct {
	Connector store.Status
	Tasks     map[int]store.Status
}

// Control is every change. A method returns when the change is written and read
// back, so that a client that reads right after it sees it; acting on it is the
// herder's own work, later.
//
// Configs come here validated: the handlers call Validator before, and no method
// of a Herder calls a plugin's code in the caller's way.
//
// While a rebalance or a lagging config topic makes an answer impossible, the
// error is a Conflict with "Request cannot be completed because a rebalance is
// expected".
type Control interface {
	// Lead is nil where this worker leads, else the Forward error of a request that
	// only the leader takes.
	Lead() error
	// Create stores a new connector. Initial is empty where the client asked for no
	// state: then no target state is written, and the connector starts.
	// Conflict: "Connector <name> already exists".
	Create(ctx context.Context, name string, props map[string]string, initial store.Target) (*store.Connector, error)
	// Put stores the config of a new or an existing connector.
	Put(ctx context.Context, name string, props map[string]string) (c *store.Connector, created bool, err error)
	// Replace stores the config of an existing connector if its ConfigSeq is still
	// seq. Otherwise the error has the code StaleCode, and the caller reads again.
	// NotFound: "Connector <name> not found".
	Replace(ctx context.Context, name string, props map[string]string, seq int64) (*store.Connector, error)
	// Delete: NotFound "Connector <name> not found". Status is gone when it returns.
	Delete(ctx context.Context, name string) error
	// SetTarget pauses, resumes and stops. Stopping is the leader's work, the others
	// any worker's, as in Java. It has no effect on a connector that is there already.
	// NotFound: "Unknown connector <name>".
	SetTarget(ctx context.Context, name string, t store.Target) error
	// RestartConnector restarts the connector alone. NotFound: "Unknown connector: <name>".
	RestartConnector(ctx context.Context, name string) error
	// RestartTask: NotFound "Unknown connector: <name>", "Unknown task: <name>-<task>".
	RestartTask(ctx context.Context, name string, task int) error
	// Restart writes a restart request and returns the state that it asks for: what
	// is to be restarted is RESTARTING (AbstractHerder.buildRestartPlan).
	// NotFound: "Unknown connector: <name>", "Status for connector <name> not found".
	Restart(ctx context.Context, r store.Restart) (ConnectorStatus, error)
	// AlterOffsets changes stored offsets of a stopped connector; a null Next
	// forgets the partition. The answer is Java's sentence.
	// Config: "Connectors must be in the STOPPED state before their offsets can be modified. This …".
	AlterOffsets(ctx context.Context, name string, offsets []data.Mark) (message string, err error)
	// ResetOffsets forgets all offsets of a stopped connector.
	ResetOffsets(ctx context.Context, name string) (message string, err error)
	// ResetTopics forgets the topics that a connector has used.
	ResetTopics(ctx context.Context, name string) error
	// SetClusterLevel sets a logger's level on every worker.
	SetClusterLevel(ctx context.Context, logger, level string) error

	// PutTasks and Fence are requests between workers. signed is nil for a request
	// that carries no signature.
	PutTasks(ctx context.Context, name string, tasks []map[string]string, signed *Signature) error
	Fence(ctx context.Context, name string, signed *Signature) error
}

// Signature is what signs a request between workers (InternalRequestSignature):
// an HMAC over Body by the session key of the config topic.
type Signature = struct {
	Body      []byte
	MAC       []byte
	Algorithm string // HmacSHA256
}

// Forward is the error of a request that another worker has to carry out. The
// herder gives any error type with this method.
type Forward interface {
	error
	// ForwardURL is the other worker's REST address, "http://host:8083"; empty while
	// nobody knows it.
	ForwardURL() string
}

// RebalanceCode is the fault code of a request that a rebalance makes impossible
// for the moment. A request that another worker might have taken is then answered
// with HerderRequestHandler's text about stale configuration; both texts are known
// to clients as "try again".
const RebalanceCode = "herder.rebalance"

// StaleCode is the fault code of a Replace that came too late.
const StaleCode = "connect.stale_config"

// Forwarder sends a request to another worker; *http.Client does.
type Forwarder interface {
	Do(r *http.Request) (*http.Response, error)
}
