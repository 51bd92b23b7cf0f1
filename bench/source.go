package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"culvert/connectors"
	"culvert/connectors/datagen"
	"culvert/converters"
	"culvert/converters/avro"
	"culvert/data"
)

// encoded makes records of a quickstart and their Avro values, as a source task
// does: batch by batch.
type encoded struct {
	src   connectors.Source
	conv  converters.Converter
	batch *data.Batch
	buf   []byte
}

func newEncoded(ctx context.Context, quickstart, registry string) (*encoded, error) {
	src, err := datagen.Plugin().Source(ctx, connectors.Env{}, map[string]string{
		"kafka.topic": "generated-" + quickstart, "quickstart": quickstart, "max.interval": "0", "random.seed": "1", "task.id": "0",
	})
	if err != nil {
		return nil, err
	}
	f, err := avro.New(map[string]string{"schema.registry.url": registry}, converters.Value, converters.Env{})
	if err != nil {
		return nil, err
	}
	return &encoded{src: src, conv: f.For("generated-" + quickstart), batch: data.NewBatch()}, nil
}

// next generates and encodes a batch and returns how many records it has.
func (e *encoded) next(ctx context.Context) (int, error) {
	e.batch.Release()
	if err := e.src.Read(ctx, e.batch); err != nil {
		return 0, err
	}
	e.buf = e.buf[:0]
	for i := range e.batch.Records {
		v, s, err := e.batch.Records[i].Value.Value(e.batch.Arena)
		if err != nil {
			return 0, err
		}
		if e.buf, err = e.conv.Encode(e.buf, v, s); err != nil {
			return 0, err
		}
	}
	return len(e.batch.Records), nil
}

// generated is what a process that only generates has found.
type generated struct{ Records, Micros int64 }

// generate makes count records of a quickstart as Avro and prints what that cost.
func generate(ctx context.Context, quickstart, count, registry string) error {
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	e, err := newEncoded(ctx, quickstart, registry)
	if err != nil {
		return err
	}
	var g generated
	var before time.Duration
	for made := int64(0); made < n; {
		if made > n/10 && before == 0 { // what is compiled once, and the registry's answer, are not in it
			g.Records, before = made, ownCPU()
		}
		k, err := e.next(ctx)
		if err != nil {
			return err
		}
		made += int64(k)
	}
	g = generated{Records: n - g.Records, Micros: (ownCPU() - before).Microseconds()}
	return json.NewEncoder(os.Stdout).Encode(g)
}

// ownCPU is the user and system time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// generate measures how many records a core generates and encodes in a second.
func (b *bed) generate(ctx context.Context) error {
	for _, quickstart := range []string{"MACD_ORDERS", "MACD_PAYMENTS", "ORDERS", "PAGEVIEWS", "SYSLOG_LOGS"} {
		cmd := exec.CommandContext(ctx, b.self, "generate", quickstart, fmt.Sprint(4*b.records), b.registry.URL)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("generate %s: %w\n%s", quickstart, err, stderr.Bytes())
		}
		var g generated
		if err := json.Unmarshal(out, &g); err != nil {
			return err
		}
		b.rows = append(b.rows, row{
			name: quickstart + " as Avro, a core (1000/s)", unit: "k/s", target: "≥ 400 k/s",
			ours: float64(g.Records) / float64(g.Micros) * 1000,
		})
	}
	return nil
}

// floorProduce is the least that a source must do: produce prepared bytes. They
// are the value of an order as Avro, as large as those of the source.
func floorProduce(ctx context.Context, bootstrap, topic, count, registry string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	e, err := newEncoded(ctx, "MACD_ORDERS", registry)
	if err != nil {
		return err
	}
	made, err := e.next(ctx)
	if err != nil {
		return err
	}
	prepared := bytes.Clone(e.buf[:len(e.buf)/made])
	if err := fill(ctx, bootstrap, topic, 1, n, func(i int) (key, value []byte) { return orderKey(i), prepared }); err != nil {
		return err
	}
	<-ctx.Done() // the figures of an ended process cannot be read
	return nil
}

// source measures the orders of the seed's pipeline as Avro beside a producer of
// prepared bytes.
func (b *bed) source(ctx context.Context) error {
	cpu := row{name: "source, CPU each", unit: "µs", target: "≤ 1.67 × floor"}
	rate := row{name: "source, throughput (1000/s)", unit: "k/s", target: "≥ 0.60 × floor"}
	u, err := b.floor(ctx, int64(b.records), b.made("floor-produce"), "floor-produce", b.kafka.Addr, "floor-produce", fmt.Sprint(b.records), b.registry.URL)
	if err != nil {
		return err
	}
	cpu.floor, rate.floor = u.micros, u.rate/1000
	w, err := b.ourWorker(ctx, "source", nil)
	if err != nil {
		return err
	}
	defer w.Kill()
	err = w.post(ctx, "source", map[string]string{
		"connector.class": "DatagenConnector", "kafka.topic": "sourced", "quickstart": "MACD_ORDERS", "max.interval": "0",
		"iterations": fmt.Sprint(b.records), "random.seed": "1",
		"value.converter": avro.Class, "value.converter.schema.registry.url": b.registry.URL,
	})
	if err != nil {
		return err
	}
	if u, err = b.watch(ctx, w.Process, int64(b.records)/3, int64(b.records), b.made("sourced")); err != nil {
		return err
	}
	cpu.ours, rate.ours = u.micros, u.rate/1000
	cpu.allocs, err = w.allocations(b.records)
	cpu.hasAllocs = true
	b.rows = append(b.rows, cpu, rate)
	return err
}
