package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"culvert/internal/ports"
	"culvert/test/servers"
)

// run is a worker of either runtime that has one connector to work on.
type run struct {
	*servers.Process
	url   string
	stats string // file that our worker leaves its allocations in; "" for Java
}

func (b *bed) ourWorker(ctx context.Context, name string, props map[string]string) (*run, error) {
	port, err := ports.Free()
	if err != nil {
		return nil, err
	}
	all := servers.WorkerProps(b.kafka.Addr, name, port)
	for k, v := range props {
		all[k] = v
	}
	file := filepath.Join(b.dir, name+".properties")
	if err := servers.WriteProperties(file, all); err != nil {
		return nil, err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	stats := filepath.Join(b.dir, name+".stats")
	env := []string{"BENCH_STATS=" + stats}
	if b.profile != "" {
		env = append(env, "BENCH_PROFILE="+filepath.Join(b.profile, name+".pprof"))
	}
	p := servers.New("culvert "+name, filepath.Join(b.dir, name+".log"), env, servers.Answers(url+"/health"), b.self, "worker", file)
	return &run{Process: p, url: url, stats: stats}, p.Start(ctx)
}

func (b *bed) javaWorker(ctx context.Context, name string, props map[string]string) (*run, error) {
	c, err := servers.NewConnect(ctx, b.dir, b.kafka.Addr, name, props)
	if err != nil {
		return nil, err
	}
	return &run{Process: c.Process, url: c.URL}, c.Start(ctx)
}

// allocations ends our worker and returns its allocations, those of its start included.
func (r *run) allocations(units int) (float64, error) {
	if err := r.Stop(20 * time.Second); err != nil {
		return 0, err
	}
	raw, err := os.ReadFile(r.stats)
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, r.Tail())
	}
	var s memStats
	err = json.Unmarshal(raw, &s)
	return float64(s.Mallocs) / float64(units), err
}

func (r *run) post(ctx context.Context, name string, config map[string]string) error {
	_, err := call(ctx, "POST", r.url+"/connectors", map[string]any{"name": name, "config": config})
	return err
}

// start measures the time from the start of the process to the first answer, and
// the memory of a worker without connectors.
func (b *bed) start(ctx context.Context) error {
	r := row{name: "start to GET / (ms)", unit: "ms", target: "≤ 300 ms"}
	idle := row{name: "resident, idle (MB)", unit: "MB", target: "≤ 60 MB"}
	port, err := ports.Free()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "start.properties")
	if err := servers.WriteProperties(file, servers.WorkerProps(b.kafka.Addr, "start", port)); err != nil {
		return err
	}
	p := servers.New("culvert", filepath.Join(b.dir, "start.log"), nil, servers.Answers(fmt.Sprintf("http://127.0.0.1:%d/", port)), b.culvert, "worker", file)
	var best time.Duration
	for range 3 { // the first one makes the topics
		began := time.Now()
		if err := p.Spawn(); err != nil {
			return err
		}
		if err := p.WaitReadyEvery(ctx, 2*time.Millisecond); err != nil {
			return err
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
		rss, err := p.RSS()
		if err != nil {
			return err
		}
		idle.ours = float64(rss) / (1 << 20)
		if err := p.Stop(10 * time.Second); err != nil {
			return err
		}
	}
	r.ours = float64(best.Microseconds()) / 1000
	if b.java {
		began := time.Now()
		j, err := b.javaWorker(ctx, "start-java", nil)
		if err != nil {
			return err
		}
		defer j.Kill()
		r.java = float64(time.Since(began).Milliseconds())
		rss, err := j.RSS()
		if err != nil {
			return err
		}
		idle.java = float64(rss) / (1 << 20)
	}
	b.rows = append(b.rows, r, idle)
	return nil
}

func (b *bed) join(ctx context.Context) error {
	for _, side := range []string{"left", "right"} {
		record := func(i int) ([]byte, []byte) {
			return orderKey(i), fmt.Appendf(nil, `{"order_id":"%s","%s_amount":%d.25,"%s_note":"a note of some length on this side"}`, orderKey(i), side, i%1000, side)
		}
		if err := fill(ctx, b.kafka.Addr, "join-"+side, 2, b.pairs, record); err != nil {
			return err
		}
	}
	r := row{name: "join, CPU a pair", unit: "µs", target: "≥ 6 × less than Kafka Streams"}
	w, err := b.ourWorker(ctx, "join", nil)
	if err != nil {
		return err
	}
	defer w.Kill()
	err = w.post(ctx, "join", map[string]string{
		"connector.class": "culvert.connectors.TopicSink", "topics": "join-left,join-right", "topic": "joined",
		"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"transforms": "join", "transforms.join.type": "culvert.transforms.StreamJoin", "transforms.join.copartitioned": "true",
		"transforms.join.left.topic": "join-left", "transforms.join.right.topic": "join-right", "transforms.join.on": "order_id", "transforms.join.within": "24 hours",
	})
	if err != nil {
		return err
	}
	n := int64(b.pairs)
	u, err := b.watch(ctx, w.Process, n/3, n, b.made("joined"))
	if err != nil {
		return err
	}
	r.ours = u.micros
	work := row{name: "join, peak resident (MB)", unit: "MB", ours: float64(u.peakRSS) / (1 << 20)}
	if r.allocs, err = w.allocations(b.pairs); err != nil {
		return err
	}
	r.hasAllocs = true
	if b.java {
		p, err := b.streams(ctx)
		if err != nil {
			return err
		}
		defer p.Kill()
		if u, err = b.watch(ctx, p, n/3, n, b.made("joined-streams")); err != nil {
			return err
		}
		r.java, work.java = u.micros, float64(u.peakRSS)/(1<<20)
	}
	b.rows = append(b.rows, r, work)
	return nil
}

// streams compiles and starts the Kafka Streams program that does the same join.
func (b *bed) streams(ctx context.Context) (*servers.Process, error) {
	jars, err := servers.KafkaJars(ctx)
	if err != nil {
		return nil, err
	}
	classes := filepath.Join(b.dir, "classes")
	if out, err := exec.CommandContext(ctx, "javac", "-cp", jars+"/*", "-d", classes, "bench/java/StreamsJoin.java").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("javac: %w\n%s", err, out)
	}
	if err := fill(ctx, b.kafka.Addr, "joined-streams", 2, 0, nil); err != nil {
		return nil, err
	}
	p := servers.New("streams", filepath.Join(b.dir, "streams.log"), nil, nil, "java", "-Xmx1g", "-Dlog4j2.level=WARN",
		"-cp", jars+"/*:"+classes, "StreamsJoin", b.kafka.Addr, "bench-streams", "join-left", "join-right", "joined-streams", filepath.Join(b.dir, "streams-state"))
	return p, p.Start(ctx)
}

// registryRoot is the address of the registry's own API.
func registryRoot(ccompat string) string {
	return ccompat[:len(ccompat)-len("/apis/ccompat/v7")] + "/apis/registry/v2"
}
