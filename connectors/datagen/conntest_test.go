package datagen

import (
	"testing"

	"culvert/connectors"
	"culvert/connectors/conntest"
	"culvert/data"
)

func TestContract(t *testing.T) {
	for _, quickstart := range []string{"ORDERS", "MACD_ORDERS", "MACD_PAYMENTS"} {
		t.Run(quickstart, func(t *testing.T) {
			props := func(interval string) map[string]string {
				return map[string]string{
					"kafka.topic": "t", "quickstart": quickstart, "max.interval": interval, "random.seed": "8",
					"event.time.start": "0", "task.id": "0",
				}
			}
			conntest.Source(t, conntest.SourceCase{
				Batches: 3,
				Open: func(t *testing.T, from []data.Mark) connectors.Source {
					return start(t, from, props("0"))
				},
				Quiet: func(t *testing.T) connectors.Source { return start(t, nil, props("900000000")) },
			})
		})
	}
}
