package metrics

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

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

// Exporter writes the table in Prometheus' text format.
type Exporter struct {
	registry *prometheus.Registry
}

// NewExporter makes one. Ask is called at each scrape; what it returns belongs to
// the exporter. Worker may be nil.
func NewExporter(worker *Worker, names Names, ask func() Scrape) (*Exporter, error) {
	if worker == nil {
		worker = NewWorker(Sampling{})
	}
	e := &Exporter{registry: prometheus.NewRegistry()}
	for _, c := range []prometheus.Collector{newTable(worker, names, ask), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := e.registry.Register(c); err != nil {
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
	families, err := e.registry.Gather()
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	enc := expfmt.NewEncoder(w, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// table collects the rows.
type table struct {
	worker *Worker
	ask    func() Scrape
	descs  [][][]*prometheus.Desc // by section and row; one for each name
}

func newTable(worker *Worker, shown Names, ask func() Scrape) *table {
	t := &table{worker: worker, ask: ask}
	for _, s := range sections {
		var descs [][]*prometheus.Desc
		for _, m := range s.rows {
			m.Group = s.group
			names := labels[s.scope]
			if m.Type == Text {
				names = append(append([]string(nil), names...), m.textLabel())
			}
			var each []*prometheus.Desc
			for _, name := range shown.of(&m) {
				each = append(each, prometheus.NewDesc(name, m.Help, names, nil))
			}
			descs = append(descs, each)
		}
		t.descs = append(t.descs, descs)
	}
	return t
}

// textLabel is the label that carries a text.
func (m *Metric) textLabel() string {
	if m.Attribute == "build_info" {
		return "version"
	}
	return snake(m.Attribute)
}

// Describe implements prometheus.Collector.
func (t *table) Describe(ch chan<- *prometheus.Desc) {
	for _, section := range t.descs {
		for _, d := range slices.Concat(section...) {
			ch <- d
		}
	}
}

// Collect implements prometheus.Collector.
func (t *table) Collect(ch chan<- prometheus.Metric) {
	scrape := t.ask()
	for i := range scrape.Connectors {
		c := &scrape.Connectors[i]
		c.State = strings.ToLower(c.State)
		for k := range c.Tasks {
			c.Tasks[k].State = strings.ToLower(c.Tasks[k].State)
		}
	}
	x := subject{now: t.worker.now(), scrape: &scrape, worker: t.worker}
	t.worker.mu.Lock()
	t.rows(ch, &x, ofWorker, nil)
	t.worker.mu.Unlock()
	for i := range scrape.Connectors {
		x.connector = &scrape.Connectors[i]
		t.rows(ch, &x, ofConnector, []string{label(x.connector.Name)})
		for k := range x.connector.Tasks {
			x.info = &x.connector.Tasks[k]
			t.tasks(ch, x)
		}
	}
}

// tasks collects the rows of one task. One that could not start has zeros.
func (t *table) tasks(ch chan<- prometheus.Metric, x subject) {
	if x.task = x.info.Stats; x.task == nil {
		x.task = NewTask(Sampling{})
	}
	x.now = x.task.now()
	at := []string{label(x.connector.Name), strconv.Itoa(x.info.ID)}
	t.rows(ch, &x, ofTask, at)
	switch x.connector.Type {
	case "source":
		t.rows(ch, &x, ofSourceTask, at)
	case "sink":
		t.rows(ch, &x, ofSinkTask, at)
	}
	for s, steps := range map[scope][]Step{ofTransform: x.connector.Transformations, ofPredicate: x.connector.Predicates} {
		for i := range steps {
			if slices.ContainsFunc(steps[:i], func(s Step) bool { return s.Alias == steps[i].Alias }) {
				continue // a line may stand once
			}
			x.step = &steps[i]
			t.rows(ch, &x, s, append(at[:2:2], label(x.step.Alias)))
		}
	}
}

// label is a text as Prometheus takes it, which is UTF-8. Others may have written what
// is none into the config topic.
func label(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.Trim(strconv.QuoteToASCII(text), `"`)
}

func (t *table) rows(ch chan<- prometheus.Metric, x *subject, of scope, at []string) {
	for i, s := range sections {
		if s.scope != of {
			continue
		}
		for k := range s.rows {
			m := &s.rows[k]
			kind, value, values := prometheus.GaugeValue, 1.0, at
			switch m.Type {
			case Text:
				text := m.text(x)
				if text == "" {
					continue
				}
				values = append(at[:len(at):len(at)], label(text))
			case Counter:
				kind, value = prometheus.CounterValue, m.value(x)
			default:
				value = m.value(x)
			}
			if strings.HasSuffix(m.Attribute, "-count") {
				kind = prometheus.UntypedValue // Prometheus keeps that end of a name for histograms
			}
			for _, d := range t.descs[i][k] {
				ch <- prometheus.MustNewConstMetric(d, kind, value, values...)
			}
		}
	}
}

var _ prometheus.Collector = (*table)(nil)
