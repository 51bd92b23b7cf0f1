package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
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
	// LeaderID is the member id of the leader, as the coordinator knows it. The
	// assignment of a static member that came back may still name an older id of it.
	LeaderID string
	Protocol string
	Leader   bool
}

// GroupConfig says what a group is and what its member does. The callbacks are
// made on behalf of Run, one at a time; heartbeats go on meanwhile.
type GroupConfig struct {
	ID           string
	ProtocolType string // "connect" or "consumer"
	InstanceID   string // group.instance.id (KIP-345); empty: a dynamic member

	SessionTimeout    time.Duration // 0: session.timeout.ms of the settings
	RebalanceTimeout  time.Duration // 0: max.poll.interval.ms ("consumer") or rebalance.timeout.ms
	HeartbeatInterval time.Duration // 0: heartbeat.interval.ms
	// LeaveOnClose makes the end of Run leave the group by name, so that others take
	// over at once instead of after the session timeout.
	LeaveOnClose bool

	// Protocols is asked at each join.
	Protocols func() []GroupProtocol
	// Assign is called when this member leads. It answers for every member; an
	// error makes the group join again after a back-off.
	Assign func(protocol string, members []GroupMember) (map[string][]byte, error)
	// Revoke is called before this member joins again, when it has lost its
	// membership, and when Run ends: stop the work, commit, and return only when no
	// work is left (eager rebalancing). Generation then says whether the membership
	// still stands; when it does not, Commit gives Fenced. Its ctx ends with the
	// rebalance timeout. It is called once for each Assigned. Errors of class Fatal
	// and Config end Run, others are logged.
	Revoke func(ctx context.Context) error
	// Assigned is called with each new generation's assignment. Its ctx ends early
	// when the next rebalance comes. Errors of class Fatal and Config end Run;
	// after others the member joins again, with back-off.
	Assigned func(ctx context.Context, g Generation, assignment []byte) error
	// Observe is told how long the coordinator took to answer a request without an
	// error: "heartbeat", "join" or "sync". It must not block; nil: nobody asks.
	Observe func(request string, took time.Duration)
}

// Group is one membership in a group, over a client of its own.
//
// A static member (InstanceID) that comes back within the session timeout gets its
// assignment at once and without a rebalance (KIP-345), and its former self is
// fenced from that moment on: its heartbeats, commits and joins are refused.
type Group struct {
	c      *cluster
	config GroupConfig
	rejoin chan struct{}

	mu          sync.Mutex
	coordinator int32 // -1: to be asked for
	member      string
	generation  Generation
	stands      bool // generation is valid
}

// OpenGroup makes the client. It does not wait for a broker; Run does.
func OpenGroup(_ context.Context, s Settings, config GroupConfig) (*Group, error) {
	c, err := openCluster(s, ConsumerRole)
	if err != nil {
		return nil, err
	}
	coordinator := "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator"
	if config.ProtocolType == "connect" {
		coordinator = "org.apache.kafka.connect.runtime.distributed.WorkerCoordinator"
	}
	c.log = c.log.With("logger", coordinator)
	if config.SessionTimeout == 0 {
		config.SessionTimeout = c.opts.session
	}
	if config.HeartbeatInterval == 0 {
		config.HeartbeatInterval = c.opts.heartbeat
	}
	if config.RebalanceTimeout == 0 {
		if config.RebalanceTimeout = c.opts.rebalance; config.ProtocolType == "consumer" {
			config.RebalanceTimeout = c.opts.maxPollInterval
		}
	}
	return &Group{c: c, config: config, coordinator: -1, rejoin: make(chan struct{}, 1)}, nil
}

// Run joins, beats and joins again until ctx ends; then it calls Revoke, leaves if
// LeaveOnClose, and returns nil. Outages and coordinator changes are waited out:
// the membership stands until the coordinator itself says that it does not.
// Fenced: another member has taken over the instance id.
func (g *Group) Run(ctx context.Context) error {
	err := g.run(ctx)
	if ctx.Err() != nil && !fault.Is(err, fault.Fenced) {
		err = nil
	}
	if g.config.LeaveOnClose && !fault.Is(err, fault.Fenced) {
		g.leave(context.WithoutCancel(ctx))
	}
	g.lose()
	return err
}

// event is why a generation ends.
type event uint8

const (
	whyStopped event = iota // ctx ended
	whyRebalance
	whyLost
	whyFenced
	whyRefused // an answer that no waiting heals
)

func (g *Group) run(ctx context.Context) error {
	w := g.c.waiter("join group " + g.config.ID)
	defer w.done()
	for {
		assignment, err := g.join(ctx, w)
		if err != nil {
			return err
		}
		again, err := g.serve(ctx, assignment)
		if err != nil || !again {
			return err
		}
	}
}

// serve is the life of one generation: Assigned, heartbeats until something
// happens, Revoke. It reports whether to join again.
func (g *Group) serve(ctx context.Context, assignment []byte) (again bool, err error) {
	beats, stopBeats := context.WithCancel(context.WithoutCancel(ctx))
	happened := make(chan event, 1)
	var failure error // set before refused is sent
	var done sync.WaitGroup
	// Heartbeats go on through Assigned and Revoke, also when ctx has ended: Revoke
	// may take longer than the session timeout.
	done.Go(func() { failure = g.beat(beats, happened) })
	defer func() {
		stopBeats()
		done.Wait()
	}()

	working, interrupt := context.WithCancel(ctx)
	defer interrupt()
	assigned := make(chan error, 1)
	done.Go(func() { assigned <- g.config.Assigned(working, g.current(), assignment) })

	why, pending := g.await(ctx, happened, assigned, interrupt)
	if pending != nil && !fault.Is(pending, fault.Retry) && why == whyStopped && ctx.Err() == nil {
		err = pending
	}
	if why == whyLost || why == whyFenced {
		g.lose()
	}
	revoking, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.config.RebalanceTimeout)
	defer cancel()
	if rerr := g.config.Revoke(revoking); rerr != nil {
		g.c.log.Warn("group member could not give back its work in order", "group", g.config.ID, "err", rerr)
		if err == nil && (fault.Is(rerr, fault.Config) || fault.Is(rerr, fault.Fatal)) && ctx.Err() == nil {
			err = rerr
		}
	}
	switch why {
	case whyFenced:
		return false, g.fenced()
	case whyRefused:
		stopBeats()
		done.Wait()
		return false, failure
	case whyStopped:
		return false, err
	}
	return err == nil, err
}

// await waits until the generation has to end, and for Assigned to return before
// that. An error of Assigned that can be tried again ends the generation too.
func (g *Group) await(ctx context.Context, happened <-chan event, assigned <-chan error, interrupt func()) (event, error) {
	running := true
	end := func(why event) (event, error) {
		interrupt()
		if running {
			<-assigned // ended by interrupt, or done anyway
		}
		return why, nil
	}
	for {
		select {
		case err := <-assigned:
			running = false
			if err == nil {
				continue
			}
			g.c.log.Warn("group member could not take its assignment", "group", g.config.ID, "err", err)
			if fault.Is(err, fault.Fatal) || fault.Is(err, fault.Config) || fault.Is(err, fault.Fenced) {
				return whyStopped, err
			}
			if sleep(ctx, g.c.opts.backoffMax) != nil {
				return whyStopped, nil
			}
			return whyRebalance, nil
		case why := <-happened:
			return end(why)
		case <-g.rejoin:
			return end(whyRebalance)
		case <-ctx.Done():
			return end(whyStopped)
		}
	}
}

// Rejoin asks for a rebalance: the member joins again, with what Protocols says
// then. It does not block. The coordinator starts a rebalance of the whole group
// when this member leads or its metadata has changed; else it just confirms the
// assignment, so a member that sees a reason for a rebalance may ask without
// knowing whether it leads.
func (g *Group) Rejoin() {
	select {
	case g.rejoin <- struct{}{}:
	default:
	}
}

// Generation returns the membership that stands, false while there is none.
func (g *Group) Generation() (Generation, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.generation, g.stands
}

// observe tells of a request that was answered.
func (g *Group) observe(request string, begun time.Time, err error) {
	if err == nil && g.config.Observe != nil {
		g.config.Observe(request, time.Since(begun))
	}
}

func (g *Group) current() Generation {
	gen, _ := g.Generation()
	return gen
}

// lose forgets a membership that the coordinator does not honour any more.
func (g *Group) lose() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stands = false
}

// Commit commits with member and generation. Fenced: the generation is stale or
// the member is out; Retry: the coordinator did not answer in time.
func (g *Group) Commit(ctx context.Context, offsets map[data.TopicPartition]OffsetMeta) error {
	if len(offsets) == 0 {
		return nil
	}
	what := "commit offsets of group " + g.config.ID
	gen, stands := g.Generation()
	if !stands {
		return fault.New(fault.Fenced, "kafka.fenced", "%s: this member is not in the group", what)
	}
	return g.ask(ctx, what, func(ctx context.Context, broker int32) error {
		return g.c.commitOffsets(ctx, broker, commit{group: g.config.ID, generation: gen.ID, member: gen.MemberID,
			instance: g.config.InstanceID, offsets: offsets})
	})
}

// Committed returns the committed offsets, waiting out transactions that have
// open commits (KIP-447). Partitions without one are absent.
func (g *Group) Committed(ctx context.Context, tps []data.TopicPartition) (map[data.TopicPartition]OffsetMeta, error) {
	found := map[data.TopicPartition]OffsetMeta{}
	if len(tps) == 0 {
		return found, nil
	}
	err := g.ask(ctx, "read the offsets of group "+g.config.ID, func(ctx context.Context, broker int32) (err error) {
		found, err = g.c.fetchOffsets(ctx, broker, g.config.ID, tps, true)
		return err
	})
	return found, err
}

// ask tries f at the coordinator within the request timeout.
func (g *Group) ask(ctx context.Context, what string, f func(ctx context.Context, broker int32) error) error {
	limited, cancel := context.WithTimeout(ctx, g.c.opts.requestTimeout)
	defer cancel()
	return g.c.retry(limited, what, func() error { return g.once(limited, f) })
}

// once calls f with the coordinator, looked up if need be, and forgets the
// coordinator when it fails to answer or answers that it is none.
func (g *Group) once(ctx context.Context, f func(ctx context.Context, broker int32) error) error {
	g.mu.Lock()
	broker := g.coordinator
	g.mu.Unlock()
	if broker < 0 {
		var err error
		if broker, err = g.c.coordinator(ctx, sarama.CoordinatorGroup, g.config.ID); err != nil {
			return err
		}
		g.mu.Lock()
		g.coordinator = broker
		g.mu.Unlock()
	}
	err := f(ctx, broker)
	code, _ := kerror(err)
	if errors.Is(err, errTransport) || staleCoordinator(code) {
		g.mu.Lock()
		if g.coordinator == broker {
			g.coordinator = -1
		}
		g.mu.Unlock()
	}
	return err
}

// beat sends heartbeats until ctx ends, and says once that the generation is to
// end. After rebalance it goes on: Revoke may take its time.
func (g *Group) beat(ctx context.Context, happened chan<- event) error {
	w := g.c.waiter("send heartbeats to group " + g.config.ID)
	defer w.done()
	say := func(e event) {
		select {
		case happened <- e:
		default: // the generation is about to end already
		}
	}
	for wait := g.config.HeartbeatInterval; ; {
		if sleep(ctx, wait) != nil {
			return nil
		}
		wait = g.config.HeartbeatInterval
		begun := time.Now()
		err := g.once(ctx, g.heartbeat)
		g.observe("heartbeat", begun, err)
		code, _ := kerror(err)
		switch {
		case err == nil:
			w.ok()
		case ctx.Err() != nil:
			return nil
		case code == sarama.ErrRebalanceInProgress:
			w.ok()
			say(whyRebalance)
		case code == sarama.ErrFencedInstancedId:
			g.lose()
			say(whyFenced)
			return nil
		case code == sarama.ErrUnknownMemberId, code == sarama.ErrIllegalGeneration:
			g.lose()
			if code == sarama.ErrUnknownMemberId {
				g.forgetMember()
			}
			say(whyLost)
			return nil
		case waitable(err):
			w.fail(err)
			wait = min(w.next(), wait)
		default:
			say(whyRefused)
			return unreachable("send heartbeats to group "+g.config.ID, err)
		}
	}
}

func (g *Group) heartbeat(ctx context.Context, broker int32) error {
	gen := g.current()
	req := &sarama.HeartbeatRequest{Version: 4, GroupId: g.config.ID, GenerationId: gen.ID, MemberId: gen.MemberID,
		GroupInstanceId: g.instance()}
	var resp *sarama.HeartbeatResponse
	err := g.c.ask(ctx, broker, mainLane, min(g.c.opts.requestTimeout, g.config.SessionTimeout), func(b *sarama.Broker) (err error) {
		resp, err = b.Heartbeat(req)
		return err
	})
	if err != nil {
		return err
	}
	return answered("heartbeat of group "+g.config.ID, resp.Err)
}

func (g *Group) instance() *string {
	if g.config.InstanceID == "" {
		return nil
	}
	return &g.config.InstanceID
}

func (g *Group) forgetMember() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.member = ""
}

func (g *Group) fenced() error {
	return fault.New(fault.Fenced, "kafka.fenced", "group %s: another member has taken over the instance id %s",
		g.config.ID, g.config.InstanceID)
}

// leaveTimeout bounds the good-bye: the session timeout does the same later.
const leaveTimeout = 3 * time.Second

func (g *Group) leave(ctx context.Context) {
	g.mu.Lock()
	member := g.member
	g.mu.Unlock()
	if member == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	reason := "the member is closing"
	req := &sarama.LeaveGroupRequest{Version: 5, GroupId: g.config.ID,
		Members: []sarama.MemberIdentity{{MemberId: member, GroupInstanceId: g.instance(), Reason: &reason}}}
	err := g.c.retry(ctx, "leave group "+g.config.ID, func() error {
		return g.once(ctx, func(ctx context.Context, broker int32) error {
			var resp *sarama.LeaveGroupResponse
			err := g.c.ask(ctx, broker, mainLane, leaveTimeout, func(b *sarama.Broker) (err error) {
				resp, err = b.LeaveGroup(req)
				return err
			})
			if err != nil {
				return err
			}
			for _, m := range resp.Members {
				if m.Err != sarama.ErrNoError {
					return answered("leave group "+g.config.ID, m.Err)
				}
			}
			return answered("leave group "+g.config.ID, resp.Err)
		})
	})
	if code, _ := kerror(err); err != nil && code != sarama.ErrUnknownMemberId {
		g.c.log.Warn("group member did not leave by name, the session timeout has to", "group", g.config.ID, "err", err)
	}
	g.forgetMember()
}

// Close ends the connections; Run has returned. It may be called twice.
func (g *Group) Close() error {
	g.c.close()
	return nil
}
