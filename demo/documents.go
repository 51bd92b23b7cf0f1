package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/connectors/datagen/macd"
)

// documents is the collection that the sink writes to.
type documents struct {
	client     *mongo.Client
	collection *mongo.Collection
}

// document is what the demo reads of a joined document.
type document struct {
	OrderID   string    `bson:"order_id"`
	PaymentID string    `bson:"payment_id"`
	City      string    `bson:"city"`
	Total     float64   `bson:"total"`
	Amount    float64   `bson:"amount"`
	OrderedAt time.Time `bson:"ordered_at"`
}

func openDocuments(ctx context.Context, uri string) (*documents, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		return nil, err
	}
	if err := client.Ping(ctx, nil); err != nil {
		return nil, err
	}
	return &documents{client: client, collection: client.Database("macd").Collection("orders_payments_joined")}, nil
}

func (d *documents) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = d.client.Disconnect(ctx) // the server ends next
}

func (d *documents) count(ctx context.Context) (int, error) {
	n, err := d.collection.EstimatedDocumentCount(ctx) // the exact one reads every document
	return int(n), err
}

func (d *documents) all(ctx context.Context) ([]document, error) {
	cursor, err := d.collection.Find(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	var docs []document
	return docs, cursor.All(ctx, &docs)
}

// check compares the rows of the joined topic and the documents with what the
// generator is known to have made.
func check(ctx context.Context, s *servers, d *documents, truth macd.Truth) error {
	docs, err := d.all(ctx)
	if err != nil {
		return err
	}
	found := map[macd.Pair]int{}
	wrong := 0
	amounts := map[string]float64{}
	for _, p := range truth.Payments {
		amounts[p.ID] = p.Amount
	}
	for _, doc := range docs {
		found[macd.Pair{OrderID: doc.OrderID, PaymentID: doc.PaymentID}]++
		if amounts[doc.PaymentID] != doc.Amount {
			wrong++
		}
	}
	err = compare("documents", truth.Pairs, found)
	if wrong > 0 {
		err = errors.Join(err, fmt.Errorf("%d documents have another amount than their payment", wrong))
	}
	rows, rowsErr := readRows(ctx, s, len(truth.Pairs))
	if rowsErr != nil {
		return errors.Join(err, rowsErr)
	}
	// A row does not show its payment to us without decoding it; its key is the order.
	keys := map[string]int{}
	for _, p := range truth.Pairs {
		keys[p.OrderID]++
	}
	return errors.Join(err, compareRows(keys, rows))
}

// compare reports what is missing, doubled, or there without reason.
func compare(what string, want []macd.Pair, got map[macd.Pair]int) error {
	var missing, doubled []string
	for _, p := range want {
		switch n := got[p]; {
		case n == 0:
			missing = append(missing, p.OrderID)
		case n > 1:
			doubled = append(doubled, p.OrderID)
		}
	}
	if len(missing)+len(doubled) == 0 && len(got) == len(want) {
		return nil
	}
	return fmt.Errorf("%s: %d wanted, %d different ones found, %d missing %s, %d doubled %s",
		what, len(want), len(got), len(missing), some(missing), len(doubled), some(doubled))
}

func compareRows(want, got map[string]int) error {
	var wrong []string
	for k, n := range want {
		if got[k] != n {
			wrong = append(wrong, fmt.Sprintf("%s (%d instead of %d)", k, got[k], n))
		}
	}
	for k, n := range got {
		if want[k] == 0 {
			wrong = append(wrong, fmt.Sprintf("%s (%d instead of 0)", k, n))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("rows of %s: %d orders have the wrong number of rows: %s", joinedTopic, len(wrong), some(wrong))
}

// some keeps the text of an error short.
func some(ids []string) []string {
	sort.Strings(ids)
	return ids[:min(len(ids), 5)]
}

// readRows counts the committed rows of the joined topic by key. It reads on for
// a moment after the last row that is expected: a doubled one would come then.
func readRows(ctx context.Context, s *servers, expected int) (map[string]int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers()), kgo.ConsumeTopics(joinedTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	rows, n := map[string]int{}, 0
	for {
		patience := 10 * time.Second
		if n >= expected {
			patience = time.Second
		}
		poll, cancel := context.WithTimeout(ctx, patience)
		fetches := client.PollFetches(poll)
		ended := poll.Err() != nil
		cancel()
		fetches.EachRecord(func(r *kgo.Record) {
			rows[string(r.Key)]++
			n++
		})
		if ended && fetches.NumRecords() == 0 {
			return rows, ctx.Err()
		}
	}
}
