package configdef

import (
	"fmt"
	"sort"
	"strings"
)

// Def is the ordered table of the keys of C.
type Def[C any] struct {
	Keys []Key[C]
	// Rules check several keys together, after each key was parsed. They add
	// errors with r.Fail.
	Rules []func(c *C, r *Report)
}

// Report is the outcome of parsing: one Result for each declared key, in order,
// and what was given beyond them.
type Report struct {
	Results []Result
	Unknown []string // given keys that no table declares, sorted

	byName map[string]int
}

// Result is one key with its parsed value and its errors.
type Result struct {
	Spec   *Spec
	Value  Parsed
	Errors []string // complete sentences in Java's wording
	// Remedy is what the user can do about the errors; empty: what follows from Spec.
	Remedy string
	// Undeclared: no table has the key, but Fail named it.
	Undeclared bool
}

// Fail adds an error to a key: the complete sentence as Java gives it.
func (r *Report) Fail(key, format string, args ...any) {
	i, ok := r.byName[key]
	if !ok {
		r.add(Result{Spec: &Spec{Name: key, Ungrouped: true}, Value: Parsed{Null: true}, Undeclared: true})
		i = r.byName[key]
	}
	r.Results[i].Errors = append(r.Results[i].Errors, fmt.Sprintf(format, args...))
}

// Remedy says what the user can do about the errors of a key, for those who show more
// than Java's sentences. What comes beside it is appended.
func (r *Report) Remedy(key, text string) {
	if res := r.Get(key); res != nil && !strings.Contains(res.Remedy, text) {
		res.Remedy = strings.TrimSpace(res.Remedy + " " + text)
	}
}

// FailValue adds an error in the form of Java's ConfigException: "Invalid value
// <v> for configuration <key>: <reason>".
func (r *Report) FailValue(key, value, reason string) {
	r.Fail(key, "Invalid value %s for configuration %s: %s", value, key, reason)
}

// Get returns the result of a key, nil if the table does not declare it.
func (r *Report) Get(key string) *Result {
	if i, ok := r.byName[key]; ok {
		return &r.Results[i]
	}
	return nil
}

// Errors lists all error sentences in the order of the keys.
func (r *Report) Errors() []string {
	var all []string
	for i := range r.Results {
		all = append(all, r.Results[i].Errors...)
	}
	return all
}

// Merge appends the results of o; errors of a key that r has already are added
// to it. Unknown keys of both that the other declares are dropped.
func (r *Report) Merge(o *Report) {
	for _, res := range o.Results {
		if have := r.Get(res.Spec.Name); have != nil {
			have.Errors = append(have.Errors, res.Errors...)
			continue
		}
		r.add(res)
	}
	var unknown []string
	for _, k := range r.Unknown {
		if o.Get(k) == nil && r.Get(k) == nil {
			unknown = append(unknown, k)
		}
	}
	r.Unknown = unknown
}

func (r *Report) add(res Result) {
	if r.byName == nil {
		r.byName = map[string]int{}
	}
	r.byName[res.Spec.Name] = len(r.Results)
	r.Results = append(r.Results, res)
}

// Parse reads props into a new C and reports every error, not the first. C is
// only to be used when the report has no errors.
func (d *Def[C]) Parse(props map[string]string) (C, *Report) { return d.parse(props, nil, validating) }

// Configure is Parse in the way of AbstractConfig's constructor: lists that are
// Distinct lose what comes twice.
func (d *Def[C]) Configure(props map[string]string) (C, *Report) {
	return d.parse(props, nil, configuring)
}

func (d *Def[C]) parse(props map[string]string, nulls []string, p purpose) (C, *Report) {
	var c C
	r := &Report{}
	declared := map[string]bool{}
	for i := range d.Keys {
		k := &d.Keys[i]
		declared[k.Name] = true
		for _, a := range k.Aliases {
			declared[a] = true
		}
		res := parseKey(&k.Spec, props, nulls, p)
		if k.Into != nil && len(res.Errors) == 0 && !res.Value.Null {
			k.Into(&c, res.Value)
		}
		r.add(res)
	}
	for k := range props {
		if !declared[k] {
			r.Unknown = append(r.Unknown, k)
		}
	}
	sort.Strings(r.Unknown)
	for _, rule := range d.Rules {
		rule(&c, r)
	}
	return c, r
}

// Specs returns the untyped view of the table, in order.
func (d *Def[C]) Specs() []Spec {
	specs := make([]Spec, len(d.Keys))
	for i := range d.Keys {
		specs[i] = d.Keys[i].Spec
	}
	return specs
}
