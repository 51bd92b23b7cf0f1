package expr

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// What one expression may cost. Expressions have no loops but those over the items of
// a list, and every turn of one goes through env.step.
const (
	maxNodes  = 500
	maxTurns  = 100_000 // of all loops together, for each record
	maxMemory = 100_000 // items that ranges and lists may make, for each record
	maxLength = 1 << 20 // of a text or list that grows from turn to turn
)

var errTooLong = errors.New("the expression takes too long for this record")

// env is what an expression sees.
type env struct {
	Value     any    `expr:"value"`
	Key       any    `expr:"key"`
	Topic     string `expr:"topic"`
	Partition int    `expr:"partition"`
	Offset    int    `expr:"offset"`
	Timestamp int    `expr:"timestamp"`
	Omit      any    `expr:"omit"`
}

type omitted struct{}

// program is one expression, ready to run for record after record.
type program struct {
	code  *vm.Program
	vm    vm.VM
	turns int

	fields           []*field // what it reads of the record, by the number in the code
	value, key       bool     // it reads something of the value, of the key
	allValue, allKey bool     // it needs all of it, as a map
}

// compile checks an expression: its grammar, the names in it, its types as far as
// they do not depend on the data, and what it gives. The first pass is for these
// checks and speaks of the text as it was written; the second one makes a program
// that reads no more of a record than it needs, that counts the turns of its loops,
// and whose arithmetic has no silent losses.
func compile(text string, gives expr.Option) (*program, error) {
	if _, err := expr.Compile(text, expr.Env(env{}), gives, expr.MaxNodes(maxNodes)); err != nil {
		return nil, err
	}
	p := &program{}
	calls, whole := callees{}, &root{}
	options := append(functions(),
		expr.Env(env{}), gives, expr.MaxNodes(maxNodes),
		expr.Function(stepName, p.step), expr.Function(fieldName, p.field), expr.Function(takeName, p.take),
		expr.Patch(counted{}), expr.Patch(calls), expr.Patch(&reads{p, calls}), expr.Patch(checked{}), expr.Patch(&wholes{p}), expr.Patch(whole), expr.Patch(takes{whole}),
	)
	var err error
	p.code, err = expr.Compile(text, options...)
	return p, err
}

// run evaluates the program for a record.
func (p *program) run(in *input) (any, error) {
	p.turns = 0
	for _, f := range p.fields {
		f.begin(in)
	}
	if p.allValue {
		in.env.Value = in.whole(&in.value)
	}
	if p.allKey {
		in.env.Key = in.whole(&in.key)
	}
	p.vm.MemoryBudget = maxMemory
	out, err := p.vm.Run(p.code, in.env)
	if err != nil {
		return nil, fmt.Errorf("the expression failed: %w", err)
	}
	return out, nil
}

const stepName = "__step"

// step counts a turn of a loop and passes its result on.
func (p *program) step(args ...any) (any, error) {
	p.turns++
	size := 0
	switch v := args[0].(type) {
	case string:
		size = len(v)
	case []any:
		size = len(v)
	}
	if p.turns > maxTurns || size > maxLength {
		return nil, errTooLong
	}
	return args[0], nil
}

// counted puts a call of step around the body of every loop.
type counted struct{}

// Visit implements ast.Visitor.
func (counted) Visit(node *ast.Node) {
	if p, ok := (*node).(*ast.PredicateNode); ok {
		p.Node = call(stepName, p.Node)
	}
}

func call(name string, args ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}
