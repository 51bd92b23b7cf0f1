package smt

import (
	"context"

	"culvert/configdef"
	"culvert/data"
	"culvert/data/values"
	"culvert/transforms"
)

type insertHeaderConfig struct{ header, literal string }

var insertHeaderDef = &configdef.Def[insertHeaderConfig]{Keys: []configdef.Key[insertHeaderConfig]{
	{Spec: checked(required(spec("header", configdef.String, configdef.High, "The name of the header that every record gets.")), configdef.NonNull),
		Into: configdef.Str(func(c *insertHeaderConfig) *string { return &c.header })},
	{Spec: checked(required(spec("value.literal", configdef.String, configdef.High,
		"The value of the header. What looks like a number, a boolean, a date, a list or a map becomes one.")), configdef.NonNull),
		Into: configdef.Str(func(c *insertHeaderConfig) *string { return &c.literal })},
}}

type insertHeader struct{ header data.Header }

func newInsertHeader(c insertHeaderConfig) (transforms.Transform, error) {
	v, s, err := values.Parse(c.literal)
	if err != nil {
		return nil, badConfig("Invalid value %s for configuration value.literal: %s", c.literal, err).WithField("value.literal")
	}
	return &insertHeader{data.Header{Key: c.header, Value: data.ValueCell(v, s)}}, nil
}

// Apply implements transforms.Transform. The header lists of a batch lie in one
// slice; none is changed in place, because another record may share it.
func (t *insertHeader) Apply(_ context.Context, b *data.Batch) error {
	n := len(b.Records)
	for i := range b.Records {
		n += len(b.Records[i].Headers)
	}
	all := make([]data.Header, 0, n)
	for i := range b.Records {
		r := &b.Records[i]
		start := len(all)
		all = append(append(all, r.Headers...), t.header)
		r.Headers = all[start:len(all):len(all)]
	}
	return nil
}
