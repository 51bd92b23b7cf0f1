// Package expr is the transformation culvert.transforms.Expr: it computes, renames and
// removes fields, filters records and chooses their topic by expressions
// (github.com/expr-lang/expr).
//
//	"transforms.e.type":   "culvert.transforms.Expr",
//	"transforms.e.filter": "value.total > 10",
//	"transforms.e.fields": "{id: value.order_id, order_id: omit, net: value.total / 1.2}",
//	"transforms.e.topic":  "topic + '-' + lower(value.city)"
//
// An expression sees value, key, topic, partition, offset, timestamp (milliseconds) and omit.
// Numbers are int and float, moments are times, a decimal is its exact text. All
// three settings see the record as it came.
//
// A field that is only renamed keeps its type. A result takes the type of the field
// that is there if it is one of its kind, and fails the record if it does not fit;
// else it has the type that it is of. Integers do not wrap around, nothing is divided
// by zero, and no integer becomes a float that is only near to it.
package expr
