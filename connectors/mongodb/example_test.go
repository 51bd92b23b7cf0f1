package mongodb_test

import (
	"context"
	"fmt"
	"log"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
	"culvert/connectors/mongodb"
	"culvert/data"
	"culvert/internal/mongostub"
)

// A record becomes a document whose _id is a field of it: writing it again
// replaces it, so that a replay changes nothing.
func Example() {
	server, err := mongostub.Start(mongostub.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()

	ctx := context.Background()
	sink, err := mongodb.Plugin().Sink(ctx, connectors.Env{}, map[string]string{
		"connection.uri":       server.URI(),
		"topics":               "orders",
		"database":             "shop",
		"document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.PartialValueStrategy",
		"document.id.strategy.partial.value.projection.type": "AllowList",
		"document.id.strategy.partial.value.projection.list": "order",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = sink.Close(ctx) }()

	for _, total := range []string{"9.15", "11.90"} {
		batch := data.NewBatch()
		r := batch.Append()
		r.Topic = "orders"
		r.Value = data.ValueCell(data.OfString(`{"order":7,"total":`+total+`}`), nil)
		if err := sink.Write(ctx, batch); err != nil {
			log.Fatal(err)
		}
	}
	for _, doc := range server.Docs("shop.orders") {
		fmt.Println(bson.Raw(doc))
	}
	// Output: {"_id": {"order": {"$numberInt":"7"}},"order": {"$numberInt":"7"},"total": {"$numberDouble":"11.9"}}
}
