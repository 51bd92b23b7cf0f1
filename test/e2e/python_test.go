//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"culvert/connectors/datagen/macd"
	"culvert/test/servers"
)

// TestPythonProducer feeds the join from Python, partitioned by librdkafka's
// default (CRC32), into topics that the join waits for.
func TestPythonProducer(t *testing.T) {
	venv, err := servers.Python(t.Context(), "python-producer", "confluent-kafka==2.16.1", "fastavro==1.13.1")
	if err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, "python", "a", nil)
	for _, topic := range []string{"python_orders", "python_payments"} {
		createTopic(t, topic, 3)
	}
	const count = 3000
	p := &pipeline{name: "python"}
	for i := range count {
		order, payment := fmt.Sprintf("py-%06d", i), fmt.Sprintf("pay-%06d", i)
		p.truth.Orders = append(p.truth.Orders, macd.Order{ID: order})
		p.truth.Payments = append(p.truth.Payments, macd.Payment{ID: payment, OrderID: order})
		p.truth.Pairs = append(p.truth.Pairs, macd.Pair{OrderID: order, PaymentID: payment})
	}
	p.startJoin(t, w.url, nil)
	p.startSink(t, w.url, "KafkaMetaDataStrategy")
	out, err := exec.CommandContext(t.Context(), filepath.Join(venv, "bin", "python"), "python/producer.py",
		shared.kafka.Addr, shared.registry.URL, "python_orders", "python_payments", fmt.Sprint(count)).CombinedOutput()
	if err != nil {
		t.Fatalf("producer: %v\n%s", err, out)
	}
	p.complete(t)
	if status, body := rest(t, http.MethodDelete, w.url+"/connectors/python-join", nil); status != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", status, body)
	}
}
