package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// Positions for ListOffsets and Consumer.Add; ListOffsets takes a timestamp in
// milliseconds as well.
const (
	Latest   int64 = -1
	Earliest int64 = -2
	// LatestCommitted is the last stable offset: where a read_committed reader ends.
	LatestCommitted int64 = -1000
)

// TopicInfo is what the cluster says of a topic that exists.
type TopicInfo struct {
	Partitions  int
	Replication int16
}

// TopicSpec describes a topic to create.
type TopicSpec struct {
	Name        string
	Partitions  int32 // -1: the broker's default
	Replication int16 // -1: the broker's default
	Configs     map[string]string
}

// OffsetMeta is a committed offset with its metadata field.
type OffsetMeta struct {
	Offset   int64
	Metadata string
}

// Admin looks at the cluster and changes topics and offsets. All calls are safe
// for concurrent use. An error of class Retry means that the cluster did not
// answer within the request timeout (request.timeout.ms): ask again.
type Admin struct {
	c *cluster
}

// OpenAdmin connects. When no broker answers within the request timeout the
// error is of class Retry.
func OpenAdmin(ctx context.Context, s Settings) (*Admin, error) {
	c, err := openCluster(s, AdminRole)
	if err != nil {
		return nil, err
	}
	a := &Admin{c: c}
	if _, err := a.ClusterID(ctx); err != nil {
		c.close()
		return nil, err
	}
	return a, nil
}

// anyTopic is asked for when the topic does not matter: sarama cannot ask for
// none, and asking for all of them is dear.
const anyTopic = "__consumer_offsets"

// try is retry within the request timeout.
func (a *Admin) try(ctx context.Context, what string, f func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, a.c.opts.requestTimeout)
	defer cancel()
	return a.c.retry(limited, what, func() error { return f(limited) })
}

// ClusterID returns the id that GET / shows.
func (a *Admin) ClusterID(ctx context.Context) (string, error) {
	err := a.try(ctx, "ask for the cluster id", func(ctx context.Context) error {
		_, err := a.c.metadata(ctx, []string{anyTopic})
		return err
	})
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	return a.c.id, err
}

// Topics describes the named topics. One that does not exist is absent from the
// answer, and is not created by asking.
func (a *Admin) Topics(ctx context.Context, names ...string) (map[string]TopicInfo, error) {
	found := map[string]TopicInfo{}
	if len(names) == 0 {
		return found, nil
	}
	for _, n := range names {
		if err := CheckTopicName(n); err != nil {
			return nil, err
		}
	}
	err := a.try(ctx, "describe topics", func(ctx context.Context) error {
		resp, err := a.c.metadata(ctx, names)
		if err != nil {
			return err
		}
		for _, t := range resp.Topics {
			switch t.Err {
			case sarama.ErrNoError, sarama.ErrLeaderNotAvailable:
				info := TopicInfo{Partitions: len(t.Partitions)}
				if len(t.Partitions) > 0 {
					info.Replication = int16(len(t.Partitions[0].Replicas))
				}
				found[t.Name] = info
			case sarama.ErrUnknownTopicOrPartition:
			default:
				return answered("describe topic "+t.Name, t.Err)
			}
		}
		return nil
	})
	return found, err
}

const codeTopicName = "kafka.topic_name"

var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// CheckTopicName refuses, with class Config, a name that no topic can have
// (org.apache.kafka.common.internals.Topic.validate): nobody need wait for it.
func CheckTopicName(name string) error {
	if topicName.MatchString(name) && name != "." && name != ".." {
		return nil
	}
	return fault.New(fault.Config, codeTopicName, "'%s' cannot be the name of a topic", name).
		WithFix("Topics have names of 1 to 249 letters, digits, '.', '_' and '-', other than '.' and '..'.").
		WithJava("org.apache.kafka.common.errors.InvalidTopicException")
}

// AllTopics lists the names of all topics that this principal may see, sorted.
func (a *Admin) AllTopics(ctx context.Context) ([]string, error) {
	var names []string
	err := a.try(ctx, "list topics", func(ctx context.Context) error {
		resp, err := a.c.metadata(ctx, nil)
		if err != nil {
			return err
		}
		names = names[:0]
		for _, t := range resp.Topics {
			if t.Err == sarama.ErrNoError || t.Err == sarama.ErrLeaderNotAvailable {
				names = append(names, t.Name)
			}
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// TopicConfigs returns all configs of a topic with the values in force, defaults
// included. A topic that does not exist is NotFound.
func (a *Admin) TopicConfigs(ctx context.Context, topic string) (map[string]string, error) {
	what := "read the configs of topic " + topic
	configs := map[string]string{}
	err := a.try(ctx, what, func(ctx context.Context) error {
		var resp *sarama.DescribeConfigsResponse
		err := a.c.askAny(ctx, func(b *sarama.Broker) (err error) {
			resp, err = b.DescribeConfigs(&sarama.DescribeConfigsRequest{Version: 4,
				Resources: []*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic}}})
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range resp.Resources {
			if code := sarama.KError(r.ErrorCode); code == sarama.ErrUnknownTopicOrPartition {
				return fault.New(fault.NotFound, "kafka.no_topic", "topic %s does not exist", topic)
			} else if code != sarama.ErrNoError {
				return answered(what, code)
			}
			for _, e := range r.Configs {
				configs[e.Name] = e.Value
			}
		}
		return nil
	})
	return configs, err
}

// AutoCreateTopics reports whether the brokers create topics that clients ask for
// (auto.create.topics.enable), so that the worker can do what Java's producer makes
// the broker do. Without the right to look it is Kafka's default: true.
func (a *Admin) AutoCreateTopics(ctx context.Context) (bool, error) {
	const what, key = "read the brokers' configs", "auto.create.topics.enable"
	enabled := true
	err := a.try(ctx, what, func(ctx context.Context) error {
		if _, err := a.c.metadata(ctx, []string{anyTopic}); err != nil {
			return err
		}
		broker := a.c.controller()
		var resp *sarama.DescribeConfigsResponse
		err := a.c.ask(ctx, broker, mainLane, a.c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
			resp, err = b.DescribeConfigs(&sarama.DescribeConfigsRequest{Version: 4, Resources: []*sarama.ConfigResource{
				{Type: sarama.BrokerResource, Name: strconv.Itoa(int(broker)), ConfigNames: []string{key}}}})
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range resp.Resources {
			if code := sarama.KError(r.ErrorCode); code == sarama.ErrClusterAuthorizationFailed {
				return nil
			} else if code != sarama.ErrNoError {
				return answered(what, code)
			}
			for _, e := range r.Configs {
				if e.Name == key {
					enabled = e.Value != "false"
				}
			}
		}
		return nil
	})
	return enabled, err
}

// CreateTopic creates a topic and waits until every broker asked knows it. One
// that exists is false, nil.
func (a *Admin) CreateTopic(ctx context.Context, spec TopicSpec) (created bool, err error) {
	if err := CheckTopicName(spec.Name); err != nil {
		return false, err
	}
	what := "create topic " + spec.Name
	err = a.try(ctx, what, func(ctx context.Context) error {
		if a.c.controller() < 0 {
			if _, err := a.c.metadata(ctx, []string{anyTopic}); err != nil {
				return err
			}
		}
		detail := &sarama.TopicDetail{NumPartitions: spec.Partitions, ReplicationFactor: spec.Replication,
			ConfigEntries: make(map[string]*string, len(spec.Configs))}
		for k, v := range spec.Configs {
			detail.ConfigEntries[k] = &v
		}
		var resp *sarama.CreateTopicsResponse
		err := a.c.ask(ctx, a.c.controller(), mainLane, a.c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
			resp, err = b.CreateTopics(&sarama.CreateTopicsRequest{Version: 5, Timeout: a.c.opts.requestTimeout,
				TopicDetails: map[string]*sarama.TopicDetail{spec.Name: detail}})
			return err
		})
		if err != nil {
			a.c.forgetController()
			return err
		}
		e := resp.TopicErrors[spec.Name]
		if e == nil || e.Err == sarama.ErrNoError {
			created = true
			return nil
		}
		switch e.Err {
		case sarama.ErrTopicAlreadyExists:
			return nil
		case sarama.ErrNotController:
			a.c.forgetController()
		}
		return refused(what, e)
	})
	if err == nil && created {
		err = a.awaitTopic(ctx, spec.Name)
	}
	return created, err
}

// refused adds the broker's own words, which say what is wrong with a topic.
func refused(what string, e *sarama.TopicError) error {
	err := answered(what, e.Err)
	if e.ErrMsg != nil && *e.ErrMsg != "" {
		f := fault.Of(err)
		f.Err = fmt.Errorf("%s: %s", what, *e.ErrMsg)
		switch e.Err {
		case sarama.ErrInvalidReplicationFactor, sarama.ErrInvalidPartitions, sarama.ErrInvalidConfig, sarama.ErrInvalidTopic,
			sarama.ErrPolicyViolation:
			f.Class = fault.Config
		}
	}
	return err
}

// awaitTopic waits until metadata shows a new topic with its leaders, so that who
// created it can use it.
func (a *Admin) awaitTopic(ctx context.Context, topic string) error {
	return a.try(ctx, "wait for topic "+topic, func(ctx context.Context) error {
		codes, err := a.c.refresh(ctx, topic)
		if err != nil {
			return err
		}
		if code := codes[topic]; code != sarama.ErrNoError {
			return answered("wait for topic "+topic, code)
		}
		n, _ := a.c.partitions(topic)
		for p := range n {
			if a.c.leader(data.TopicPartition{Topic: topic, Partition: int32(p)}) < 0 {
				return answered("wait for topic "+topic, sarama.ErrLeaderNotAvailable)
			}
		}
		return nil
	})
}

func (c *cluster) forgetController() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.control = -1
}

// ListOffsets gives for each partition the offset at Earliest, Latest,
// LatestCommitted, or that of the first record with at least the given timestamp
// (milliseconds); the end where there is none. A topic or partition that does not
// exist is waited for like an absent leader, and Retry in the end.
func (a *Admin) ListOffsets(ctx context.Context, tps []data.TopicPartition, at int64) (data.Offsets, error) {
	var found data.Offsets
	err := a.try(ctx, "list offsets", func(ctx context.Context) (err error) {
		found, err = a.c.listOffsets(ctx, tps, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	var after []data.TopicPartition
	for _, tp := range tps {
		if found[tp] < 0 { // no record as young as that
			after = append(after, tp)
		}
	}
	if len(after) > 0 {
		ends, err := a.ListOffsets(ctx, after, Latest)
		if err != nil {
			return nil, err
		}
		for tp, o := range ends {
			found[tp] = o
		}
	}
	return found, nil
}

// listOffsets asks the leaders once. Partitions that fail make the whole fail.
func (c *cluster) listOffsets(ctx context.Context, tps []data.TopicPartition, at int64) (data.Offsets, error) {
	isolation := sarama.ReadUncommitted
	if at == LatestCommitted {
		at, isolation = Latest, sarama.ReadCommitted
	}
	byLeader, err := c.byLeader(ctx, tps)
	if err != nil {
		return nil, err
	}
	found := make(data.Offsets, len(tps))
	for broker, part := range byLeader {
		req := &sarama.OffsetRequest{Version: 6, IsolationLevel: isolation}
		for _, tp := range part {
			req.AddBlock(tp.Topic, tp.Partition, at, 1)
		}
		var resp *sarama.OffsetResponse
		err := c.ask(ctx, broker, mainLane, c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
			resp, err = b.GetAvailableOffsets(req)
			return err
		})
		if err != nil {
			c.forgetLeaders(part)
			return nil, err
		}
		for _, tp := range part {
			block := resp.GetBlock(tp.Topic, tp.Partition)
			if block == nil {
				return nil, fmt.Errorf("%w: partition %s-%d is missing in the answer", errTransport, tp.Topic, tp.Partition)
			}
			if block.Err != sarama.ErrNoError {
				c.forgetLeaders(part)
				return nil, answered(fmt.Sprintf("list offsets of %s-%d", tp.Topic, tp.Partition), block.Err)
			}
			found[tp] = block.Offset
		}
	}
	return found, nil
}

// byLeader groups partitions by the broker that leads them and looks the leaders
// up where they are not known. Retry when one has none.
func (c *cluster) byLeader(ctx context.Context, tps []data.TopicPartition) (map[int32][]data.TopicPartition, error) {
	var ask []string
	for _, tp := range tps {
		if c.leader(tp) < 0 && !slices.Contains(ask, tp.Topic) {
			ask = append(ask, tp.Topic)
		}
	}
	if len(ask) > 0 {
		codes, err := c.refresh(ctx, ask...)
		if err != nil {
			return nil, err
		}
		for t, code := range codes {
			if code != sarama.ErrNoError {
				return nil, answered("ask for the leaders of topic "+t, code)
			}
		}
	}
	byLeader := map[int32][]data.TopicPartition{}
	for _, tp := range tps {
		l := c.leader(tp)
		if l < 0 {
			return nil, answered(fmt.Sprintf("ask for the leader of %s-%d", tp.Topic, tp.Partition), sarama.ErrLeaderNotAvailable)
		}
		byLeader[l] = append(byLeader[l], tp)
	}
	return byLeader, nil
}

// forgetLeaders makes the next byLeader ask again.
func (c *cluster) forgetLeaders(tps []data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range tps {
		if v := c.topics[tp.Topic]; v != nil && int(tp.Partition) < len(v.leaders) {
			v.leaders[tp.Partition] = -1
		}
	}
}

// GroupOffsets returns the committed offsets of a group, for the given
// partitions or, with nil, for all. A partition without one is absent. Stable
// waits until no transaction has an open commit on them.
func (a *Admin) GroupOffsets(ctx context.Context, group string, tps []data.TopicPartition, stable bool) (map[data.TopicPartition]OffsetMeta, error) {
	var found map[data.TopicPartition]OffsetMeta
	err := a.try(ctx, "read the offsets of group "+group, func(ctx context.Context) error {
		return a.c.atCoordinator(ctx, group, func(ctx context.Context, broker int32) (err error) {
			found, err = a.c.fetchOffsets(ctx, broker, group, tps, stable)
			return err
		})
	})
	return found, err
}

// CodeGroupHasMembers is the fault code of a change that a group with members does not
// allow.
const CodeGroupHasMembers = "kafka.group_has_members"

// CommitGroupOffsets commits for a group that has no members. With members the
// error is of class Conflict.
func (a *Admin) CommitGroupOffsets(ctx context.Context, group string, offsets map[data.TopicPartition]OffsetMeta) error {
	if len(offsets) == 0 {
		return nil
	}
	err := a.try(ctx, "commit offsets of group "+group, func(ctx context.Context) error {
		return a.c.atCoordinator(ctx, group, func(ctx context.Context, broker int32) error {
			return a.c.commitOffsets(ctx, broker, commit{group: group, generation: -1, offsets: offsets})
		})
	})
	if fault.Is(err, fault.Fenced) || errors.Is(err, sarama.ErrRebalanceInProgress) {
		return fault.New(fault.Conflict, CodeGroupHasMembers, "group %s has members: %v", group, err)
	}
	return err
}

// DeleteGroup deletes a group with its offsets. A group that does not exist is
// no error; one with members is Conflict.
func (a *Admin) DeleteGroup(ctx context.Context, group string) error {
	what := "delete group " + group
	return a.try(ctx, what, func(ctx context.Context) error {
		return a.c.atCoordinator(ctx, group, func(ctx context.Context, broker int32) error {
			var resp *sarama.DeleteGroupsResponse
			err := a.c.ask(ctx, broker, mainLane, a.c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
				resp, err = b.DeleteGroups(&sarama.DeleteGroupsRequest{Version: 2, Groups: []string{group}})
				return err
			})
			if err != nil {
				return err
			}
			return groupAnswer(what, group, resp.GroupErrorCodes[group])
		})
	})
}

// DeleteGroupOffsets forgets committed offsets of single partitions. Partitions
// that a live member subscribes to are Conflict.
func (a *Admin) DeleteGroupOffsets(ctx context.Context, group string, tps []data.TopicPartition) error {
	what := "delete offsets of group " + group
	return a.try(ctx, what, func(ctx context.Context) error {
		return a.c.atCoordinator(ctx, group, func(ctx context.Context, broker int32) error {
			req := &sarama.DeleteOffsetsRequest{Group: group}
			for _, tp := range tps {
				req.AddPartition(tp.Topic, tp.Partition)
			}
			var resp *sarama.DeleteOffsetsResponse
			err := a.c.ask(ctx, broker, mainLane, a.c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
				resp, err = b.DeleteOffsets(req)
				return err
			})
			if err != nil {
				return err
			}
			if err := groupAnswer(what, group, resp.ErrorCode); err != nil {
				return err
			}
			for _, tp := range tps {
				code := resp.Errors[tp.Topic][tp.Partition]
				if code == sarama.ErrUnknownTopicOrPartition {
					continue // nothing is committed there
				}
				if err := groupAnswer(what, group, code); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func groupAnswer(what, group string, code sarama.KError) error {
	switch code {
	case sarama.ErrGroupIDNotFound:
		return nil
	case sarama.ErrNonEmptyGroup, sarama.ErrGroupSubscribedToTopic:
		return fault.New(fault.Conflict, CodeGroupHasMembers, "%s: the group has members", what).
			WithFix("Stop what consumes as group %s first.", group)
	}
	return answered(what, code)
}

// Close ends the connections. It may be called twice.
func (a *Admin) Close() error {
	a.c.close()
	return nil
}
