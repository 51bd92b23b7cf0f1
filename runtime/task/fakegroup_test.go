package task

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// Group: one member that gets every partition of its topics.

type fakeGroup struct {
	b      *broker
	c      kafka.GroupConfig
	rejoin chan struct{}
	fenced chan struct{}

	mu         sync.Mutex
	generation int32
	stale      bool
	joins      int
}

func (b *broker) group(c kafka.GroupConfig) *fakeGroup {
	return &fakeGroup{b: b, c: c, rejoin: make(chan struct{}, 1), fenced: make(chan struct{})}
}

func (g *fakeGroup) Rejoin() { poke(g.rejoin) }

func (g *fakeGroup) Run(ctx context.Context) error {
	for {
		protocols := g.c.Protocols()
		plan, err := g.c.Assign("range", []kafka.GroupMember{{ID: "m", InstanceID: g.c.InstanceID, Metadata: protocols[0].Metadata}})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			_ = pause(ctx, 100*time.Millisecond)
			continue
		}
		g.mu.Lock()
		g.generation++
		g.joins++
		g.stale = false
		generation := kafka.Generation{ID: g.generation, MemberID: "m", LeaderID: "m", Protocol: "range", Leader: true}
		g.mu.Unlock()
		for {
			if err := g.c.Assigned(ctx, generation, plan["m"]); err == nil {
				break
			} else if c := fault.ClassOf(err); ctx.Err() == nil && (c == fault.Fatal || c == fault.Config || c == fault.Fenced) {
				return err
			}
			if pause(ctx, 100*time.Millisecond) != nil {
				return nil
			}
		}
		select {
		case <-g.rejoin:
		case <-g.fenced:
			dead, cancel := context.WithCancel(ctx)
			cancel()
			_ = g.c.Revoke(dead)
			return fault.New(fault.Fenced, "kafka.fenced", "another instance")
		case <-ctx.Done():
			return g.c.Revoke(context.WithoutCancel(ctx))
		}
		if err := g.c.Revoke(ctx); err != nil {
			return err
		}
	}
}

func (g *fakeGroup) setStale(stale bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stale = stale
}

func (g *fakeGroup) Commit(_ context.Context, offsets map[data.TopicPartition]kafka.OffsetMeta) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stale {
		return fault.New(fault.Fenced, "kafka.generation", "stale generation")
	}
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	if g.b.down != nil {
		return g.b.down
	}
	if g.b.groups[g.c.ID] == nil {
		g.b.groups[g.c.ID] = map[data.TopicPartition]kafka.OffsetMeta{}
	}
	maps.Copy(g.b.groups[g.c.ID], offsets)
	g.b.changed()
	return nil
}

func (g *fakeGroup) Committed(_ context.Context, tps []data.TopicPartition) (map[data.TopicPartition]kafka.OffsetMeta, error) {
	return g.b.admin().GroupOffsets(context.Background(), g.c.ID, tps, true)
}

func (g *fakeGroup) Close() error { return nil }

// Txn.

type fakeTxn struct {
	b     *broker
	id    string
	epoch int
}

func (b *broker) txn(id string) *fakeTxn {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epochs[id]++
	return &fakeTxn{b: b, id: id, epoch: b.epochs[id]}
}

func (x *fakeTxn) Run(ctx context.Context, msgs []data.Message, group string, offsets map[data.TopicPartition]kafka.OffsetMeta) error {
	if err := pause(ctx, time.Millisecond); err != nil {
		return fault.New(fault.Retry, "kafka.txn", "not committed: %w", err)
	}
	b := x.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.epochs[x.id] != x.epoch {
		return fault.New(fault.Fenced, "kafka.fenced", "producer of %s is fenced", x.id)
	}
	b.txns++
	if b.down != nil {
		return b.down
	}
	if b.txnErr != nil {
		if err := b.txnErr(x.id, b.txns); err != nil {
			return err
		}
	}
	for _, m := range msgs {
		b.append(m)
	}
	b.sizes = append(b.sizes, len(msgs))
	if b.groups[group] == nil {
		b.groups[group] = map[data.TopicPartition]kafka.OffsetMeta{}
	}
	maps.Copy(b.groups[group], offsets)
	b.changed()
	return nil
}

func (x *fakeTxn) Close() error { return nil }

// Admin.

type fakeAdmin struct{ b *broker }

func (b *broker) admin() *fakeAdmin { return &fakeAdmin{b} }

func (a *fakeAdmin) Topics(_ context.Context, names ...string) (map[string]kafka.TopicInfo, error) {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	out := map[string]kafka.TopicInfo{}
	for _, n := range names {
		if log, ok := a.b.logs[n]; ok {
			out[n] = kafka.TopicInfo{Partitions: len(log), Replication: 1}
		}
	}
	return out, a.b.down
}

func (a *fakeAdmin) TopicConfigs(_ context.Context, topic string) (map[string]string, error) {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	return a.b.configs[topic], a.b.down
}

func (a *fakeAdmin) AllTopics(context.Context) ([]string, error) {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	return slices.Sorted(maps.Keys(a.b.logs)), a.b.down
}

func (a *fakeAdmin) CreateTopic(_ context.Context, spec kafka.TopicSpec) (bool, error) {
	a.b.mu.Lock()
	_, exists := a.b.logs[spec.Name]
	a.b.created = append(a.b.created, spec)
	a.b.mu.Unlock()
	if spec.Replication > 1 {
		return false, fault.New(fault.Config, "kafka.replication", "replication factor %d is larger than 1", spec.Replication)
	}
	if !exists {
		a.b.topic(spec.Name, max(1, int(spec.Partitions)))
	}
	return !exists, nil
}

func (a *fakeAdmin) ListOffsets(_ context.Context, tps []data.TopicPartition, at int64) (data.Offsets, error) {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	out := data.Offsets{}
	for _, tp := range tps {
		out[tp] = 0
		if at == kafka.Latest {
			out[tp] = int64(len(a.b.logs[tp.Topic][tp.Partition]))
		}
	}
	return out, a.b.down
}

func (a *fakeAdmin) GroupOffsets(ctx context.Context, group string, tps []data.TopicPartition, stable bool) (map[data.TopicPartition]kafka.OffsetMeta, error) {
	a.b.mu.Lock()
	unstable := stable && a.b.unstable
	a.b.mu.Unlock()
	if unstable {
		<-ctx.Done()
		return nil, fault.New(fault.Retry, "kafka.unstable", "there are unstable offsets: %w", ctx.Err())
	}
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	out := map[data.TopicPartition]kafka.OffsetMeta{}
	for tp, m := range a.b.groups[group] {
		if tps == nil || slices.Contains(tps, tp) {
			out[tp] = m
		}
	}
	return out, a.b.down
}

func (a *fakeAdmin) Close() error { return nil }
