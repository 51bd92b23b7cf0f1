package providers

import (
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"culvert/fault"
)

// variable is ConfigTransformer.DEFAULT_PATTERN: ${provider:[path:]key}.
var variable = regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)

// Providers resolves variables. Its methods may be called from any goroutine; they
// read files. The zero value has no providers and changes nothing.
type Providers struct {
	named   map[string]*provider
	without []string // keys of classes that are not there
	log     *slog.Logger
}

// New makes the providers that config.providers names, from the worker's own
// properties, which are taken as they are written. environ is what EnvVarConfigProvider
// shows.
func New(props map[string]string, environ []string) (*Providers, error) {
	p := &Providers{named: map[string]*provider{}, log: slog.New(slog.DiscardHandler)}
	for name := range strings.SplitSeq(props[keyProviders], ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		prefix := keyProviders + "." + name + "."
		given, ok := props[prefix+"class"]
		if !ok {
			p.without = append(p.without, prefix+"class") // Java goes on without it, too
			continue
		}
		class, ok := Class(strings.TrimSpace(given))
		if !ok {
			return nil, fault.New(fault.Config, "provider.unknown_class",
				"Invalid value %s for configuration %sclass: Could not load config provider class or one of its dependencies", given, prefix).
				WithField(prefix+"class").WithFix("Use one of %s.", strings.Join(Classes, ", "))
		}
		params := map[string]string{}
		for k, v := range props {
			if param, ok := strings.CutPrefix(k, prefix+"param."); ok {
				params[param] = v
			}
		}
		one, err := p.newProvider(class, prefix+"param.", params, environ)
		if err != nil {
			return nil, err
		}
		p.named[name] = one
	}
	return p, nil
}

// LogTo tells what is odd to a log, from now on. It is called before the first
// Resolve.
func (p *Providers) LogTo(log *slog.Logger) {
	p.log = log
	for _, key := range p.without {
		log.Warn("a config provider has no class; its variables stay as they are", "key", key)
	}
}

// Resolved is a configuration whose variables have been replaced.
type Resolved struct {
	Props   map[string]string
	Secrets *Secrets
	// TTL is after how long a value of a provider may have changed; 0: nobody says.
	TTL time.Duration
}

// Resolve replaces the variables of a configuration (ConfigTransformer.transform). A
// variable of an unknown provider, or one whose key is not there, stays as it is.
// The values that come in are not looked at again.
func (p *Providers) Resolve(props map[string]string) (*Resolved, error) {
	r := &Resolved{Props: props, Secrets: &Secrets{}}
	if p == nil || len(p.named) == 0 {
		return r, nil
	}
	found, err := p.lookUp(r, props)
	if err != nil || len(found) == 0 {
		return r, err
	}
	r.Props = maps.Clone(props)
	for key, raw := range props {
		resolved := variable.ReplaceAllStringFunc(raw, func(text string) string {
			if v, ok := found[text]; ok {
				return v
			}
			return text
		})
		if resolved != raw {
			r.Props[key] = resolved
			r.Secrets.add(key, raw, resolved)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(found)) { // in order: two may have one value
		r.Secrets.hide(found[text], text)
	}
	r.Secrets.sort()
	return r, nil
}

// lookUp asks each provider once for each path, and returns the values by the text
// of the variable.
func (p *Providers) lookUp(r *Resolved, props map[string]string) (map[string]string, error) {
	type place struct{ provider, path string }
	keys := map[place][]string{}
	first := map[place]string{}  // the configuration's key, for errors
	texts := map[string][2]any{} // variable -> place and key
	for _, key := range slices.Sorted(maps.Keys(props)) {
		raw := props[key]
		if !strings.Contains(raw, "${") {
			continue
		}
		for _, m := range variable.FindAllStringSubmatch(raw, -1) {
			at := place{m[1], m[3]}
			if p.named[at.provider] == nil {
				continue
			}
			if _, seen := texts[m[0]]; !seen {
				texts[m[0]] = [2]any{at, m[4]}
				keys[at] = append(keys[at], m[4])
				if _, ok := first[at]; !ok {
					first[at] = key
				}
			}
		}
	}
	values := map[place]map[string]string{}
	places := slices.SortedFunc(maps.Keys(keys), func(a, b place) int { return strings.Compare(a.provider+a.path, b.provider+b.path) })
	for _, at := range places {
		one := p.named[at.provider]
		v, err := one.get(at.path, keys[at])
		if err != nil {
			if e := fault.Of(err); e != nil {
				err = e.WithField(first[at])
			}
			return nil, err
		}
		values[at] = v
		if one.ttl > 0 && (r.TTL == 0 || one.ttl < r.TTL) {
			r.TTL = one.ttl
		}
	}
	found := map[string]string{}
	for text, where := range texts {
		if v, ok := values[where[0].(place)][where[1].(string)]; ok {
			found[text] = v
		}
	}
	return found, nil
}

// Value resolves a single text. On an error it stays as it is.
func (p *Providers) Value(text string) string {
	if p == nil || !strings.Contains(text, "${") {
		return text
	}
	r, err := p.Resolve(map[string]string{"": text})
	if err != nil {
		return text
	}
	return r.Props[""]
}
