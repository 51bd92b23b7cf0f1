package boot

import (
	"context"
	"slices"
	"strings"

	"culvert/fault"
	"culvert/runtime/plugins"
	"culvert/runtime/providers"
)

// Checked is what a validation without a worker found.
type Checked struct {
	Errors []plugins.Finding
	Typos  []plugins.Typo
	// Ignored are keys of managed connectors that have no effect.
	Ignored []string
	// Unchecked are keys whose value a config provider will give.
	Unchecked []string
}

// ValidateConnector checks a connector's configuration as a worker with these
// properties would, but without asking anybody: no server is dialled, and variables
// are not resolved, since what they stand for lies on the workers' machines.
func ValidateConnector(ctx context.Context, set plugins.Set, worker, config map[string]string) (Checked, error) {
	var c Checked
	registry, err := plugins.New(ConnectVersion, set)
	if err != nil {
		return c, err
	}
	v := &plugins.Validator{Plugins: registry, Worker: worker, Distributed: true, Providers: &providers.Providers{}}
	answer, err := v.Validate(ctx, plugins.Request{Props: config, Offline: true})
	if fault.Is(err, fault.Config) {
		e := fault.Of(err)
		c.Errors = []plugins.Finding{{Key: e.Field, Value: config[e.Field], Error: err.Error(), Fix: e.Fix}}
		return c, nil
	}
	if err != nil {
		return c, err
	}
	for _, f := range answer.Findings() {
		if !variable(config[f.Key]) {
			c.Errors = append(c.Errors, f)
		}
	}
	for k, value := range config {
		if variable(value) {
			c.Unchecked = append(c.Unchecked, k)
		}
	}
	slices.Sort(c.Unchecked)
	c.Typos, c.Ignored = answer.Typos(), answer.Ignored
	return c, nil
}

// variable reports whether a value holds ${provider:…}.
func variable(value string) bool {
	_, rest, ok := strings.Cut(value, "${")
	name, _, closed := strings.Cut(rest, "}")
	return ok && closed && strings.Contains(name, ":")
}

// PluginList describes what a set holds: the list of GET /connector-plugins, and the
// keys of one plugin with ours among them.
type PluginList struct{ registry *plugins.Registry }

// ListPlugins makes the list of a set.
func ListPlugins(set plugins.Set) (PluginList, error) {
	r, err := plugins.New(ConnectVersion, set)
	return PluginList{r}, err
}

// All lists the plugins; connectors alone, or all.
func (l PluginList) All(connectorsOnly bool) []plugins.Info { return l.registry.List(connectorsOnly) }

// Keys lists the keys of a plugin.
func (l PluginList) Keys(name string) ([]*plugins.Definition, error) {
	return l.registry.Definitions(name, true)
}

// Page is the reference page of a connector.
func (l PluginList) Page(class string) ([]byte, error) { return l.registry.Page(class) }

// TransformsPage is the reference page of Culvert's own transformations.
func (l PluginList) TransformsPage() []byte { return l.registry.TransformsPage() }
