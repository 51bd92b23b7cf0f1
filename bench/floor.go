package main

import (
	"context"

	"github.com/IBM/sarama"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"
)

const floorBatch = 500 // max.poll.records of the Java consumer

func client(bootstrap string) (sarama.Client, error) {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Return.Successes = true
	cfg.Producer.Flush.Frequency = 0
	cfg.Consumer.Fetch.Default = 1 << 20
	return sarama.NewClient([]string{bootstrap}, cfg)
}

// floorInsert is the least that a sink must do: fetch with sarama, and write a
// prepared document for each message with the driver, with no work between.
func floorInsert(ctx context.Context, bootstrap, topic, uri string, upsert bool) error {
	c, err := client(bootstrap)
	if err != nil {
		return err
	}
	defer c.Close()
	consumer, err := sarama.NewConsumerFromClient(c)
	if err != nil {
		return err
	}
	defer consumer.Close()
	m, err := mongo.Connect(mongooptions.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	defer m.Disconnect(context.WithoutCancel(ctx))
	partitions, err := c.Partitions(topic)
	if err != nil {
		return err
	}
	messages := make(chan *sarama.ConsumerMessage, 1024)
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range partitions {
		pc, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		defer pc.Close()
		g.Go(func() error { return forward(ctx, pc.Messages(), messages) })
	}
	g.Go(func() error { return writePrepared(ctx, m.Database("bench").Collection("floor"), messages, upsert) })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func forward(ctx context.Context, from <-chan *sarama.ConsumerMessage, to chan<- *sarama.ConsumerMessage) error {
	for {
		select {
		case msg := <-from:
			select {
			case to <- msg:
			case <-ctx.Done():
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func writePrepared(ctx context.Context, coll *mongo.Collection, messages <-chan *sarama.ConsumerMessage, upsert bool) error {
	raw, err := bson.Marshal(document(0))
	if err != nil {
		return err
	}
	prepared := bson.Raw(raw)
	// As small as the filters of the sink that is measured.
	filter, err := bson.Marshal(bson.D{{Key: "order_id", Value: string(orderKey(0))}})
	if err != nil {
		return err
	}
	docs := make([]any, 0, floorBatch)
	models := make([]mongo.WriteModel, 0, floorBatch)
	for {
		n := 0
		docs, models = docs[:0], models[:0]
		for n < floorBatch {
			if n > 0 && len(messages) == 0 {
				break
			}
			select {
			case <-messages:
				n++
			case <-ctx.Done():
				return ctx.Err()
			}
			if upsert {
				models = append(models, mongo.NewReplaceOneModel().SetFilter(bson.Raw(filter)).SetReplacement(prepared).SetUpsert(true))
			} else {
				docs = append(docs, prepared)
			}
		}
		if upsert {
			_, err = coll.BulkWrite(ctx, models)
		} else {
			_, err = coll.InsertMany(ctx, docs)
		}
		if err != nil {
			return err
		}
	}
}
