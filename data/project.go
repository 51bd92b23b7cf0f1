package data

import (
	"fmt"

	"culvert/fault"
)

// Projection makes values of one schema values of another that is compatible with
// it: numbers are widened, fields that the other schema lacks are left out, and
// those that it has in addition get their defaults. The rules are those of Connect's
// SchemaProjector. It is made once for a pair of schemas, does not change, and is
// safe for concurrent use.
type Projection struct {
	same   bool // values stay as they are
	to     *Schema
	orElse Value // stands for null where the target is required

	fields    []fieldProjection // Struct, one for each field of the target
	key, elem *Projection
}

// fieldProjection is where a field of the target comes from; from -1: it is value.
type fieldProjection struct {
	from   int
	source *Schema
	value  Value
	p      *Projection
}

// promotable lists what numbers of each kind can become without losing their
// magnitude (SchemaProjector.PROMOTABLE).
var promotable = map[Kind][]Kind{
	Int8:    {Int16, Int32, Int64, Float32, Float64},
	Int16:   {Int32, Int64, Float32, Float64},
	Int32:   {Int64, Float32, Float64},
	Int64:   {Float32, Float64},
	Float32: {Float64},
}

// Promotable reports whether numbers of one kind can become numbers of another.
func Promotable(from, to Kind) bool {
	for _, k := range promotable[from] {
		if k == to {
			return true
		}
	}
	return false
}

// NewProjection compiles the way from one schema to another. Its error, of class
// Record, says why there is none; it names the field.
func NewProjection(from, to *Schema) (*Projection, error) {
	p := projector{made: map[[2]*Schema]*Projection{}}
	return p.project(from, to)
}

type projector struct{ made map[[2]*Schema]*Projection }

func projectionError(format string, args ...any) error {
	return fault.New(fault.Record, "data.projection", format, args...).
		WithJava("org.apache.kafka.connect.errors.SchemaProjectorException").
		WithFix("Give the new fields of the schema defaults, and change types only to wider ones.")
}

func (p *projector) project(from, to *Schema) (*Projection, error) {
	if made := p.made[[2]*Schema{from, to}]; made != nil {
		return made, nil
	}
	made := &Projection{to: to}
	p.made[[2]*Schema{from, to}] = made
	if from.Equal(to) {
		made.same = true
		return made, nil
	}
	switch {
	case from.Kind != to.Kind && !Promotable(from.Kind.Base(), to.Kind.Base()):
		return nil, projectionError("Schema type mismatch. source type: %s and target type: %s", from.Kind, to.Kind)
	case from.Name != to.Name:
		return nil, projectionError("Schema name mismatch. source name: %s and target name: %s", from.Name, to.Name)
	case !equalParams(from.Params, to.Params):
		return nil, projectionError("Schema parameters not equal. source parameters: %v and target parameters: %v", from.Params, to.Params)
	case from.Optional && !to.Optional && !to.HasDefault:
		return nil, projectionError("Writer schema is optional, however, target schema does not provide a default value.")
	}
	if from.Optional && !to.Optional {
		made.orElse = to.Default
	}
	var err error
	switch to.Kind {
	case Struct:
		err = p.fields(made, from, to)
	case Array:
		made.elem, err = p.project(from.Elem, to.Elem)
	case Map:
		if made.key, err = p.project(from.Key, to.Key); err == nil {
			made.elem, err = p.project(from.Elem, to.Elem)
		}
	}
	return made, err
}

func (p *projector) fields(made *Projection, from, to *Schema) error {
	for _, f := range to.Fields {
		at := from.FieldIndex(f.Name)
		switch {
		case at >= 0:
			inner, err := p.project(from.Fields[at].Schema, f.Schema)
			if err != nil {
				e := fault.Of(err)
				path := f.Name
				if e.Field != "" {
					path += "." + e.Field
				}
				wrapped := e.WithField(path)
				wrapped.Err = fault.Because(e.Err, "Error projecting %s", f.Name)
				return wrapped
			}
			made.fields = append(made.fields, fieldProjection{from: at, source: from.Fields[at].Schema, p: inner})
		case f.Schema.Optional:
			made.fields = append(made.fields, fieldProjection{from: -1})
		case f.Schema.HasDefault:
			made.fields = append(made.fields, fieldProjection{from: -1, value: f.Schema.Default})
		default:
			return projectionError("Required field `%s` is missing from source schema: %s", f.Name, nameOr(from))
		}
	}
	return nil
}

func nameOr(s *Schema) string {
	if s.Name == "" {
		return fmt.Sprintf("Schema{%s}", s.Kind)
	}
	return fmt.Sprintf("Schema{%s:%s}", s.Name, s.Kind)
}

// Apply makes the value of the target schema. It shares the memory of v, and takes
// what it needs from the arena.
func (p *Projection) Apply(v Value, a *Arena) Value {
	if v.IsNull() {
		return p.orElse
	}
	if p.same {
		return v
	}
	switch p.to.Kind {
	case Struct:
		from, fields := v.Elems(), a.Values(len(p.fields))
		for i := range p.fields {
			f := &p.fields[i]
			if fields[i] = f.value; f.from >= 0 && f.from < len(from) {
				fields[i] = f.p.Apply(f.source.DefaultOr(from[f.from]), a)
			}
		}
		return OfStruct(fields)
	case Array:
		from, elems := v.Elems(), a.Values(v.Len())
		for i := range elems {
			elems[i] = p.elem.Apply(from[i], a)
		}
		return OfArray(elems)
	case Map:
		from, pairs := v.Elems(), a.Values(2*v.Len())
		for i := 0; i+1 < len(pairs); i += 2 {
			pairs[i], pairs[i+1] = p.key.Apply(from[i], a), p.elem.Apply(from[i+1], a)
		}
		return OfMap(pairs)
	}
	return promote(v, p.to.Kind)
}

// promote makes a number of a wider kind. Integers above 2^53 lose their last bits
// as a Float64, as Java's casts do.
func promote(v Value, to Kind) Value {
	number := v.Float
	switch v.kind {
	case Int8, Int16, Int32, Int64:
		number = func() float64 { return float64(v.Int()) }
	case Float32:
	default:
		return v
	}
	switch to {
	case Int8, Int16, Int32, Int64:
		return ofInt(to, v.Int())
	case Float32:
		if v.kind != Float32 {
			return OfFloat32(float32(v.Int()))
		}
	case Float64:
		return OfFloat64(number())
	}
	return v
}
