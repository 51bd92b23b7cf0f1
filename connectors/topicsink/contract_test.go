package topicsink

import (
	"context"
	"fmt"
	"testing"

	"culvert/connectors"
	"culvert/connectors/conntest"
	"culvert/data"
)

// produced stands for the task: it keeps what the sink encodes, as a transaction
// does, longer than the batch.
type produced struct {
	*Sink
	all []data.Message
}

func (p *produced) Write(ctx context.Context, b *data.Batch) (err error) {
	p.all, err = p.Encode(ctx, b, p.all)
	return err
}

func TestContract(t *testing.T) {
	var last *produced
	conntest.Sink(t, conntest.SinkCase{
		Open: func(t *testing.T) connectors.Sink {
			s, err := open(t, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			last = &produced{Sink: s}
			return last
		},
		Batch: func(b *data.Batch, n int) {
			for i := n * 10; i < n*10+10; i++ {
				m := data.Message{Topic: "orders", Offset: int64(i), Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, "value", i)}
				b.Inputs = append(b.Inputs, m)
				r := b.Append()
				r.Topic, r.Offset, r.Input = m.Topic, m.Offset, int32(len(b.Inputs)-1)
				r.Key = data.WireCell(b.Arena.Copy(m.Key), fake{})
				r.Value = data.ValueCell(data.OfText(b.Arena.Copy(m.Value)), nil)
			}
		},
		Written: func(*testing.T) []string {
			var all []string
			for _, m := range last.all {
				all = append(all, fmt.Sprintf("%s=%s", m.Key, m.Value))
			}
			return all
		},
	})
}
