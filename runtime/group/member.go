package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"culvert/fault"
	"culvert/kafka"
)

// Configured is what the config topic says at one moment.
type Configured struct {
	Offset int64
	Work   []Work
}

// Member makes what a worker says in its group and reads what it is told. Its
// methods are the callbacks of kafka.GroupConfig.
type Member struct {
	URL string // the worker's own REST address, as advertised
	// InstanceID is the group.instance.id, by which this member finds itself among
	// the members of a round; without one it goes by its URL.
	InstanceID string
	// Assignors in order of preference; all members of a group must share one.
	Assignors []Assignor
	// Configured returns what has been read of the config topic.
	Configured func() Configured
	// Sync reads the config topic to its end.
	Sync func(ctx context.Context) error
	Log  *slog.Logger

	mu         sync.Mutex // guards the fields below
	generation int32
	held       *Assignment
	workers    map[string]string // member -> URL, as of the last round that this member led
	owners     map[Task]string   // -> member; Task -1 is the connector itself
}

// syncTimeout bounds how long a leader that is behind reads the config topic
// before it tells all to come again (worker.sync.timeout.ms).
const syncTimeout = 3 * time.Second

// Protocols is what JoinGroup offers.
func (m *Member) Protocols() []kafka.GroupProtocol {
	m.mu.Lock()
	held := m.held
	m.mu.Unlock()
	offset := m.Configured().Offset
	out := make([]kafka.GroupProtocol, len(m.Assignors))
	for i, a := range m.Assignors {
		meta := Metadata{Version: a.Version(), URL: m.URL, Offset: offset}
		if a.Version() > V0 {
			meta.Held = held
		}
		out[i] = kafka.GroupProtocol{Name: a.Protocol(), Metadata: meta.Append(nil)}
	}
	return out
}

// Assign deals the work out; this member leads. It returns the assignments, not
// yet as bytes, so that the caller may act on its own before anybody else hears
// of theirs.
//
// A leader that has read less of the config topic than a member cannot assign: it
// reads on, and if that takes too long every member is told to come again.
func (m *Member) Assign(ctx context.Context, protocol string, members []kafka.GroupMember) (Deal, error) {
	assignor, err := m.assignor(protocol)
	if err != nil {
		return Deal{}, err
	}
	round := Round{Now: time.Now()}
	m.mu.Lock()
	round.Generation = m.generation
	m.mu.Unlock()
	newest := int64(-1)
	for _, gm := range members {
		meta, err := ParseMetadata(gm.Metadata)
		if err != nil {
			return Deal{}, fault.New(fault.Retry, "group.metadata", "member %s of the worker group: %w", gm.ID, err).
				WithFix("check which program joins the group with this group.id; it must be a Connect worker")
		}
		newest = max(newest, meta.Offset)
		round.Members = append(round.Members, Worker{gm.ID, meta})
		if gm.InstanceID == m.InstanceID && (m.InstanceID != "" || meta.URL == m.URL) {
			round.Leader = gm.ID
		}
	}
	if round.Leader == "" {
		return Deal{}, fault.New(fault.Retry, "group.self", "this worker (%s) leads a group of %d members and is not among them", m.URL, len(members))
	}
	c := m.Configured()
	if c.Offset < newest {
		c = m.catchUp(ctx)
	}
	if c.Offset < newest {
		m.Log.Warn("config topic not read far enough to assign work; the group tries again",
			"offset", c.Offset, "needed", newest)
		return Deal{Self: round.Leader, All: m.mismatch(assignor, round, newest)}, nil
	}
	round.Offset, round.Work = c.Offset, c.Work
	out := assignor.Assign(round)
	m.remember(round, out)
	return Deal{Self: round.Leader, All: out}, nil
}

// Deal is what a leader has decided.
type Deal struct {
	Self string // the leader's own member id
	All  map[string]Assignment
}

// Encode makes the bytes of SyncGroup.
func (d Deal) Encode() map[string][]byte {
	out := make(map[string][]byte, len(d.All))
	for member, a := range d.All {
		out[member] = a.Append(nil)
	}
	return out
}

func (m *Member) catchUp(ctx context.Context) Configured {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	if err := m.Sync(ctx); err != nil {
		m.Log.Warn("config topic not read to its end", "err", err)
	}
	return m.Configured()
}

// mismatch tells every member that there is no assignment in this round.
func (m *Member) mismatch(a Assignor, r Round, offset int64) map[string]Assignment {
	out := make(map[string]Assignment, len(r.Members))
	for _, w := range r.Members {
		out[w.Member] = Assignment{Version: a.Version(), Error: ConfigMismatch, Leader: r.Leader, LeaderURL: r.url(), Offset: offset}
	}
	return out
}

func (m *Member) remember(r Round, out map[string]Assignment) {
	workers, owners := map[string]string{}, map[Task]string{}
	for _, w := range r.Members {
		workers[w.Member] = w.URL
		a := out[w.Member]
		for _, c := range a.Connectors {
			owners[Task{c, connectorTask}] = w.Member
		}
		for _, t := range a.Tasks {
			owners[t] = w.Member
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.workers, m.owners = workers, owners
}

// ErrMismatch says that the leader could not assign; the group joins again.
var ErrMismatch = errors.New("the leader of the worker group has not read all of the config topic")

// Accept reads this member's assignment of a generation. A mismatch, or bytes that
// are no assignment, are of class Retry: the member joins again.
func (m *Member) Accept(g kafka.Generation, raw []byte) (Assignment, error) {
	a, err := ParseAssignment(raw)
	if err == nil {
		var assignor Assignor
		if assignor, err = m.assignor(g.Protocol); err == nil && a.Version != assignor.Version() {
			err = fmt.Errorf("assignment of version %d under protocol %s, which has %d", a.Version, g.Protocol, assignor.Version())
		}
	}
	if err == nil && a.Error != NoError {
		err = ErrMismatch
	}
	if err != nil {
		return Assignment{}, fault.New(fault.Retry, "group.assignment", "generation %d: %w", g.ID, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation = g.ID
	m.held = &a
	if !g.Leader {
		m.workers, m.owners = nil, nil
	}
	return a, nil
}

// Forget drops what the member holds: its membership is lost.
func (m *Member) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.workers, m.owners, m.generation = nil, nil, nil, 0
}

// OwnerURL is the address of the worker that has the task, or with task -1 the
// connector; empty when this member does not lead or nobody has it.
func (m *Member) OwnerURL(connector string, task int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.workers[m.owners[Task{connector, task}]]
}

// Workers returns the addresses of all members; empty when this member does not
// lead.
func (m *Member) Workers() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	urls := make([]string, 0, len(m.workers))
	for _, u := range m.workers {
		urls = append(urls, u)
	}
	return urls
}

func (m *Member) assignor(protocol string) (Assignor, error) {
	for _, a := range m.Assignors {
		if a.Protocol() == protocol {
			return a, nil
		}
	}
	return nil, fault.New(fault.Fatal, "group.protocol", "the group chose protocol %q, which was not offered", protocol)
}
