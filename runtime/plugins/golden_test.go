package plugins_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"culvert/connectors"
	"culvert/connectors/all"
	"culvert/internal/golden"
	"culvert/runtime/plugins"
	"culvert/runtime/providers"
)

// TestGoldenClassAliases: what a class name in a configuration stands for.
func TestGoldenClassAliases(t *testing.T) {
	set := all.Set()
	// The recorded worker had MirrorMaker, which we have not: their names follow the
	// same rule.
	for _, mirror := range []string{"Source", "Checkpoint", "Heartbeat"} {
		set.Connectors = append(set.Connectors, connectors.Plugin{Class: "org.apache.kafka.connect.mirror.Mirror" + mirror + "Connector", Kind: connectors.SourceKind})
	}
	registry, err := plugins.New("4.3.1", set)
	if err != nil {
		t.Fatal(err)
	}
	connector := func(name string) (string, error) {
		p, err := registry.Connector(name)
		if err != nil {
			return "", err
		}
		return p.Class, nil
	}
	class := func(name string) (string, error) {
		if c, ok := registry.Class(name); ok {
			return c, nil
		}
		if c, ok := providers.Class(name); ok {
			return c, nil
		}
		if c, _, ok := plugins.Policy(name); ok {
			return c, nil
		}
		return "", fmt.Errorf("no class %s", name)
	}
	golden.RunVectors(t, "producer", "class_aliases", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		if f.Name != "class_aliases" {
			return nil, false
		}
		var in, want struct{ String string }
		if err := json.Unmarshal(c.Input, &in); err != nil {
			return err, true
		}
		if err := json.Unmarshal(c.Output, &want); err != nil {
			return err, true
		}
		find := class
		if c.Config["kind"] == "connector" {
			find = connector
		}
		got, err := find(in.String)
		switch {
		case c.Error == nil && (err != nil || got != want.String):
			return fmt.Errorf("%q is %q, %v, want %q", in.String, got, err, want.String), true
		case c.Error != nil && err == nil:
			return fmt.Errorf("%q is %q, want an error", in.String, got), true
		case c.Error != nil && c.Error.ComparesMessage():
			if want, _, _ := strings.Cut(c.Error.Message, "…"); !strings.HasPrefix(err.Error(), want) {
				return fmt.Errorf("error %q, want %q", err, want), true
			}
		}
		return nil, true
	})
}
