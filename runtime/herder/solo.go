package herder

import (
	"context"

	"culvert/fault"
	"culvert/kafka"
)

// solo is the group of a standalone worker: it has one member, which leads and
// gets everything. A rebalance is just another assignment, so that standalone and
// distributed workers start and stop work in the same way.
type solo struct {
	c      kafka.GroupConfig
	rejoin chan struct{}
}

// me is the member id of the one member; nobody sees it.
const me = "standalone"

func newSolo(c kafka.GroupConfig) *solo { return &solo{c: c, rejoin: make(chan struct{}, 1)} }

// Run assigns once, and again whenever Rejoin asks for it.
func (g *solo) Run(ctx context.Context) error {
	for {
		p := g.c.Protocols()[0]
		shares, err := g.c.Assign(p.Name, []kafka.GroupMember{{ID: me, Metadata: p.Metadata}})
		if err == nil {
			gen, _ := g.Generation()
			err = g.c.Assigned(ctx, gen, shares[me])
		}
		if err != nil && !fault.Is(err, fault.Retry) {
			return err
		}
		if err == nil { // else again: what was too slow to stop has stopped
			select {
			case <-g.rejoin:
			case <-ctx.Done():
				return g.c.Revoke(context.WithoutCancel(ctx))
			}
			err = g.c.Revoke(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !fault.Is(err, fault.Retry) {
			return err
		}
	}
}

func (g *solo) Rejoin() {
	select {
	case g.rejoin <- struct{}{}:
	default:
	}
}

// Generation is 0 in a standalone worker, as in Java.
func (g *solo) Generation() (kafka.Generation, bool) {
	return kafka.Generation{MemberID: me, LeaderID: me, Protocol: g.c.Protocols()[0].Name, Leader: true}, true
}

func (g *solo) Close() error { return nil }

var _ Group = (*solo)(nil)
