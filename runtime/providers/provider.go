package providers

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/fault"
	"culvert/transforms/regex"
)

const (
	keyProviders = "config.providers"
	// maxSource bounds what is read of one file.
	maxSource = 4 << 20
)

// provider is one configured config provider.
type provider struct {
	// get returns the values of the keys that it has under a path. An error is Java's
	// text.
	get func(path string, keys []string) (map[string]string, error)
	ttl time.Duration // param.ttl.ms; 0: values do not grow old
}

// Classes lists the config providers that there are.
var Classes = []string{
	"org.apache.kafka.common.config.provider.DirectoryConfigProvider",
	"org.apache.kafka.common.config.provider.EnvVarConfigProvider",
	"org.apache.kafka.common.config.provider.FileConfigProvider",
}

// Class resolves a class name or a short form of one (PluginUtils.computeAliases):
// FileConfigProvider, File.
func Class(name string) (class string, ok bool) {
	for _, c := range Classes {
		simple := c[strings.LastIndexByte(c, '.')+1:]
		if name == c || name == simple || name == strings.TrimSuffix(simple, "ConfigProvider") {
			return c, true
		}
	}
	return "", false
}

// newProvider makes a provider of a class from its param.* settings.
func (p *Providers) newProvider(class, prefix string, params map[string]string, environ []string) (*provider, error) {
	one := &provider{}
	if text, ok := params["ttl.ms"]; ok {
		ms, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || ms < 0 || ms > int64(24*365*time.Hour/time.Millisecond) {
			return nil, fault.New(fault.Config, "provider.ttl", "Invalid value %s for configuration %sttl.ms: it must be a number of milliseconds from 0 to a year", text, prefix).
				WithField(prefix + "ttl.ms")
		}
		one.ttl = time.Duration(ms) * time.Millisecond
	}
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "EnvVarConfigProvider":
		pattern, err := regex.Compile(cmp.Or(params["allowlist.pattern"], ".*"))
		if err != nil {
			return nil, fault.New(fault.Config, "provider.pattern", "Invalid value %s for configuration %sallowlist.pattern: %w", params["allowlist.pattern"], prefix, err).
				WithField(prefix + "allowlist.pattern").WithFix("Correct the regular expression.")
		}
		one.get = environment(environ, pattern)
	case "FileConfigProvider":
		allowed, err := newAllowedPaths(params["allowed.paths"])
		if err != nil {
			return nil, err.WithField(prefix + "allowed.paths")
		}
		one.get = func(path string, keys []string) (map[string]string, error) {
			return fromFile(allowed, path, keys, p.log)
		}
	default:
		allowed, err := newAllowedPaths(params["allowed.paths"])
		if err != nil {
			return nil, err.WithField(prefix + "allowed.paths")
		}
		one.get = func(path string, keys []string) (map[string]string, error) {
			return fromDirectory(allowed, path, keys, p.log)
		}
	}
	return one, nil
}

// allowedPaths is AllowedPaths: nil allows everything.
type allowedPaths []string

func newAllowedPaths(text string) (allowedPaths, *fault.Error) {
	if text == "" {
		return nil, nil
	}
	var a allowedPaths
	for one := range strings.SplitSeq(text, ",") {
		path := filepath.Clean(one)
		bad := ""
		if !filepath.IsAbs(path) {
			bad = "is not absolute"
		} else if _, err := os.Stat(path); err != nil {
			bad = "does not exist"
		}
		if bad != "" {
			return nil, fault.New(fault.Config, "provider.allowed_paths", "Path %s %s", path, bad).
				WithJava("org.apache.kafka.common.config.ConfigException").WithFix("allowed.paths lists absolute paths that exist, separated by commas.")
		}
		a = append(a, path)
	}
	return a, nil
}

// allows reports whether a path lies in one of the allowed ones, and returns it
// without detours. Symbolic links count as where they lie, as in Java: mounted
// secrets are links.
func (a allowedPaths) allows(path string) (string, bool) {
	if a == nil {
		return path, true
	}
	path = filepath.Clean(path)
	for _, top := range a {
		if path == top || strings.HasPrefix(path, strings.TrimSuffix(top, "/")+"/") {
			return path, true
		}
	}
	return "", false
}

// environment is EnvVarConfigProvider. A name that the pattern takes too long to
// match is not allowed.
func environment(environ []string, pattern *regex.Pattern) func(path string, keys []string) (map[string]string, error) {
	all := map[string]string{}
	for _, kv := range environ {
		name, value, ok := strings.Cut(kv, "=")
		if allowed, err := pattern.Matches(name); ok && allowed && err == nil {
			all[name] = value
		}
	}
	return func(path string, keys []string) (map[string]string, error) {
		if path != "" {
			return nil, fault.New(fault.Config, "provider.env_path", "Path is not supported for EnvVarConfigProvider, invalid value '%s'", path).
				WithJava("org.apache.kafka.common.config.ConfigException").WithFix("A variable of the environment is written ${env:NAME}.")
		}
		return only(all, keys), nil
	}
}

func only(all map[string]string, keys []string) map[string]string {
	found := map[string]string{}
	for _, k := range keys {
		if v, ok := all[k]; ok {
			found[k] = v
		}
	}
	return found
}

// fromFile is FileConfigProvider: keys of a properties file in UTF-8.
func fromFile(allowed allowedPaths, path string, keys []string, log *slog.Logger) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	at, ok := allowed.allows(path)
	if !ok {
		log.Warn("a config provider may not read this path", "path", path)
		return nil, nil
	}
	text, err := readRegular(at)
	if err != nil {
		return nil, unreadable(err, "Could not read properties from file %s", path)
	}
	all, err := ParseProperties(string(text))
	if err != nil {
		// The library's text may quote the file.
		return nil, unreadable(fmt.Errorf("it is no properties file"), "Could not read properties from file %s", path)
	}
	return only(all, keys), nil
}

// fromDirectory is DirectoryConfigProvider: a key is the name of a regular file in
// the folder, its value the whole text.
func fromDirectory(allowed allowedPaths, path string, keys []string, log *slog.Logger) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	dir, ok := allowed.allows(path)
	if !ok {
		log.Warn("a config provider may not read this path", "path", path)
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if info, statErr := os.Stat(dir); statErr != nil || !info.IsDir() {
		log.Warn("a config provider was asked for a path that is no directory", "path", path)
		return nil, nil
	}
	if err != nil {
		return nil, unreadable(err, "Could not list directory %s", path)
	}
	found := map[string]string{}
	for _, e := range entries {
		if !slices.Contains(keys, e.Name()) {
			continue
		}
		at := filepath.Join(dir, e.Name())
		if info, err := os.Stat(at); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := readRegular(at)
		if err != nil {
			return nil, unreadable(err, "Could not read file %s for property %s", at, e.Name())
		}
		found[e.Name()] = strings.ToValidUTF8(string(text), "\ufffd")
	}
	return found, nil
}

// readRegular reads a text file that is neither a pipe, which could hang, nor
// without end.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxSource:
		return nil, fmt.Errorf("it is longer than %d bytes", maxSource)
	case !utf8.Valid(text):
		return nil, fmt.Errorf("it is not UTF-8")
	}
	return text, nil
}

// unreadable says Java's text and keeps the reason for logs and traces.
func unreadable(cause error, format string, args ...any) error {
	e := &fault.Error{Class: fault.Config, Code: "provider.unreadable", Err: fault.Because(cause, format, args...)}
	return e.WithJava("org.apache.kafka.common.config.ConfigException").WithFix("Make the file readable for the worker, or correct the path in the variable.")
}
