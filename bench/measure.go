package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/IBM/sarama"
	"github.com/hamba/avro/v2"

	"culvert/bench/record"
	"culvert/internal/mongostub"
	"culvert/test/servers"
)

// bed is what all measurements share.
type bed struct {
	options
	dir      string
	self     string // this program
	culvert  string // the product's binary
	kafka    *servers.Kafka
	registry *servers.Registry
	mongo    *mongostub.Server
	client   sarama.Client
	rows     []row
	ways     []record.Result
}

// row is one line of the table; a figure of 0 was not measured.
type row struct {
	name              string
	ours, floor, java float64
	unit, target      string
	allocs            float64
	hasAllocs         bool
}

// step is one measurement.
type step struct {
	name  string
	run   func(context.Context) error
	alone bool // it needs no servers
}

func measure(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "culvert-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bed{options: o, dir: dir}
	defer b.close()
	ready := false
	steps := []step{
		{name: "transcode", run: b.transcode, alone: true},
		{name: "start", run: b.start}, {name: "generate", run: b.generate}, {name: "source", run: b.source},
		{name: "insert-json", run: b.jsonSink("insert-json", "floor-insert", nil)}, {name: "upsert-json", run: b.jsonSink("upsert-json", "floor-upsert", upserts)},
		{name: "insert-avro", run: b.avroSink("insert-avro", "floor-insert", nil)}, {name: "upsert-avro", run: b.avroSink("upsert-avro", "floor-upsert", upserts)},
		{name: "latency", run: b.latency}, {name: "join", run: b.join},
	}
	if o.documents > 0 {
		steps = []step{{name: "long", run: b.long}}
	}
	steps = slices.DeleteFunc(steps, func(s step) bool { return !strings.Contains(s.name, o.only) })
	if len(steps) == 0 {
		return fmt.Errorf("no measurement has %q in its name", o.only)
	}
	for _, s := range steps {
		if !s.alone && !ready {
			if err := b.prepare(ctx); err != nil {
				return err
			}
			ready = true
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", s.name)
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.print()
}

func (b *bed) prepare(ctx context.Context) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	b.culvert = filepath.Join(b.dir, "culvert")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.culvert, "./cmd/culvert")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build culvert: %w\n%s", err, out)
	}
	if b.kafka, err = servers.NewKafka(ctx, b.dir, nil); err != nil {
		return err
	}
	if err = b.kafka.Start(ctx); err != nil {
		return err
	}
	if b.registry, err = servers.NewRegistry(ctx, b.dir); err != nil {
		return err
	}
	if err = b.registry.Start(ctx); err != nil {
		return err
	}
	if b.mongo, err = mongostub.Start(mongostub.Options{Discard: true}); err != nil {
		return err
	}
	b.client, err = client(b.kafka.Addr)
	return err
}

func (b *bed) close() {
	if b.client != nil {
		_ = b.client.Close()
	}
	if b.mongo != nil {
		b.mongo.Stop()
	}
	if b.registry != nil {
		b.registry.Kill()
	}
	if b.kafka != nil {
		b.kafka.Kill()
	}
}

// usage is what a stretch of work has cost.
type usage struct {
	micros  float64 // CPU of each unit
	rate    float64 // units a second
	peakRSS int64
}

// watch measures the CPU of p between the moment that count has reached warm and
// the moment that it has reached all.
func (b *bed) watch(ctx context.Context, p *servers.Process, warm, all int64, count func() (int64, error)) (usage, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var first, last int64
	var from time.Duration
	var began time.Time
	deadline := time.NewTimer(5*time.Minute + time.Duration(all)*100*time.Microsecond)
	defer deadline.Stop()
	for {
		n, err := count()
		if err != nil {
			return usage{}, err
		}
		if n >= warm && first == 0 {
			if from, err = p.CPU(); err != nil {
				return usage{}, err
			}
			first, began = n, time.Now()
		}
		if n >= all {
			last = n
			break
		}
		select {
		case <-p.Done():
			return usage{}, fmt.Errorf("%s ended at %d of %d:\n%s", p.Name, n, all, p.Tail())
		case <-ctx.Done():
			return usage{}, ctx.Err()
		case <-deadline.C:
			return usage{}, fmt.Errorf("%s is at %d of %d after its time:\n%s", p.Name, n, all, p.Tail())
		case <-tick.C:
		}
	}
	took := time.Since(began)
	to, err := p.CPU()
	if err != nil {
		return usage{}, err
	}
	rss, err := p.PeakRSS()
	done := float64(last - first)
	return usage{micros: float64((to - from).Nanoseconds()) / 1000 / done, rate: done / took.Seconds(), peakRSS: rss}, err
}

// writes counts what the MongoDB that discards has been given since now.
func (b *bed) writes() func() (int64, error) {
	before := b.mongo.Writes()
	return func() (int64, error) { return b.mongo.Writes() - before, nil }
}

func (b *bed) made(topic string) func() (int64, error) {
	return func() (int64, error) { return produced(b.client, topic) }
}

// floor runs this program as a child in a floor mode.
func (b *bed) floor(ctx context.Context, all int64, count func() (int64, error), mode string, args ...string) (usage, error) {
	p := servers.New(mode, filepath.Join(b.dir, mode+".log"), nil, nil, b.self, append([]string{mode}, args...)...)
	if err := p.Start(ctx); err != nil {
		return usage{}, err
	}
	defer p.Kill()
	return b.watch(ctx, p, all/3, all, count)
}

func (b *bed) registerItem(ctx context.Context, subject string) (int, error) {
	out, err := call(ctx, "POST", b.registry.URL+"/subjects/"+subject+"/versions", map[string]string{"schema": itemSchema})
	if err != nil {
		return 0, err
	}
	var id int
	_, err = fmt.Sscanf(strings.Join(strings.Fields(string(out)), ""), `{"id":%d`, &id)
	return id, err
}

func avroItems(id int) func(i int) (key, value []byte) {
	encode := avroDocument(avro.MustParse(itemSchema), id)
	return func(i int) ([]byte, []byte) { return orderKey(i), encode(i) }
}

func (b *bed) print() error {
	if len(b.ways) > 0 {
		if err := printWays(b.ways); err != nil {
			return err
		}
		fmt.Println()
	}
	if len(b.rows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "measured\tculvert\tfloor\tJava\t× floor\tJava ÷ culvert\tallocs each\ttarget\t")
	for _, r := range b.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", r.name, figure(r.ours, r.unit), figure(r.floor, r.unit), figure(r.java, r.unit),
			ratio(r.ours, r.floor), ratio(r.java, r.ours), allocations(r), r.target)
	}
	return w.Flush()
}

func figure(v float64, unit string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}

func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func allocations(r row) string {
	if !r.hasAllocs {
		return "-"
	}
	return fmt.Sprintf("%.2f", r.allocs)
}
