package smt

import (
	"slices"

	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type dropHeadersConfig struct{ headers []string }

var dropHeadersDef = &configdef.Def[dropHeadersConfig]{Keys: []configdef.Key[dropHeadersConfig]{
	{Spec: distinct(required(spec("headers", configdef.List, configdef.High, "The names of the headers to take away."))),
		Into: configdef.Strs(func(c *dropHeadersConfig) *[]string { return &c.headers })},
}}

func newDropHeaders(c dropHeadersConfig) (transforms.Transform, error) {
	dropped := func(h data.Header) bool { return slices.Contains(c.headers, h.Key) }
	return each(func(r *data.Record, _ *data.Arena) error {
		if !slices.ContainsFunc(r.Headers, dropped) {
			return nil
		}
		// A new list, because another record may share the old one.
		kept := make([]data.Header, 0, len(r.Headers)-1)
		for _, h := range r.Headers {
			if !dropped(h) {
				kept = append(kept, h)
			}
		}
		r.Headers = kept
		return nil
	}), nil
}
