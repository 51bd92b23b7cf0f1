package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"culvert/connectors/datagen/macd"
)

type settings struct {
	out     io.Writer
	once    bool
	verbose bool
	orders  int
	port    int // of the REST API; another when it is taken
}

const (
	ordersTopic   = "macd_orders"
	paymentsTopic = "macd_payments"
	joinedTopic   = "macd_orders_payments_joined"
)

const pipelinePicture = `
  datagen MACD_ORDERS   ─▶ macd_orders   ─┐
                                          ├▶ StreamJoin ─▶ macd_orders_payments_joined ─▶ MongoDB sink ─▶ orders_payments_joined
  datagen MACD_PAYMENTS ─▶ macd_payments ─┘  within 24 h on order_id
`

// run is the demo from start to end. With once, a nil error means that exactly
// the documents that must be there are there.
func run(ctx context.Context, o settings) (err error) {
	began := time.Now()
	s, err := startServers()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	fmt.Fprintf(o.out, "Kafka on %s, Schema Registry on %s, MongoDB on %s: embedded, started in %v\n",
		s.brokers(), strings.TrimPrefix(s.registry.URL(), "http://"), strings.Trim(strings.TrimPrefix(s.mongoURI, "mongodb://"), "/"), since(began))

	logTo := io.Discard
	if o.verbose {
		logTo = o.out
	}
	began = time.Now()
	w, err := startWorker(ctx, s, o.port, slog.New(slog.NewTextHandler(logTo, nil)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	fmt.Fprintf(o.out, "Culvert's REST API on %s, started in %v\n%s\n", w.URL(), since(began), pipelinePicture)

	began = time.Now()
	truth, err := post(ctx, o.out, w.URL(), s, o.orders)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.out)
	docs, err := openDocuments(ctx, s.mongoURI)
	if err != nil {
		return err
	}
	defer docs.close()
	if err := watch(ctx, o, s, docs, w.URL(), truth); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "\n%d orders and %d payments became %d joined documents in %v\n", len(truth.Orders), len(truth.Payments), len(truth.Pairs), since(began))
	if err := check(ctx, s, docs, truth); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "Checked against what the generator made: %d rows and %d documents, none missing, none doubled.\n", len(truth.Pairs), len(truth.Pairs))
	if err := report(ctx, o.out, docs); err != nil {
		return err
	}
	if o.once {
		return nil
	}
	fmt.Fprint(o.out, goOn(w.URL(), s))
	<-ctx.Done()
	fmt.Fprintln(o.out, "\nStopping.")
	return nil
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

// watch shows the progress until all documents are there. It gives up when
// nothing moves any more.
func watch(ctx context.Context, o settings, s *servers, docs *documents, url string, truth macd.Truth) error {
	const patience = 2 * time.Minute
	p := progress{out: o.out, live: isTerminal(o.out)}
	last, moved := -1, time.Now()
	for {
		n, err := docs.count(ctx)
		if err != nil {
			return err
		}
		orders, payments := s.records(ordersTopic), s.records(paymentsTopic)
		p.show(
			bar{"orders", orders, len(truth.Orders)},
			bar{"payments", payments, len(truth.Payments)},
			bar{"joined in MongoDB", n, len(truth.Pairs)})
		if n >= len(truth.Pairs) && orders >= len(truth.Orders) && payments >= len(truth.Payments) {
			return nil
		}
		if sum := orders + payments + n; sum != last {
			last, moved = sum, time.Now()
		}
		if time.Since(moved) > patience {
			return fmt.Errorf("nothing has moved for %v: %d of %d documents\n%s", patience, n, len(truth.Pairs), statuses(ctx, url))
		}
		if err := failed(ctx, url, "orders-payments-join", "mongodb-sink"); err != nil {
			return err
		}
		if err := wait(ctx, 250*time.Millisecond); err != nil {
			return fmt.Errorf("interrupted at %d of %d documents", n, len(truth.Pairs))
		}
	}
}

// failed reports the first FAILED task of the connectors, which nothing but a
// restart would bring back.
func failed(ctx context.Context, url string, connectors ...string) error {
	for _, c := range connectors {
		_, answer, err := request(ctx, http.MethodGet, url+"/connectors/"+c+"/status", nil)
		if err != nil {
			return err
		}
		var status struct {
			Tasks []struct {
				ID           int
				State, Trace string
			}
		}
		if json.Unmarshal(answer, &status) != nil {
			continue // not there yet
		}
		for _, task := range status.Tasks {
			if task.State == "FAILED" {
				return fmt.Errorf("task %d of %s is FAILED: %s", task.ID, c, task.Trace)
			}
		}
	}
	return nil
}

// statuses is the status of all connectors, for the text of an error.
func statuses(ctx context.Context, url string) string {
	_, answer, err := request(ctx, http.MethodGet, url+"/connectors?expand=status", nil)
	if err != nil {
		return err.Error()
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, answer, "", "  ") != nil {
		return string(answer)
	}
	return pretty.String()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func goOn(url string, s *servers) string {
	return fmt.Sprintf(`
Go on with:

  curl -s '%[1]s/connectors?expand=status'
  curl -s %[1]s/connectors/orders-payments-join/status
  curl -s %[1]s/connectors/mongodb-sink/offsets
  curl -s -X PUT  %[1]s/connectors/mongodb-sink/pause
  curl -s -X PUT  %[1]s/connectors/mongodb-sink/resume
  curl -s -X POST '%[1]s/connectors/mongodb-sink/restart?includeTasks=true'
  curl -s %[1]s/connector-plugins
  curl -s %[2]s/subjects
  mongosh '%[3]smacd' --eval 'db.orders_payments_joined.findOne()'

The two generators are FAILED with "generated the configured … number of messages": that is how this connector ends, as in Java.
Ctrl-C stops everything.
`, url, s.registry.URL(), s.mongoURI)
}
