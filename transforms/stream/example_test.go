package stream_test

import (
	"fmt"

	"culvert/converters"
	"culvert/converters/json"
	"culvert/converters/text"
	"culvert/data"
	"culvert/state"
	"culvert/transforms/stream"
)

// Orders meet their payments within a day.
func Example() {
	plan, err := stream.NewPlan(map[string]string{
		"left.topic": "orders", "right.topic": "payments", "on": "order_id", "within": "24 hours",
		"select": "left.*, right.amount AS paid",
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, _ := text.New(nil, converters.Key)
	values, _ := json.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	store := state.Open(state.Options{})
	defer store.Close()
	windows := store.Take(state.ID{Connector: "example"}, plan.Retention("orders"), plan.Retention("payments"))

	in, out := data.NewBatch(), data.NewBatch()
	for i, m := range []data.Message{
		{Topic: "orders", Key: []byte("o-1"), Value: []byte(`{"order_id":"o-1","total":21}`), Timestamp: 1000},
		{Topic: "payments", Key: []byte("o-1"), Value: []byte(`{"order_id":"o-1","amount":20}`), Timestamp: 61_000},
	} {
		in.Inputs = append(in.Inputs, m)
		r := in.Append()
		r.Topic, r.Timestamp, r.Input = m.Topic, m.Timestamp, int32(i)
		r.Key, r.Value = data.WireCell(m.Key, keys.For(m.Topic)), data.WireCell(m.Value, values.For(m.Topic))
	}
	join := plan.Make(0)
	if err := join.Process(in, out, windows); err != nil {
		fmt.Println(err)
	}
	for i := range out.Records {
		row, schema, _ := out.Records[i].Value.Value(out.Arena)
		text, _ := values.For("joined").Encode(nil, row, schema)
		fmt.Printf("%s @ %d\n", text, out.Records[i].Timestamp)
	}
	// Output: {"order_id":"o-1","total":21,"paid":20} @ 61000
}
