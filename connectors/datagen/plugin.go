package datagen

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/fault"
)

// Class is the name of the connector in configurations.
const Class = "io.confluent.kafka.connect.datagen.DatagenConnector"

// Plugin describes the connector.
func Plugin() connectors.Plugin {
	return connectors.Plugin{
		Class:     Class,
		Aliases:   []string{"DatagenSource", "DatagenConnector", "Datagen"},
		Version:   "0.7.1",
		TaskClass: "io.confluent.kafka.connect.datagen.DatagenTask",
		Kind:      connectors.SourceKind,
		Managed:   &managed,
		Spec:      def.Specs,
		Check:     check,
		Tasks:     tasks,
		Source:    open,
	}
}

func check(_ context.Context, props map[string]string) *configdef.Report {
	_, r := def.Parse(props)
	return r
}

// tasks gives each task its number and how many there are. The matched streams
// have no more tasks than shards.
func tasks(props map[string]string, max int) ([]map[string]string, error) {
	if isMacd(strings.TrimSpace(props[keyQuickstart])) {
		max = min(max, shards)
	}
	all := make([]map[string]string, max)
	for i := range all {
		all[i] = maps.Clone(props)
		all[i][keyTask], all[i][keyTasks] = strconv.Itoa(i), strconv.Itoa(max)
	}
	return all, nil
}

// Parse reads the configuration of a connector or of one of its tasks. The error
// lists everything that is wrong.
func Parse(props map[string]string) (Config, error) {
	c, r := def.Parse(props)
	if errs := r.Errors(); len(errs) > 0 {
		return c, fault.New(fault.Config, "datagen.config", "%s", strings.Join(errs, "; "))
	}
	for k, into := range map[string]*int{keyTask: &c.TaskID, keyTasks: &c.Tasks} {
		text, ok := props[k]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return c, fault.New(fault.Config, "datagen.config", "Invalid value %s for configuration %s: what tells tasks apart is written by the worker", text, k)
		}
		*into = n
	}
	if isMacd(c.Quickstart) && (c.TaskID >= max(c.Tasks, 1) || c.Tasks > shards) {
		return c, fault.New(fault.Config, "datagen.config", "Task %d of %d: %s has tasks 0 to %d at most", c.TaskID, c.Tasks, c.Quickstart, shards-1)
	}
	return c, nil
}
