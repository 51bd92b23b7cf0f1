package boot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"culvert/connectors/datagen"
	"culvert/connectors/datagen/macd"
)

// The tasks of a matched stream divide it; another number of tasks, and another
// worker, go on where the former were: each order comes once.
func TestOrdersOfAnyNumberOfTasks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const orders = 4000
	config := func(tasks int) map[string]string {
		return w.fromFile("datagen-orders", map[string]string{
			"tasks.max": strconv.Itoa(tasks), "iterations": strconv.Itoa(orders), "records.per.second": "1000",
			"event.time.start": "now-30d", "event.time.span": "30d",
		})
	}
	made := func(n int64) {
		t.Helper()
		w.await(fmt.Sprint(n, " orders"), func() error {
			if have := w.offsets("macd_orders"); have < n {
				return fmt.Errorf("%d orders", have)
			}
			return nil
		})
	}
	put := func(tasks int) {
		t.Helper()
		w.do(http.MethodPut, "/connectors/datagen-orders/config", config(tasks), http.StatusOK)
	}
	w.create("datagen-orders", config(2))
	made(300)
	put(5)
	made(900)
	put(1)
	made(1200)
	w.stop()
	w.begin()
	made(1500)
	put(3)
	for task := range 3 {
		w.awaitTask("datagen-orders", task, "FAILED", "Stopping connector: generated the configured 4000 number of messages")
	}

	truth, err := datagen.Truth(config(3), macd.Window)
	if err != nil {
		t.Fatal(err)
	}
	made(orders)
	seen := counts{}
	for _, m := range w.read("macd_orders") {
		seen[macd.Pair{OrderID: string(m.Key)}]++
	}
	want := counts{}
	for _, o := range truth.Orders {
		want[macd.Pair{OrderID: o.ID}] = 1
	}
	if err := seen.equal(want); err != nil {
		t.Error(err)
	}

	status, body := w.get("/connectors/datagen-orders/offsets")
	var answer struct {
		Offsets []struct {
			Partition map[string]int64
			Offset    map[string]int64
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || len(answer.Offsets) != 16 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	for _, o := range answer.Offsets {
		if next := o.Offset["current.iteration"]; next != orders+o.Partition["shard"] || o.Offset["event.time.now"] == 0 {
			t.Errorf("%+v", o)
		}
	}
}
