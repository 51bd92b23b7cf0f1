package metrics

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// Scrape is what there is to show at one moment.
type Scrape struct {
	Connectors []Connector // of this worker, also those that could not start
	Group      Group
	StateBytes int64 // of joins, in memory
	Abandoned  int   // tasks
	Version    string
}

// Group is the worker's membership.
type Group struct {
	Protocol, Leader  string
	Generation        int32
	Connectors, Tasks int // assigned
}

// Step is a plugin of a connector.
type Step struct {
	Alias          string
	Class, Version string
}

// Connector is one connector of this worker.
type Connector struct {
	Name, State, Type           string // State in upper or lower case
	Class, Version, TaskClass   string
	Key, Value, Header          Step // converters
	Transformations, Predicates []Step
	Tasks                       []TaskInfo
}

// TaskInfo is one task of this worker. Stats is nil while it could not start.
type TaskInfo struct {
	ID       int
	State    string
	Restarts int
	Stats    *Task
}

func (s *Scrape) tasks() int {
	n := 0
	for i := range s.Connectors {
		n += len(s.Connectors[i].Tasks)
	}
	return n
}

func (c *Connector) count(state string) float64 {
	n := 0
	for i := range c.Tasks {
		if strings.EqualFold(c.Tasks[i].State, state) {
			n++
		}
	}
	return float64(n)
}

// Exporter writes the table in Prometheus' text format. It writes the rows itself:
// client_golang's registry keeps a whole answer in memory several times over, 66 MB for a
// thousand connectors. What the program tells of itself comes from that registry.
type Exporter struct {
	worker  *Worker
	names   Names
	ask     func() Scrape
	program *prometheus.Registry
}

// NewExporter makes one. Ask is called at each scrape; what it returns belongs to
// the exporter. Worker may be nil.
func NewExporter(worker *Worker, names Names, ask func() Scrape) (*Exporter, error) {
	if worker == nil {
		worker = NewWorker(Sampling{})
	}
	e := &Exporter{worker: worker, names: names, ask: ask, program: prometheus.NewRegistry()}
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := e.program.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return e, nil
}

var format = expfmt.NewFormat(expfmt.TypeTextPlain)

// ContentType is that of what Write writes.
func (e *Exporter) ContentType() string { return string(format) }

// Write writes one scrape.
func (e *Exporter) Write(w io.Writer) error {
	families, err := e.program.Gather() // first: what fails has written nothing
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	subjects := e.subjects()
	var t text
	for i := range sections {
		s := &sections[i]
		for k := range s.rows {
			t.row(&s.rows[k], s, subjects[s.scope], e.worker)
			m := s.rows[k]
			m.Group = s.group
			for _, name := range e.names.of(&m) {
				if err := t.write(w, name, &m); err != nil {
					return err
				}
			}
		}
	}
	enc := expfmt.NewEncoder(w, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// subjects asks what there is, by scope.
func (e *Exporter) subjects() (all [scopes][]subject) {
	scrape := e.ask()
	base := subject{now: e.worker.now(), scrape: &scrape, worker: e.worker}
	all[ofWorker] = []subject{base}
	for i := range scrape.Connectors {
		c := &scrape.Connectors[i]
		c.State = strings.ToLower(c.State)
		x := base
		x.connector = c
		at := []string{pair("connector", c.Name)}
		x.labels = at
		all[ofConnector] = append(all[ofConnector], x)
		for k := range c.Tasks {
			c.Tasks[k].State = strings.ToLower(c.Tasks[k].State)
			x.info = &c.Tasks[k]
			if x.task = x.info.Stats; x.task == nil {
				x.task = NewTask(Sampling{}) // it could not start: zeros
			}
			x.now = x.task.now()
			x.labels = []string{at[0], pair("task", strconv.Itoa(x.info.ID))}
			all[ofTask] = append(all[ofTask], x)
			switch c.Type {
			case "source":
				all[ofSourceTask] = append(all[ofSourceTask], x)
				if c.Class == mongoSourceClass {
					all[ofMongoSource] = append(all[ofMongoSource], x.named("source-task-"))
				}
			case "sink":
				all[ofSinkTask] = append(all[ofSinkTask], x)
				if c.Class == mongoClass {
					all[ofMongoSink] = append(all[ofMongoSink], x.named("sink-task-"))
				}
			}
			all[ofTransform] = append(all[ofTransform], steps(x, "transform", c.Transformations)...)
			all[ofPredicate] = append(all[ofPredicate], steps(x, "predicate", c.Predicates)...)
		}
	}
	return all
}

// named is a task with the label that MongoDB's MBeans have for it.
func (x subject) named(prefix string) subject {
	x.labels = []string{x.labels[0], pair("task", prefix+strconv.Itoa(x.info.ID))}
	return x
}

// steps are the subjects of a task's transformations or predicates; an alias that
// stands twice counts once.
func steps(x subject, label string, of []Step) (all []subject) {
	at := x.labels
	for i := range of {
		if slices.ContainsFunc(of[:i], func(s Step) bool { return s.Alias == of[i].Alias }) {
			continue
		}
		x.step = &of[i]
		x.labels = append(at[:len(at):len(at)], pair(label, of[i].Alias))
		slices.Sort(x.labels)
		all = append(all, x)
	}
	return all
}
