package all_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/connectors/all"
	"culvert/internal/golden"
	"culvert/runtime/plugins"
)

const version = "4.3.1"

func registry(t *testing.T) *plugins.Registry {
	t.Helper()
	r, err := plugins.New(version, all.Set())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := fs.ReadFile(golden.Root(), "configdefs/"+name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "${VERSION}", version)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestGoldenConfigDefs compares the keys of every plugin that Java has as well.
func TestGoldenConfigDefs(t *testing.T) {
	r := registry(t)
	var index []struct{ Class, File string }
	read(t, "index.json", &index)
	passed, cases := 0, 0
	for _, entry := range index {
		cases++
		var want struct{ Configs []plugins.Definition }
		read(t, entry.File, &want)
		list, err := r.Definitions(entry.Class, false)
		if err != nil {
			t.Error(err)
			continue
		}
		got := []plugins.Definition{}
		for _, d := range list {
			if d.Documentation == "" {
				t.Errorf("%s: %s has no documentation", entry.Class, d.Name)
			}
			d.Documentation = ""
			got = append(got, *d)
		}
		if diff := cmp.Diff(want.Configs, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", entry.Class, diff)
			continue
		}
		passed++
	}
	golden.Report(t, "configdefs", passed, cases)
}

// TestGoldenFramework compares what the framework adds to a connector's keys.
func TestGoldenFramework(t *testing.T) {
	r, err := plugins.New(version, all.Set())
	if err != nil {
		t.Fatal(err)
	}
	v := plugins.Validator{Plugins: r, Distributed: true, Worker: map[string]string{
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter"}}
	passed, cases := 0, 0
	for _, file := range []string{"framework-source.json", "framework-sink.json", "framework-enriched.json"} {
		var want struct {
			Plugin  string
			Request map[string]string
			Groups  []string
			Configs []plugins.Config
		}
		read(t, file, &want)
		cases++
		got, err := v.Validate(t.Context(), plugins.Request{Props: want.Request})
		if err != nil {
			t.Error(err)
			continue
		}
		if compareFramework(t, file, want.Configs, want.Groups, got) {
			passed++
		}
	}
	golden.Report(t, "framework", passed, cases)
}

// compareFramework compares the recorded fields, in order, and takes others between
// them: the connector's own, and plugins that Java does not have.
func compareFramework(t *testing.T, file string, want []plugins.Config, groups []string, got *plugins.Answer) bool {
	names := map[string]bool{}
	for _, c := range want {
		names[c.Value.Name] = true
	}
	var same []plugins.Config
	for _, c := range got.Configs {
		if !names[c.Value.Name] {
			continue
		}
		c.Definition.Documentation = ""
		for _, w := range want { // more plugins may be recommended
			if w.Value.Name == c.Value.Name && subset(w.Value.Recommended, c.Value.Recommended) {
				c.Value.Recommended = w.Value.Recommended
			}
		}
		same = append(same, c)
	}
	diff := cmp.Diff(want, same) + cmp.Diff(groups, got.Groups)
	if diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
	return diff == ""
}

func subset(some, all []string) bool {
	have := map[string]bool{}
	for _, s := range all {
		have[s] = true
	}
	for _, s := range some {
		if !have[s] {
			return false
		}
	}
	return true
}
