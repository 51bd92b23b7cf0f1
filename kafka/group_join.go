package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"culvert/fault"
)

// errAgain asks for another join without a back-off: the coordinator has told us
// how to do it right.
var errAgain = &fault.Error{Class: fault.Retry, Code: "kafka.rebalance", Err: errors.New("the coordinator asks to join again")}

// join becomes a member and returns the assignment. It waits out outages and
// rebalances of others.
func (g *Group) join(ctx context.Context, w *waiter) ([]byte, error) {
	for again := 0; ; {
		assignment, err := g.joinOnce(ctx)
		switch {
		case err == nil:
			w.ok()
			return assignment, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, errAgain):
			if again++; again%3 != 0 { // a coordinator that never has enough is no reason to spin
				continue
			}
		case !waitable(err):
			return nil, unreachable("join group "+g.config.ID, err)
		}
		w.fail(err)
		if w.pause(ctx) != nil {
			return nil, ctx.Err()
		}
	}
}

// joinOnce is one round of JoinGroup and SyncGroup.
func (g *Group) joinOnce(ctx context.Context) ([]byte, error) {
	// What asked for a rebalance up to now is answered by this one.
	select {
	case <-g.rejoin:
	default:
	}
	begun := time.Now()
	joined, err := g.sendJoin(ctx)
	g.observe("join", begun, err)
	if err != nil {
		return nil, err
	}
	gen := Generation{ID: joined.GenerationId, MemberID: joined.MemberId, LeaderID: joined.LeaderId,
		Protocol: joined.GroupProtocol, Leader: joined.LeaderId == joined.MemberId}
	var shares map[string][]byte
	switch {
	case gen.Leader:
		if shares, err = g.assign(joined); err != nil {
			return nil, err
		}
	case g.isFormerSelf(joined.LeaderId):
		// A static leader that comes back while the group is stable is not told that it
		// leads (before JoinGroup version 9, KIP-814): it gets the leader's old member
		// id, lest it assigns anew. It leads all the same: the coordinator has put its
		// new id in the old one's place.
		gen.Leader, gen.LeaderID = true, gen.MemberID
	}
	begun = time.Now()
	assignment, err := g.sendSync(ctx, gen, shares)
	g.observe("sync", begun, err)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.generation, g.stands = gen, true
	g.mu.Unlock()
	return assignment, nil
}

// isFormerSelf reports whether a member id is one that the coordinator gave to
// this instance earlier: it makes them of the instance id, a dash and a UUID.
func (g *Group) isFormerSelf(member string) bool {
	prefix := g.config.InstanceID + "-"
	const uuid = 36
	return g.config.InstanceID != "" && strings.HasPrefix(member, prefix) && len(member) == len(prefix)+uuid
}

func (g *Group) assign(joined *sarama.JoinGroupResponse) (map[string][]byte, error) {
	members := make([]GroupMember, 0, len(joined.Members))
	for _, m := range joined.Members {
		member := GroupMember{ID: m.MemberId, Metadata: m.Metadata}
		if m.GroupInstanceId != nil {
			member.InstanceID = *m.GroupInstanceId
		}
		members = append(members, member)
	}
	shares, err := g.config.Assign(joined.GroupProtocol, members)
	if err != nil {
		if fault.Of(err) == nil {
			err = &fault.Error{Class: fault.Retry, Code: "kafka.assignment", Err: err}
		}
		return nil, fmt.Errorf("assign the work of group %s: %w", g.config.ID, err)
	}
	return shares, nil
}

// patience is how long the coordinator may hold a join or a sync: until every
// member has come, or was thrown out.
func (g *Group) patience() time.Duration {
	return max(g.c.opts.requestTimeout, g.config.RebalanceTimeout+5*time.Second)
}

func (g *Group) sendJoin(ctx context.Context) (*sarama.JoinGroupResponse, error) {
	what := "join group " + g.config.ID
	g.mu.Lock()
	member := g.member
	g.mu.Unlock()
	req := &sarama.JoinGroupRequest{Version: 8, GroupId: g.config.ID, MemberId: member, GroupInstanceId: g.instance(),
		SessionTimeout:   int32(g.config.SessionTimeout.Milliseconds()),
		RebalanceTimeout: int32(g.config.RebalanceTimeout.Milliseconds()), ProtocolType: g.config.ProtocolType}
	for _, p := range g.config.Protocols() {
		req.OrderedGroupProtocols = append(req.OrderedGroupProtocols, &sarama.GroupProtocol{Name: p.Name, Metadata: p.Metadata})
	}
	var resp *sarama.JoinGroupResponse
	err := g.once(ctx, func(ctx context.Context, broker int32) error {
		err := g.c.ask(ctx, broker, slowLane, g.patience(), func(b *sarama.Broker) (err error) {
			resp, err = b.JoinGroup(req)
			return err
		})
		if err != nil {
			return err
		}
		return answered(what, resp.Err)
	})
	if err == nil {
		g.mu.Lock()
		g.member = resp.MemberId
		g.mu.Unlock()
		return resp, nil
	}
	code, _ := kerror(err)
	switch code {
	case sarama.ErrMemberIdRequired: // KIP-394
		g.mu.Lock()
		g.member = resp.MemberId
		g.mu.Unlock()
		return nil, errAgain
	case sarama.ErrUnknownMemberId:
		g.forgetMember()
		return nil, errAgain
	case sarama.ErrFencedInstancedId:
		return nil, g.fenced()
	case sarama.ErrRebalanceInProgress:
		return nil, &fault.Error{Class: fault.Retry, Code: "kafka.rebalance", Err: err}
	case sarama.ErrInvalidSessionTimeout:
		return nil, fault.New(fault.Config, "kafka.session_timeout", "%v: the broker does not allow session.timeout.ms=%d", err,
			g.config.SessionTimeout.Milliseconds()).
			WithFix("Choose session.timeout.ms within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms.")
	case sarama.ErrInconsistentGroupProtocol:
		return nil, fault.New(fault.Config, "kafka.group_protocol", "%v: the members of the group speak other protocols", err).
			WithFix("Choose another group id, or give all members of %s the same protocol.", g.config.ID)
	}
	return nil, err
}

func (g *Group) sendSync(ctx context.Context, gen Generation, shares map[string][]byte) ([]byte, error) {
	what := "sync with group " + g.config.ID
	req := &sarama.SyncGroupRequest{Version: 5, GroupId: g.config.ID, GenerationId: gen.ID, MemberId: gen.MemberID,
		GroupInstanceId: g.instance(), ProtocolType: &g.config.ProtocolType, ProtocolName: &gen.Protocol}
	for member, share := range shares {
		req.GroupAssignments = append(req.GroupAssignments, sarama.SyncGroupRequestAssignment{MemberId: member, Assignment: share})
	}
	var resp *sarama.SyncGroupResponse
	err := g.once(ctx, func(ctx context.Context, broker int32) error {
		err := g.c.ask(ctx, broker, slowLane, g.patience(), func(b *sarama.Broker) (err error) {
			resp, err = b.SyncGroup(req)
			return err
		})
		if err != nil {
			return err
		}
		return answered(what, resp.Err)
	})
	if err == nil {
		return resp.MemberAssignment, nil
	}
	code, _ := kerror(err)
	switch code {
	case sarama.ErrUnknownMemberId:
		g.forgetMember()
		return nil, errAgain
	case sarama.ErrRebalanceInProgress, sarama.ErrIllegalGeneration:
		return nil, errAgain
	case sarama.ErrFencedInstancedId:
		return nil, g.fenced()
	}
	return nil, err
}
