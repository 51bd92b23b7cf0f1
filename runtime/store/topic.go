package store

import (
	"context"

	"culvert/data"
	"culvert/kafka"
)

// Topic opens a compacted topic of the cluster. c.Apply is ignored.
func Topic(s kafka.Settings, c kafka.TableConfig) Open {
	return func(ctx context.Context, apply func(data.Message)) (Table, error) {
		c := c
		c.Apply = apply
		t, err := kafka.OpenTable(ctx, s, c)
		if err != nil {
			return nil, err
		}
		return topicTable{t}, nil
	}
}

type topicTable struct{ t *kafka.Table }

func (t topicTable) Write(ctx context.Context, kvs ...KV) error {
	out := make([]kafka.KV, len(kvs))
	for i, kv := range kvs {
		out[i] = kafka.KV{Key: kv.Key, Value: kv.Value}
	}
	return t.t.PutMany(ctx, out)
}

func (t topicTable) Sync(ctx context.Context) error { return t.t.Sync(ctx) }
func (t topicTable) Close() error                   { return t.t.Close() }

var _ Table = topicTable{}
