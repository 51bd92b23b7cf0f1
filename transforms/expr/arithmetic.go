package expr

import (
	"fmt"
	"math"
	"reflect"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// The library computes as Go does: integers wrap around, a division by zero gives an
// infinity, and an integer beyond 53 bits becomes a float that is near to it. Here
// each of these fails the record: nothing is invented.

// operator is + - * / % **, checked.
type operator struct {
	ints   func(x, y int64) (any, error)
	floats func(x, y float64) (float64, error)
	other  func(a, b any) any // texts, moments, durations, and what is an error
}

func (op *operator) call(args ...any) (any, error) { return op.apply(args[0], args[1]) }

var operators = map[string]*operator{
	"+":  {addInts, func(x, y float64) (float64, error) { return x + y, nil }, runtime.Add},
	"-":  {subtractInts, func(x, y float64) (float64, error) { return x - y, nil }, runtime.Subtract},
	"*":  {multiplyInts, func(x, y float64) (float64, error) { return x * y, nil }, runtime.Multiply},
	"/":  {nil, divide, func(a, b any) any { return runtime.Divide(a, b) }},
	"%":  {remainder, nil, func(a, b any) any { return runtime.Modulo(a, b) }},
	"**": power,
	"^":  power,
}

var power = &operator{nil, func(x, y float64) (float64, error) { return math.Pow(x, y), nil },
	func(a, b any) any { return runtime.Exponent(a, b) }}

const operatorName = "__op"

// functions are what stands for operators and what checks the arguments of builtin
// functions.
func functions() []expr.Option {
	list := []expr.Option{
		expr.Function("__negate", negate), expr.Function("__sum", sum),
		expr.Function("__absable", absable), expr.Function("__whole", whole), expr.Function("__exact", exact),
	}
	for name, op := range operators {
		list = append(list, expr.Function(operatorName+name, op.call))
	}
	return list
}

// arguments says who checks the argument of a builtin function.
var arguments = map[string]string{
	"abs": "__absable", "int": "__whole", "float": "__exact", "round": "__exact", "floor": "__exact", "ceil": "__exact",
}

func absable(args ...any) (any, error) {
	if x, ok := integer(args[0]); ok && x == math.MinInt64 {
		return nil, overflows("abs(%d)", x)
	}
	return args[0], nil
}

func whole(args ...any) (any, error) {
	if x, ok := args[0].(float64); ok && !(x >= -1<<63 && x < 1<<63) {
		return nil, fmt.Errorf("%v does not fit a 64-bit integer", x)
	}
	return args[0], nil
}

func exact(args ...any) (any, error) {
	if _, ok := integer(args[0]); ok {
		return float(args[0])
	}
	return args[0], nil
}

// checked puts our arithmetic in the place of the library's.
type checked struct{}

// Visit implements ast.Visitor.
func (checked) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		if operators[n.Operator] != nil && mayBeNumber(n.Left) && mayBeNumber(n.Right) {
			ast.Patch(node, call(operatorName+n.Operator, n.Left, n.Right))
		}
	case *ast.UnaryNode:
		switch n.Node.(type) {
		case *ast.IntegerNode, *ast.FloatNode:
		default:
			if n.Operator == "-" {
				ast.Patch(node, call("__negate", n.Node))
			}
		}
	case *ast.BuiltinNode:
		if by := arguments[n.Name]; by != "" && len(n.Arguments) == 1 {
			n.Arguments[0] = call(by, n.Arguments[0])
		} else if n.Name == "sum" {
			list := n.Arguments[0]
			if len(n.Arguments) == 2 {
				list = &ast.BuiltinNode{Name: "map", Arguments: n.Arguments}
			}
			ast.Patch(node, call("__sum", list))
		}
	}
}

func mayBeNumber(n ast.Node) bool {
	k := n.Type().Kind()
	return k == reflect.Interface || k >= reflect.Int && k <= reflect.Float64
}

func (op *operator) apply(a, b any) (any, error) {
	x, xInt := integer(a)
	y, yInt := integer(b)
	if xInt && yInt && op.ints != nil {
		return op.ints(x, y)
	}
	if !number(a) || !number(b) || op.floats == nil {
		return op.other(a, b), nil
	}
	f, err := float(a)
	if err != nil {
		return nil, err
	}
	g, err := float(b)
	if err != nil {
		return nil, err
	}
	out, err := op.floats(f, g)
	if err == nil && !finite(out) && finite(f) && finite(g) {
		err = fmt.Errorf("the result of a calculation with %v and %v is no 64-bit float", a, b)
	}
	return out, err
}

func finite(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }

// integer is v as an integer if it is one. A time.Duration is none: it keeps its unit.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case uint8:
		return int64(v), true
	}
	return 0, false
}

func number(v any) bool {
	if _, ok := v.(float64); ok {
		return true
	}
	_, ok := integer(v)
	return ok
}

// float is the float of a number, for an integer the one that is equal to it.
func float(v any) (float64, error) {
	if f, ok := v.(float64); ok {
		return f, nil
	}
	n, _ := integer(v)
	if f := float64(n); f >= -1<<63 && f < 1<<63 && int64(f) == n {
		return f, nil
	}
	return 0, fmt.Errorf("no 64-bit float is equal to the integer %d", n)
}

func overflows(format string, args ...any) error {
	return fmt.Errorf(format+" does not fit a 64-bit integer", args...)
}

func addInts(x, y int64) (any, error) {
	if s := x + y; (s > x) == (y > 0) {
		return int(s), nil
	}
	return nil, overflows("%d + %d", x, y)
}

func subtractInts(x, y int64) (any, error) {
	if d := x - y; (d < x) == (y > 0) {
		return int(d), nil
	}
	return nil, overflows("%d - %d", x, y)
}

func multiplyInts(x, y int64) (any, error) {
	p := x * y
	if x != 0 && (p/x != y || x == -1 && y == math.MinInt64) {
		return nil, overflows("%d * %d", x, y)
	}
	return int(p), nil
}

func divide(x, y float64) (float64, error) {
	if y == 0 {
		return 0, fmt.Errorf("division of %v by zero", x)
	}
	return x / y, nil
}

func remainder(x, y int64) (any, error) {
	if y == 0 {
		return nil, fmt.Errorf("remainder of %d divided by zero", x)
	}
	return int(x % y), nil
}

func negate(args ...any) (any, error) {
	if x, ok := integer(args[0]); ok && x == math.MinInt64 {
		return nil, overflows("-(%d)", x)
	}
	return runtime.Negate(args[0]), nil
}

// sum adds the items of a list.
func sum(args ...any) (any, error) {
	items := reflect.ValueOf(args[0])
	if k := items.Kind(); k != reflect.Slice && k != reflect.Array {
		return nil, fmt.Errorf("sum takes a list, not %T", args[0])
	}
	var total any = 0
	for i := range items.Len() {
		var err error
		if total, err = operators["+"].apply(total, items.Index(i).Interface()); err != nil {
			return nil, err
		}
	}
	return total, nil
}
