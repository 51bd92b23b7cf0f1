package boot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/herder"
	"culvert/runtime/metrics"
	"culvert/runtime/plugins"
	"culvert/runtime/rest"
	"culvert/runtime/store"
	"culvert/runtime/worker"
)

// Options say what worker to start.
type Options struct {
	Config     Config
	Mode       Mode
	Plugins    plugins.Set
	Connectors []Connector // of a standalone worker, created at start
	Log        *slog.Logger
	Loggers    *rest.Loggers // levels of Log that REST may change; nil: they have no effect
	// Dial makes connections to Kafka; nil: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Worker is a running worker.
type Worker struct {
	url    string
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{} // closed when everything has ended
	err    error         // valid after done
}

// URL is where the REST interface answers, as advertised to other workers.
func (w *Worker) URL() string { return w.url }

// Wait waits until ctx ends, then drains the worker: sources stop, sinks flush,
// offsets are committed, the group is left. It returns early, with the reason,
// when the worker cannot go on.
func (w *Worker) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		w.log.Info("stopping: tasks drain, offsets are committed")
		w.cancel()
		<-w.done
	case <-w.done:
	}
	return w.err
}

// Close drains the worker and waits for it.
func (w *Worker) Close() error {
	w.cancel()
	<-w.done
	return w.err
}

// Check validates what Start would use without connecting to anything.
func Check(ctx context.Context, o Options) error {
	registry, err := plugins.New(ConnectVersion, o.Plugins)
	if err != nil {
		return err
	}
	if err := checkClasses(o, registry); err != nil {
		return err
	}
	if _, err := readInterface(&o.Config); err != nil {
		return err
	}
	return o.Config.Secrets.Error(checkConnectors(ctx, &o, o.validator(registry)))
}

// validator checks connectors by this worker's properties.
func (o *Options) validator(registry *plugins.Registry) *plugins.Validator {
	return &plugins.Validator{Plugins: registry, Worker: o.Config.Props, Distributed: o.Mode == Distributed,
		Providers: o.Config.Providers, Secrets: o.Config.Secrets}
}

// Start begins to serve the REST interface and starts the worker behind it. It
// returns when the interface listens: whoever asks before the worker has reached
// Kafka is told so. A broker that does not answer is waited for.
func Start(ctx context.Context, o Options) (*Worker, error) {
	o.Log = slog.New(o.Config.Secrets.Handler(o.Log.Handler()))
	if o.Config.Providers != nil {
		o.Config.Providers.LogTo(o.Log.With("logger", "org.apache.kafka.connect.runtime.WorkerConfigTransformer"))
	}
	w, err := start(ctx, o)
	return w, o.Config.Secrets.Error(err)
}

func start(ctx context.Context, o Options) (*Worker, error) {
	registry, err := plugins.New(ConnectVersion, o.Plugins)
	if err != nil {
		return nil, err
	}
	if err := checkClasses(o, registry); err != nil {
		return nil, err
	}
	face, err := readInterface(&o.Config)
	if err != nil {
		return nil, err
	}
	face.warn(o.Log)
	listeners, err := rest.Listen(ctx, "listeners", face.main, face.secure)
	if err != nil {
		return nil, err
	}
	admins, err := rest.Listen(ctx, "admin.listeners", face.admin, face.secureAdmin)
	if err != nil {
		closeAll(listeners)
		return nil, err
	}
	scraped, err := rest.Listen(ctx, "metrics.listener", face.metrics, face.secureMetrics)
	if err != nil {
		closeAll(append(listeners, admins...))
		return nil, err
	}
	protocol, id := face.advertise(&o.Config, listeners)
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &Worker{url: protocol + "://" + id, log: o.Log, cancel: cancel, done: make(chan struct{})}
	b := &building{Options: o, registry: registry, face: face, id: id, url: w.url}
	b.validator = o.validator(registry)
	go func() {
		defer close(w.done)
		defer cancel()
		w.err = o.Config.Secrets.Error(b.run(run, &ports{{listeners: listeners}, {listeners: admins}, {listeners: scraped}}))
	}()
	o.Log.Info("culvert listens", "url", w.url, "mode", string(o.Mode), "version", Version().Culvert, "bootstrap.servers", o.Config.Bootstrap)
	return w, nil
}

// checkClasses makes sure that the worker's converters exist.
func checkClasses(o Options, registry *plugins.Registry) error {
	bad := &ConfigErrors{}
	for key, class := range map[string]string{"key.converter": o.Config.KeyConverter, "value.converter": o.Config.ValueConverter, "header.converter": o.Config.HeaderConverter} {
		if _, ok := registry.Class(class); !ok {
			bad.Keys = append(bad.Keys, key)
			bad.Sentences = append(bad.Sentences, fmt.Sprintf("Invalid value %s for configuration %s: there is no such converter; there are %v",
				class, key, registry.Classes(plugins.Converter)))
		}
	}
	for _, role := range []struct {
		kafka.Role
		prefix string
	}{{kafka.AdminRole, ""}, {kafka.ProducerRole, "producer."}, {kafka.ConsumerRole, "consumer."}, {kafka.AdminRole, "admin."}} {
		_, err := kafka.CheckProps(clientProps(o.Config.Props, role.prefix), role.Role)
		if err == nil {
			continue
		}
		err = kafka.Rename(err, func(key string) string {
			if _, own := o.Config.Props[role.prefix+key]; own {
				return role.prefix + key
			}
			return key
		})
		key := cmp.Or(fieldOf(err), "bootstrap.servers")
		if !slices.Contains(bad.Keys, key) { // a key without a prefix is every role's
			bad.Keys = append(bad.Keys, key)
			bad.Sentences = append(bad.Sentences, fault.Explain(err))
		}
	}
	if len(bad.Keys) > 0 {
		return bad.without(o.Config.Secrets)
	}
	return nil
}

func fieldOf(err error) string {
	if e := fault.Of(err); e != nil {
		return e.Field
	}
	return ""
}

func closeAll(open []net.Listener) {
	for _, l := range open {
		_ = l.Close() // another error is on its way
	}
}

// building is a worker as it comes up and runs.
type building struct {
	Options
	registry *plugins.Registry
	face     *restInterface
	id, url  string

	validator *plugins.Validator
	herder    *herder.Herder
	worker    *worker.Worker
	stats     *metrics.Worker
	closers   []func() error
}

// ports are the listeners of listeners, admin.listeners and metrics.listener. What
// answers there stands behind a gate until the worker has reached Kafka.
type ports [3]struct {
	gate      rest.Gate
	listeners []net.Listener
}

// run owns everything: it starts the interface, builds the worker, runs it until
// ctx ends, and takes it all down again.
func (b *building) run(ctx context.Context, open *ports) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	var gates []rest.Port
	for i := range open {
		gates = append(gates, rest.Port{Handler: &open[i].gate, Listeners: open[i].listeners})
	}
	go func() { served <- rest.Serve(serving, b.javaLog("rest.RestServer"), time.Second, gates...) }()
	err := b.work(ctx, open)
	stop()
	return errors.Join(err, <-served)
}

// work builds the worker, opens the gate to it, and runs it until ctx ends.
func (b *building) work(ctx context.Context, open *ports) error {
	defer b.close()
	if err := b.build(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it waited for a broker
		}
		return err
	}
	exporter, err := metrics.NewExporter(b.stats, b.Config.MetricsNames, b.scrape)
	if err != nil {
		return err
	}
	server := rest.New(rest.Config{
		Herder: b.herder, Validator: b.validator, Version: ConnectVersion, Commit: Version().Commit, Loggers: b.Loggers, Log: b.javaLog("rest.RestServer"),
		TopicTracking: b.Config.TopicTracking, TopicReset: b.Config.TopicReset, MaskPasswords: b.Config.MaskPasswords, AllowOrigin: b.Config.AllowOrigin, AllowMethods: b.Config.AllowMethods,
		Users: b.face.users, Headers: b.face.headers, AdminElsewhere: b.Config.AdminElsewhere, Forward: b.face.forward,
		Metrics: exporter, MetricsElsewhere: len(b.face.metrics) > 0,
	})
	for i, handler := range [...]http.Handler{server, server.Admin(), server.MetricsOnly()} {
		open[i].gate.Open(handler)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.herder.Run(ctx) })
	g.Go(func() error { return b.createConnectors(ctx) })
	return g.Wait()
}

func (b *building) close() {
	for i := len(b.closers) - 1; i >= 0; i-- {
		if err := b.closers[i](); err != nil {
			b.Log.Warn("not closed cleanly", "err", err)
		}
	}
}

// herderLogger are the names of Java's herders.
var herderLogger = map[Mode]string{Distributed: "distributed.DistributedHerder", Standalone: "standalone.StandaloneHerder"}

// javaLog is the log under the name of the class that does the same in Java's runtime.
func (b *building) javaLog(class string) *slog.Logger {
	return b.Log.With("logger", "org.apache.kafka.connect.runtime."+class)
}

func (b *building) settings(name string) kafka.Settings {
	return kafka.Settings{Props: clientProps(b.Config.Props, ""), ClientID: name, Log: b.Log, Dial: b.Dial}
}

// build opens the stores and makes worker and herder.
func (b *building) build(ctx context.Context) error {
	admin, clusterID, err := b.reachCluster(ctx)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, admin.Close)
	b.stats = metrics.NewWorker(b.Config.Sampling)
	s := herder.Settings{
		Stats:    b.stats,
		WorkerID: b.id, URL: b.url, ClusterID: clusterID, Plugin: b.plugin, SinkOffsets: sinkOffsets{admin}, Providers: b.Config.Providers,
		TrackTopics: b.Config.TopicTracking, StopTimeout: b.Config.ShutdownTimeout + 2*time.Second, Log: b.javaLog(herderLogger[b.Mode]),
	}
	if b.Loggers != nil {
		s.OnLogger = func(logger, level string) { b.Loggers.Set(logger, level) }
	}
	if err := b.openStores(ctx, &s); err != nil {
		return err
	}
	b.worker = worker.New(worker.Config{
		Stats: b.stats, Sampling: b.Config.Sampling,
		ID: b.id, Plugins: b.registry, Props: b.Config.Props, ClusterGroup: b.Config.GroupID, DataDir: b.Config.DataDir,
		Offsets: s.Offsets, Dial: b.Dial, Log: b.javaLog("Worker"), Providers: b.Config.Providers, Secrets: b.Config.Secrets,
		OnStatus: func(connector string, task int, state, trace string) { b.herder.Report(connector, task, state, trace) },
		OnTopic:  func(connector string, task int, topic string) { b.herder.ReportTopic(connector, task, topic) },
	})
	b.closers = append(b.closers, b.closeWorker)
	s.Worker = b.worker
	s.MaxRestarts, s.CheckTasks = b.worker.MaxRestarts, b.worker.CheckTasks
	b.validator.Inputs, b.validator.Reach = b.worker.CheckInputs, b.worker.Reach
	if b.Mode == Standalone {
		b.herder, err = herder.NewStandalone(s)
		return err
	}
	if b.Config.ConnectProtocol != "eager" {
		b.Log.Info("only the eager rebalance protocol is offered so far", "connect.protocol", b.Config.ConnectProtocol)
	}
	b.herder, err = herder.NewDistributed(s, kafka.GroupConfig{
		ID: b.Config.GroupID, SessionTimeout: b.Config.SessionTimeout, RebalanceTimeout: b.Config.RebalanceTimeout, HeartbeatInterval: b.Config.Heartbeat,
	}, func(c kafka.GroupConfig) (herder.Group, error) {
		return kafka.OpenGroup(ctx, b.settings("connect-"+b.Config.GroupID), c)
	})
	return err
}

// reachCluster waits for a broker that answers.
func (b *building) reachCluster(ctx context.Context) (*kafka.Admin, string, error) {
	backoff := 100 * time.Millisecond
	for {
		admin, err := kafka.OpenAdmin(ctx, b.settings("connect-cluster-"+b.Config.GroupID))
		if err == nil {
			var id string
			if id, err = admin.ClusterID(ctx); err == nil {
				return admin, id, nil
			}
			err = errors.Join(err, admin.Close())
		}
		if !fault.Is(err, fault.Retry) || ctx.Err() != nil {
			return nil, "", err
		}
		b.Log.Warn("Kafka does not answer; trying again", "bootstrap.servers", b.Config.Bootstrap, "err", err)
		timer := time.NewTimer(backoff)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, "", ctx.Err()
		}
		backoff = min(2*backoff, 2*time.Second)
	}
}

func (b *building) openStores(ctx context.Context, s *herder.Settings) (err error) {
	config, offsets, statuses := store.Memory(), store.File(b.Config.OffsetsFile), store.Memory()
	if b.Mode == Distributed {
		config = b.topic("config", "connector configurations", b.Config.ConfigTopic)
		offsets = b.topic("offset", "source connector offsets", b.Config.OffsetTopic)
		statuses = b.topic("status", "connector and task statuses", b.Config.StatusTopic)
	}
	const storage = "org.apache.kafka.connect.storage."
	var opening sync.WaitGroup
	var c *store.ConfigStore
	var o *store.OffsetStore
	var st *store.StatusStore
	var errC, errO, errS error
	// Side by side: each waits for the broker several times.
	opening.Go(func() {
		c, errC = store.OpenConfig(ctx, config, b.Log.With("logger", storage+"KafkaConfigBackingStore"))
	})
	opening.Go(func() {
		o, errO = store.OpenOffsets(ctx, offsets, b.Log.With("logger", storage+"KafkaOffsetBackingStore"))
	})
	opening.Go(func() {
		st, errS = store.OpenStatuses(ctx, statuses, b.Log.With("logger", storage+"KafkaStatusBackingStore"))
	})
	opening.Wait()
	if errC == nil {
		b.closers = append(b.closers, c.Close)
	}
	if errO == nil {
		b.closers = append(b.closers, o.Close)
	}
	if errS == nil {
		b.closers = append(b.closers, st.Close)
	}
	s.Config, s.Offsets, s.Statuses = c, o, st
	return errors.Join(errC, errO, errS)
}

// topic opens one of the internal topics; kind is the first word of its keys.
func (b *building) topic(kind, holds string, t Topic) store.Open {
	return store.Topic(b.settings("connect-"+kind+"-"+b.Config.GroupID), kafka.TableConfig{
		Topic: t.Name, Property: kind + ".storage.topic", Holds: holds, Single: kind == "config",
		Create: kafka.TopicSpec{Partitions: t.Partitions, Replication: t.Replication, Configs: topicConfigs(b.Config.Props, kind)},
	})
}

// closeWorker waits for what the herder has not stopped already.
func (b *building) closeWorker() error {
	ctx, cancel := context.WithTimeout(context.Background(), b.Config.ShutdownTimeout+2*time.Second)
	defer cancel()
	return b.worker.Close(ctx)
}

func (b *building) plugin(class string) (herder.Plugin, error) {
	p, err := b.registry.Connector(class)
	if err != nil {
		return herder.Plugin{}, err
	}
	out := herder.Plugin{Kind: p.Kind, Version: cmp.Or(p.Version, ConnectVersion), AllOffsets: p.AllOffsets}
	if p.CheckOffsets != nil {
		out.CheckOffsets = func(ctx context.Context, props map[string]string, offsets []data.Mark) error {
			return p.CheckOffsets(ctx, b.registry.Adapt(props, b.Config.Props).Props, offsets)
		}
	}
	if p.KeptOffsets != nil {
		out.KeptOffsets = func(ctx context.Context, props map[string]string, group string, offsets map[data.TopicPartition]*int64) (bool, error) {
			return p.KeptOffsets(ctx, b.registry.Adapt(props, b.Config.Props).Props, group, offsets)
		}
	}
	return out, nil
}
