package worker

import (
	"context"
	"sync"

	"culvert/connectors"
	"culvert/data"
	"culvert/kafka"
	"culvert/runtime/store"
)

// sharedAdmin is the one admin client of a task: for the task itself and for what
// its connector asks of Env.Topics. It is opened when somebody needs it.
type sharedAdmin struct {
	open func(ctx context.Context) (*kafka.Admin, error)

	mu    sync.Mutex
	admin *kafka.Admin
}

func (s *sharedAdmin) get(ctx context.Context) (*kafka.Admin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admin == nil {
		var err error
		if s.admin, err = s.open(ctx); err != nil {
			return nil, err
		}
	}
	return s.admin, nil
}

func (s *sharedAdmin) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admin != nil {
		_ = s.admin.Close() // the task has said what went wrong
		s.admin = nil
	}
}

// topics is connectors.Topics over the task's admin.
type topics struct{ admin *sharedAdmin }

func (t topics) info(ctx context.Context, topic string) (kafka.TopicInfo, error) {
	a, err := t.admin.get(ctx)
	if err != nil {
		return kafka.TopicInfo{}, err
	}
	infos, err := a.Topics(ctx, topic)
	return infos[topic], err
}

func (t topics) Partitions(ctx context.Context, topic string) (int, error) {
	i, err := t.info(ctx, topic)
	return i.Partitions, err
}

func (t topics) Replication(ctx context.Context, topic string) (int, error) {
	i, err := t.info(ctx, topic)
	return int(i.Replication), err
}

func (t topics) Create(ctx context.Context, topic string, partitions int32, replication int16, configs map[string]string) error {
	a, err := t.admin.get(ctx)
	if err != nil {
		return err
	}
	_, err = a.CreateTopic(ctx, kafka.TopicSpec{Name: topic, Partitions: partitions, Replication: replication, Configs: configs})
	return err
}

// offsetReader reads a connector's source offsets.
type offsetReader struct {
	offsets   store.Offsets
	connector string
}

func (o offsetReader) Load(ctx context.Context, partitions []data.Value) ([]data.Value, error) {
	return o.offsets.Load(ctx, o.connector, partitions)
}

var (
	_ connectors.Topics       = topics{}
	_ connectors.OffsetReader = offsetReader{}
)
