package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"culvert/configs"
	"culvert/connectors/all"
	"culvert/connectors/datagen"
	"culvert/connectors/datagen/macd"
	"culvert/runtime/boot"
)

// startWorker starts the product, as `culvert worker` does, from configs/worker/connect-distributed.properties, with
// the addresses of the embedded servers.
func startWorker(ctx context.Context, s *servers, port int, log *slog.Logger) (*boot.Worker, error) {
	file := filepath.Join(s.dir, "connect-distributed.properties")
	raw, err := configs.Files.ReadFile("worker/connect-distributed.properties")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return nil, err
	}
	props, err := boot.ReadProperties(file)
	if err != nil {
		return nil, err
	}
	if port, err = freePort(port); err != nil {
		return nil, err
	}
	for k, v := range map[string]string{
		"bootstrap.servers":         s.brokers(),
		"listeners":                 "http://127.0.0.1:" + strconv.Itoa(port),
		"rest.advertised.host.name": "127.0.0.1",
		"offset.flush.interval.ms":  "1000",
		"culvert.data.dir":          filepath.Join(s.dir, "culvert"),
	} {
		props[k] = v
	}
	cfg, _, err := boot.ParseConfig(boot.Distributed, props)
	if err != nil {
		return nil, err
	}
	return boot.Start(ctx, boot.Options{Config: cfg, Mode: boot.Distributed, Plugins: all.Set(), Log: log})
}

// freePort returns the wanted port, or any other when somebody has it.
func freePort(wanted int) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(wanted)))
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return 0, err
		}
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// overrides are what this machine changes in a connector file.
func overrides(name string, s *servers, orders int, day time.Time) map[string]string {
	o := map[string]string{"value.converter.schema.registry.url": s.registry.URL()}
	switch name {
	case "datagen-orders", "datagen-payments":
		o["iterations"] = strconv.Itoa(orders)
		// A whole day, so that the chart by hour shows its rush hours.
		o["event.time.start"] = day.Format(time.DateOnly)
		o["event.time.span"] = "24h"
	case "mongodb-sink":
		o["connection.uri"] = s.mongoURI
		// Two limits of the embedded database: it hangs when a command replaces more
		// than about a hundred documents, and it reads the whole collection to find an
		// _id that is no text. Topic, partition and offset make one that is as unique.
		o["max.batch.size"] = "50"
		o["document.id.strategy"] = "com.mongodb.kafka.connect.sink.processor.id.strategy.KafkaMetaDataStrategy"
	}
	return o
}

// businessDay is the day whose orders the demo shows: the one before now.
func businessDay(now time.Time) time.Time { return now.UTC().AddDate(0, 0, -1) }

// post creates the connectors of configs/ and returns what the generators make.
func post(ctx context.Context, out io.Writer, url string, s *servers, orders int) (macd.Truth, error) {
	var truth macd.Truth
	day := businessDay(time.Now())
	for _, name := range configs.Pipeline {
		c, err := configs.Read(name)
		if err != nil {
			return truth, err
		}
		for k, v := range overrides(name, s, orders, day) {
			c.Config[k] = v
		}
		if name == "datagen-payments" {
			if truth, err = datagen.Truth(c.Config, macd.Window); err != nil {
				return truth, err
			}
		}
		body, err := json.Marshal(c)
		if err != nil {
			return truth, err
		}
		if err := create(ctx, url, body); err != nil {
			return truth, fmt.Errorf("POST configs/connectors/%s.json: %w", name, err)
		}
		fmt.Fprintf(out, "  POST /connectors  configs/connectors/%s.json\n", name)
	}
	return truth, nil
}

// create posts a connector; while the worker joins its group it answers 409 or
// 500, and a client asks again.
func create(ctx context.Context, url string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		status, answer, err := request(ctx, http.MethodPost, url+"/connectors", body)
		if err == nil && status == http.StatusCreated {
			return nil
		}
		if err != nil || status != http.StatusConflict && status < http.StatusInternalServerError {
			return fmt.Errorf("%d %s %w", status, answer, err)
		}
		if wait(ctx, 200*time.Millisecond) != nil {
			return fmt.Errorf("%d %s", status, answer)
		}
	}
}

func request(ctx context.Context, method, url string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, bytes.TrimSpace(answer), err
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
