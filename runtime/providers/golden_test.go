package providers_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/fault"
	"culvert/internal/golden"
	"culvert/runtime/providers"
)

// world lays out the files of a recording and returns the folder and the
// environment.
func world(t *testing.T, f *golden.VectorFile) (dir string, environ []string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range f.Files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "d", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for k, v := range f.Environment {
		environ = append(environ, k+"="+v)
	}
	return dir, environ
}

var classes = map[string]string{"file": "FileConfigProvider", "directory": "DirectoryConfigProvider", "env": "EnvVarConfigProvider"}

// workerProps configures the three providers, with param.* for one of them.
func workerProps(provider string, params map[string]string) map[string]string {
	props := map[string]string{"config.providers": "file,directory,env"}
	for name, class := range classes {
		props["config.providers."+name+".class"] = "org.apache.kafka.common.config.provider." + class
	}
	for k, v := range params {
		props["config.providers."+provider+".param."+k] = v
	}
	return props
}

type value struct {
	String *string `json:"string"`
	Path   string  `json:"path"`
	Key    string  `json:"key"`
}

func TestGoldenConfigProviders(t *testing.T) {
	golden.RunVectors(t, "producer", "config_providers", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		if !strings.HasPrefix(f.Name, "config_provider") {
			return nil, false
		}
		dir, environ := world(t, f)
		var in, want value
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(c.Input), "DIR", dir)), &in); err != nil {
			return err, true
		}
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(c.Output), "DIR", dir)), &want); err != nil {
			return err, true
		}
		provider, params := c.Config["provider"], map[string]string{}
		for k, v := range c.Config {
			if k != "provider" {
				params[k] = strings.ReplaceAll(v, "DIR", dir)
			}
		}
		p, err := providers.New(workerProps(provider, params), environ)
		if err != nil {
			return checkError(c, dir, err), true
		}
		text := in.String
		if provider != "" {
			one := fmt.Sprintf("${%s:%s:%s}", provider, in.Path, in.Key)
			text = &one
		}
		if text == nil {
			return nil, want.String == nil // null stays null: such a key is not in the configuration
		}
		r, err := p.Resolve(map[string]string{"k": *text})
		switch {
		case err != nil:
			return checkError(c, dir, err), true
		case c.Error != nil:
			return fmt.Errorf("got %q, want the error %q", r.Props["k"], c.Error.Message), true
		case provider != "" && want.String == nil: // the provider has no such key
			if r.Props["k"] != *text {
				return fmt.Errorf("got %q, want nothing", r.Props["k"]), true
			}
		case r.Props["k"] != *want.String:
			return fmt.Errorf("got %q, want %q", r.Props["k"], *want.String), true
		}
		return nil, true
	})
}

func checkError(c *golden.VectorCase, dir string, err error) error {
	switch {
	case c.Error == nil:
		return err
	case !c.Error.ComparesMessage():
		return nil
	}
	if want := strings.ReplaceAll(c.Error.Message, "DIR", dir); err.Error() != want || fault.ClassOf(err) != fault.Config {
		return fmt.Errorf("error %q (%s), want %q", err, fault.ClassOf(err), want)
	}
	return nil
}
