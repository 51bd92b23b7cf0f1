package task

import (
	"context"

	"culvert/fault"
	"culvert/kafka"
	"culvert/transforms/regex"
)

// TopicGroup is one group of topic.creation.groups (KIP-158).
type TopicGroup struct {
	Name             string
	Include, Exclude []*regex.Pattern // whole names; the group "default" takes every topic
	Partitions       int32            // -1: the broker's default
	Replication      int16            // -1: the broker's default
	Configs          map[string]string
}

func (g *TopicGroup) matches(topic string) (bool, error) {
	if out, err := anyMatch(g.Exclude, topic); out || err != nil {
		return false, err
	}
	return anyMatch(g.Include, topic)
}

func anyMatch(patterns []*regex.Pattern, topic string) (bool, error) {
	for _, p := range patterns {
		if ok, err := p.Matches(topic); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// TopicCreator makes the topics that a source writes to.
//
// With topic.creation.* keys the first matching group says how. Without them
// Java's producer has the broker create the topic by asking for its metadata; our
// clients never do that, so the creator asks for a topic with the broker's
// defaults, which is the same topic. Where the brokers have
// auto.create.topics.enable=false, both wait until somebody creates the topic;
// Java does so silently, here the status says it.
type TopicCreator struct {
	Groups  []TopicGroup // in order, "default" last; empty: left to the broker
	admin   Admin
	retry   *retrier
	known   map[string]bool
	brokers *bool // auto.create.topics.enable, nil: not asked yet
}

// AutoCreation is an Admin that knows whether the brokers create topics that a
// client asks for. Without it they count as doing so, which is Kafka's default.
type AutoCreation interface {
	AutoCreateTopics(ctx context.Context) (bool, error)
}

// ensure returns when the topic exists.
func (c *TopicCreator) ensure(ctx context.Context, topic string) error {
	if c.known[topic] {
		return nil
	}
	err := c.retry.do(ctx, "topic "+topic, func() error { return c.create(ctx, topic) })
	if err == nil {
		if c.known == nil {
			c.known = map[string]bool{}
		}
		c.known[topic] = true
	}
	return err
}

func (c *TopicCreator) create(ctx context.Context, topic string) error {
	have, err := c.admin.Topics(ctx, topic)
	if err != nil {
		return err
	}
	if _, ok := have[topic]; ok {
		return nil
	}
	spec := kafka.TopicSpec{Name: topic, Partitions: -1, Replication: -1}
	if len(c.Groups) == 0 {
		if auto, err := c.autoCreates(ctx); err != nil {
			return err
		} else if !auto {
			return fault.New(fault.Retry, "task.topic_missing", "topic '%s' does not exist and the brokers do not create topics (auto.create.topics.enable=false)", topic).
				WithFix("Create the topic, or set topic.creation.default.partitions and topic.creation.default.replication.factor.")
		}
	}
	group, err := c.group(topic)
	if err != nil {
		return err
	}
	if group != nil {
		spec.Partitions, spec.Replication, spec.Configs = group.Partitions, group.Replication, group.Configs
	}
	_, err = c.admin.CreateTopic(ctx, spec)
	if err == nil || fault.Is(err, fault.Retry) {
		return err
	}
	name := "the broker's defaults"
	if group != nil {
		name = "creation group " + group.Name
	}
	return fault.New(fault.Fatal, "task.topic_creation", "Task failed to create new topic '%s' with %s (partitions %d, replication factor %d). "+
		"Ensure that the task is authorized to create topics or that the topic exists and restart the task: %w",
		topic, name, spec.Partitions, spec.Replication, err)
}

func (c *TopicCreator) group(topic string) (*TopicGroup, error) {
	for i := range c.Groups {
		g := &c.Groups[i]
		if g.Name == "default" {
			return g, nil
		}
		ok, err := g.matches(topic)
		if err != nil {
			return nil, fault.New(fault.Config, "task.topic_creation", "topic.creation.%s., topic %s: %w", g.Name, topic, err).WithFix("Write its include and exclude simpler.")
		}
		if ok {
			return g, nil
		}
	}
	return nil, nil
}

func (c *TopicCreator) autoCreates(ctx context.Context) (bool, error) {
	if c.brokers == nil {
		auto := true
		if a, ok := c.admin.(AutoCreation); ok {
			var err error
			if auto, err = a.AutoCreateTopics(ctx); err != nil {
				return false, err
			}
		}
		c.brokers = &auto
	}
	return *c.brokers, nil
}
