package kafka

import (
	"context"
	"time"

	"culvert/data"
)

// GroupProtocol is one protocol that a member offers, in order of preference.
type GroupProtocol struct {
	Name     string
	Metadata []byte
}

// GroupMember is a member as the leader sees it.
type GroupMember struct {
	ID         string
	InstanceID string // empty: a dynamic member
	Metadata   []byte
}

// Generation is a membership that stands.
type Generation struct {
	ID       int32
	MemberID string
	LeaderID string
	Protocol string
	Leader   bool
}

// GroupConfig says what a group is and what its member does. All callbacks are
// made by the goroutine of Run, one at a time; heartbeats go on meanwhile.
type GroupConfig struct {
	ID           string
	ProtocolType string // "connect" or "consumer"
	InstanceID   string // group.instance.id (KIP-345); empty: a dynamic member

	SessionTimeout    time.Duration // 0: session.timeout.ms of the settings
	RebalanceTimeout  time.Duration // 0: max.poll.interval.ms (consumer) or rebalance.timeout.ms
	HeartbeatInterval time.Duration // 0: heartbeat.interval.ms
	// LeaveOnClose makes the end of Run leave the group by name, so that others take
	// over at once instead of after the session timeout.
	LeaveOnClose bool

	// Protocols is asked at each join.
	Protocols func() []GroupProtocol
	// Assign is called when this member leads. It answers for every member; an
	// error makes the group join again after a back-off.
	Assign func(protocol string, members []GroupMember) (map[string][]byte, error)
	// Revoke is called before this member joins again and when it has lost its
	// membership: stop the work, commit if possible (Commit gives Fenced when it is
	// too late). Its ctx ends with the rebalance timeout, or at once when the
	// membership is lost already. It is not called before the first Assigned, and
	// once between two.
	Revoke func(ctx context.Context) error
	// Assigned is called with each new generation's assignment.
	Assigned func(ctx context.Context, g Generation, assignment []byte) error
}

// Group is one membership in a group, over a client of its own.
type Group struct{}

// OpenGroup makes the client. It does not wait for a broker; Run does.
func OpenGroup(ctx context.Context, s Settings, c GroupConfig) (*Group, error) { return nil, errTodo }

// Run joins, beats and joins again until ctx ends; then it calls Revoke, leaves if
// LeaveOnClose, and returns nil. Outages and coordinator changes are waited out.
// Fenced: another member has taken over the instance id. An error of a callback
// of class Fatal, Config or Fenced ends Run with it; others are tried again.
func (g *Group) Run(ctx context.Context) error { return errTodo }

// Rejoin asks for a rebalance: the member joins again, with what Protocols says
// then. It does not block.
func (g *Group) Rejoin() {}

// Generation returns the membership that stands, false while there is none.
func (g *Group) Generation() (Generation, bool) { return Generation{}, false }

// Commit commits with member and generation. Fenced: the generation is stale or
// the member is out; Retry: the coordinator did not answer in time.
func (g *Group) Commit(ctx context.Context, offsets map[data.TopicPartition]OffsetMeta) error {
	return errTodo
}

// Committed returns the committed offsets, waiting out transactions that have
// open commits (KIP-447). Partitions without one are absent.
func (g *Group) Committed(ctx context.Context, tps []data.TopicPartition) (map[data.TopicPartition]OffsetMeta, error) {
	return nil, errTodo
}

// Close ends the connections; Run has returned. It may be called twice.
func (g *Group) Close() error { return nil }
