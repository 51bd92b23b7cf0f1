package smt

import (
	"errors"

	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

var errEmptyList = errors.New("Empty list")

const (
	javaDataException   = "org.apache.kafka.connect.errors.DataException"
	javaSchemaException = "org.apache.kafka.connect.errors.SchemaBuilderException"
)

// badData is Java's DataException: the record does not suit the transformation.
func badData(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "smt.data", format, args...).WithJava(javaDataException)
}

// badSchema is Java's SchemaBuilderException: no schema can be made for the result.
func badSchema(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "smt.schema", format, args...).WithJava(javaSchemaException)
}

// className is the name of a value's class without article, as nullSafeClassName.
func className(v data.Value) string { return values.Class(v.Kind()) }

// classOf is a value's class as Java's Class.toString shows it.
func classOf(v data.Value) string { return "class " + values.Class(v.Kind()) }

// requireMap and requireStruct are Requirements'. A null is neither.
func requireMap(v data.Value, purpose string) error {
	if v.Kind() != data.Map {
		return badData("Only Map objects supported in absence of schema for [%s], found: %s", purpose, className(v))
	}
	return nil
}

func requireStruct(v data.Value, purpose string) error {
	if v.Kind() != data.Struct {
		return badData("Only Struct objects supported for [%s], found: %s", purpose, className(v))
	}
	return nil
}

// fields are the fields of a schema, which only a struct has.
func fields(s *data.Schema) ([]data.Field, error) {
	if s.Kind != data.Struct {
		return nil, badData("Cannot list fields on non-struct type")
	}
	return s.Fields, nil
}

// nullRefused is the error of a null in a required field (ConnectSchema.validateValue).
func nullRefused(f *data.Field) error {
	return badData("Invalid value: null used for required field: \"%s\", schema type: %s", f.Name, values.TypeName(f.Schema.Kind)).
		WithField(f.Name)
}
