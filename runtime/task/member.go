package task

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/transforms/regex"
)

// Subscription is topics or topics.regex of a sink.
type Subscription struct {
	Topics  []string
	Pattern *regex.Pattern // of the whole name; nil: Topics
}

// How often a missing topic is looked for, whatever metadata.max.age.ms says.
const missingEvery = time.Second

// subscriber follows the topics of a subscription and tells the group when they
// change: a new topic matches the pattern, a missing one appears, a topic gets
// more partitions. The leader of the group asks it for partition counts.
type subscriber struct {
	sub    Subscription
	admin  Admin
	maxAge time.Duration
	retry  *retrier
	log    *slog.Logger
	rejoin func()

	mu     sync.Mutex
	topics []string       // subscribed to, sorted; with a pattern those that match
	counts map[string]int // of those that exist
	warned map[string]bool
}

// matching lists the topics whose names a pattern matches. The brokers' own never
// do: exclude.internal.topics.
func matching(p *regex.Pattern, all []string) (names []string, err error) {
	for _, t := range all {
		if t == "__consumer_offsets" || t == "__transaction_state" || t == "__share_group_state" {
			continue
		}
		ok, err := p.Matches(t)
		if err != nil {
			return nil, fault.New(fault.Config, "task.topics_regex", "topic %s: %w", t, err).WithField("topics.regex").WithFix("Write topics.regex simpler.")
		}
		if ok {
			names = append(names, t)
		}
	}
	return names, nil
}

// look asks the cluster what the subscription means now and reports whether that
// differs from last time.
func (s *subscriber) look(ctx context.Context) (changed bool, err error) {
	names := s.sub.Topics
	if s.sub.Pattern != nil {
		all, err := s.admin.AllTopics(ctx)
		if err != nil {
			return false, err
		}
		if names, err = matching(s.sub.Pattern, all); err != nil {
			return false, err
		}
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	infos := map[string]kafka.TopicInfo{}
	if len(names) > 0 {
		if infos, err = s.admin.Topics(ctx, names...); err != nil {
			return false, err
		}
	}
	counts := make(map[string]int, len(infos))
	for t, info := range infos {
		counts[t] = info.Partitions
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = !slices.Equal(names, s.topics) || !equalCounts(counts, s.counts)
	s.topics, s.counts = names, counts
	s.warn()
	return changed, nil
}

// warn logs each missing topic once, and that it has come.
func (s *subscriber) warn() {
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	for _, t := range s.topics {
		_, exists := s.counts[t]
		switch {
		case !exists && !s.warned[t]:
			s.warned[t] = true
			s.log.Warn("topic does not exist, waiting for it", "topic", t)
		case exists && s.warned[t]:
			delete(s.warned, t)
			s.log.Info("topic has appeared", "topic", t)
		}
	}
}

func equalCounts(a, b map[string]int) bool {
	if len(a) != len(b) {
		return false
	}
	for t, n := range a {
		if b[t] != n {
			return false
		}
	}
	return true
}

// watch looks again and again until ctx ends.
func (s *subscriber) watch(ctx context.Context) error {
	for {
		every := s.maxAge
		s.mu.Lock()
		if len(s.counts) < len(s.topics) {
			every = min(every, missingEvery)
		}
		s.mu.Unlock()
		if err := pause(ctx, every); err != nil {
			return nil
		}
		changed, err := s.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case fault.Is(err, fault.Retry):
			continue // the clients that wait for the broker say so
		case err != nil:
			return err
		case changed:
			s.log.Info("subscription changed, joining the group again", "topics", len(s.topics))
			s.rejoin()
		}
	}
}

// protocols is kafka.GroupConfig.Protocols: Java's range assignor.
func (s *subscriber) protocols() []kafka.GroupProtocol {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := kafka.ConsumerSubscription{Topics: slices.Clone(s.topics), Generation: -1}
	return []kafka.GroupProtocol{{Name: "range", Metadata: sub.Encode()}}
}

// assign is kafka.GroupConfig.Assign. The partition counts that it used go along
// with each assignment, in the field that the range assignor leaves empty: a
// static member that comes back to a standing assignment, without a rebalance,
// learns from it whether the topics have grown since.
func (s *subscriber) assign(ctx context.Context, members []kafka.GroupMember) (map[string][]byte, error) {
	used := map[string]int{}
	plan, err := kafka.AssignRange(members, func(topics []string) (map[string]int, error) {
		infos, err := s.admin.Topics(ctx, topics...)
		if err != nil {
			return nil, err
		}
		for t, info := range infos {
			used[t] = info.Partitions
		}
		return used, nil
	})
	if err != nil {
		return nil, err
	}
	note, err := json.Marshal(used)
	if err != nil {
		return nil, err
	}
	for id, raw := range plan {
		a, err := kafka.DecodeAssignment(raw)
		if err != nil {
			return nil, err
		}
		a.UserData = note
		plan[id] = a.Encode()
	}
	return plan, nil
}

// standing takes note of an assignment and reports the partitions. It asks for a
// rebalance when this member leads and the topics are no longer those that the
// assignment was made from.
func (s *subscriber) standing(g kafka.Generation, raw []byte) ([]data.TopicPartition, error) {
	a, err := kafka.DecodeAssignment(raw)
	if err != nil {
		return nil, err
	}
	var made map[string]int
	if len(a.UserData) > 0 {
		if json.Unmarshal(a.UserData, &made) != nil {
			made = nil // another member's own note
		}
	}
	s.mu.Lock()
	stale := false
	if made != nil {
		for _, t := range s.topics {
			stale = stale || s.counts[t] > made[t]
		}
	}
	s.mu.Unlock()
	if stale && g.Leader {
		s.rejoin()
	}
	return a.Partitions, nil
}
