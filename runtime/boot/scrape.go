package boot

import (
	"cmp"
	"strings"

	"culvert/runtime/group"
	"culvert/runtime/metrics"
	"culvert/runtime/store"
)

// scrape is what /metrics shows now: what this worker has, also connectors and tasks
// that could not start.
func (b *building) scrape() metrics.Scrape {
	s := metrics.Scrape{
		Group: b.herder.Membership(), StateBytes: b.worker.StateBytes(), Abandoned: b.worker.Abandoned(), Version: Version().Culvert,
	}
	restarts := b.herder.AutoRestarts()
	for _, name := range b.herder.Connectors() {
		status, err := b.herder.Status(name)
		if err != nil {
			continue // nobody has said anything of it yet
		}
		config, err := b.herder.Connector(name)
		if err != nil {
			continue // deleted meanwhile
		}
		c := b.describe(config)
		c.State = status.Connector.State
		for task, t := range status.Tasks {
			if t.WorkerID == b.id && t.State != store.StateUnassigned {
				c.Tasks = append(c.Tasks, metrics.TaskInfo{ID: task, State: t.State, Stats: b.worker.TaskStats(name, task),
					Restarts: int(restarts[group.Task{Connector: name, Task: task}])})
			}
		}
		if len(c.Tasks) > 0 || status.Connector.WorkerID == b.id && status.Connector.State != store.StateUnassigned {
			s.Connectors = append(s.Connectors, c)
		}
	}
	return s
}

// describe finds classes and versions of a connector's plugins. What this binary
// lacks is shown as the configuration names it.
func (b *building) describe(c *store.Connector) metrics.Connector {
	value := func(key, dflt string) string { return cmp.Or(b.Config.Providers.Value(c.Config[key]), dflt) }
	step := func(alias, class string) metrics.Step {
		if known, ok := b.registry.Class(class); ok {
			class = known
		}
		return metrics.Step{Alias: alias, Class: class, Version: b.registry.VersionOf(class)}
	}
	steps := func(key string) (all []metrics.Step) {
		for alias := range strings.SplitSeq(value(key, ""), ",") {
			if alias = strings.TrimSpace(alias); alias != "" {
				all = append(all, step(alias, value(key+"."+alias+".type", "")))
			}
		}
		return all
	}
	plugin := step("", value("connector.class", ""))
	out := metrics.Connector{
		Name: c.Name, Class: plugin.Class, Version: plugin.Version,
		Key:             step("", value("key.converter", b.Config.KeyConverter)),
		Value:           step("", value("value.converter", b.Config.ValueConverter)),
		Header:          step("", value("header.converter", b.Config.HeaderConverter)),
		Transformations: steps("transforms"), Predicates: steps("predicates"),
	}
	if p, err := b.registry.Connector(plugin.Class); err == nil {
		out.Type, out.TaskClass = string(p.Kind), p.TaskClass
	}
	return out
}

// MetricsPage is the reference page of what /metrics shows.
func MetricsPage() []byte { return metrics.Page() }
