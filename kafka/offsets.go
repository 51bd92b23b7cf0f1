package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"culvert/data"
)

// commit is an OffsetCommit with who commits. Generation -1 without a member is a
// commit for a group that has none.
type commit struct {
	group      string
	generation int32
	member     string
	instance   string
	offsets    map[data.TopicPartition]OffsetMeta
}

// atCoordinator calls f with the group's coordinator, and forgets who that is when
// the answer says that it is another.
func (c *cluster) atCoordinator(ctx context.Context, group string, f func(ctx context.Context, broker int32) error) error {
	broker, err := c.coordinator(ctx, sarama.CoordinatorGroup, group)
	if err != nil {
		return err
	}
	return f(ctx, broker)
}

func (c *cluster) commitOffsets(ctx context.Context, broker int32, k commit) error {
	what := "commit offsets of group " + k.group
	req := &sarama.OffsetCommitRequest{Version: 8, ConsumerGroup: k.group, ConsumerGroupGeneration: k.generation,
		ConsumerID: k.member, RetentionTime: -1}
	if k.instance != "" {
		req.GroupInstanceId = &k.instance
	}
	for tp, o := range k.offsets {
		req.AddBlockWithLeaderEpoch(tp.Topic, tp.Partition, o.Offset, -1, 0, o.Metadata)
	}
	var resp *sarama.OffsetCommitResponse
	err := c.ask(ctx, broker, mainLane, c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
		resp, err = b.CommitOffset(req)
		return err
	})
	if err != nil {
		return err
	}
	var worst error
	for tp := range k.offsets {
		code, ok := resp.Errors[tp.Topic][tp.Partition]
		if !ok {
			return fmt.Errorf("%s: %w: partition %s-%d is missing in the answer", what, errTransport, tp.Topic, tp.Partition)
		}
		if err := answered(fmt.Sprintf("%s (%s-%d)", what, tp.Topic, tp.Partition), code); err != nil {
			// One that no waiting heals counts more.
			if worst == nil || waitable(worst) {
				worst = err
			}
		}
	}
	return worst
}

func (c *cluster) fetchOffsets(ctx context.Context, broker int32, group string, tps []data.TopicPartition, stable bool) (map[data.TopicPartition]OffsetMeta, error) {
	what := "read the offsets of group " + group
	var parts map[string][]int32
	if tps != nil {
		parts = map[string][]int32{}
		for _, tp := range tps {
			parts[tp.Topic] = append(parts[tp.Topic], tp.Partition)
		}
	}
	// Version 7 is the last with one group a request, and has all we need.
	req := sarama.NewOffsetFetchRequest(sarama.V2_5_0_0, group, parts)
	req.RequireStable = stable
	var resp *sarama.OffsetFetchResponse
	err := c.ask(ctx, broker, mainLane, c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
		resp, err = b.FetchOffset(req)
		return err
	})
	if err != nil {
		return nil, err
	}
	found := map[data.TopicPartition]OffsetMeta{}
	if errors.Is(resp.Err, sarama.ErrGroupIDNotFound) { // nothing was ever committed
		return found, nil
	}
	if resp.Err != sarama.ErrNoError {
		return nil, answered(what, resp.Err)
	}
	for topic, blocks := range resp.Blocks {
		for p, b := range blocks {
			if b.Err != sarama.ErrNoError && b.Err != sarama.ErrUnknownTopicOrPartition {
				return nil, answered(fmt.Sprintf("%s (%s-%d)", what, topic, p), b.Err)
			}
			if b.Err == sarama.ErrNoError && b.Offset >= 0 {
				found[data.TopicPartition{Topic: topic, Partition: p}] = OffsetMeta{b.Offset, b.Metadata}
			}
		}
	}
	return found, nil
}
