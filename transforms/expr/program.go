package expr

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// What one expression may cost. Expressions have no loops but those over the items of
// a list, and every turn of one goes through env.Step.
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

	Step  func(any) (any, error) `expr:"__step"`
	turns int
}

type omitted struct{}

func newEnv() *env {
	e := &env{Omit: omitted{}}
	e.Step = e.step
	return e
}

// step counts a turn of a loop and passes its result on.
func (e *env) step(v any) (any, error) {
	e.turns++
	size := 0
	switch v := v.(type) {
	case string:
		size = len(v)
	case []any:
		size = len(v)
	}
	if e.turns > maxTurns || size > maxLength {
		return nil, errTooLong
	}
	return v, nil
}

// counted puts a call of env.Step around the body of every loop.
type counted struct{}

// Visit implements ast.Visitor.
func (counted) Visit(node *ast.Node) {
	p, ok := (*node).(*ast.PredicateNode)
	if !ok {
		return
	}
	if call, ok := p.Node.(*ast.CallNode); ok {
		if name, ok := call.Callee.(*ast.IdentifierNode); ok && name.Value == "__step" {
			return
		}
	}
	p.Node = &ast.CallNode{Callee: &ast.IdentifierNode{Value: "__step"}, Arguments: []ast.Node{p.Node}}
}

// compile checks an expression: its grammar, the names in it, its types as far as
// they do not depend on the data, and what it gives.
func compile(text string, gives expr.Option) (*vm.Program, error) {
	return expr.Compile(text, expr.Env(&env{}), gives, expr.MaxNodes(maxNodes), expr.Patch(counted{}))
}

// run evaluates a program for the record in e.
func run(m *vm.VM, p *vm.Program, e *env) (any, error) {
	e.turns = 0
	m.MemoryBudget = maxMemory
	out, err := m.Run(p, e)
	if err != nil {
		return nil, fmt.Errorf("the expression failed: %w", err)
	}
	return out, nil
}
