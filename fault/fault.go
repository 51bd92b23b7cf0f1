// Package fault holds the one error type that decides what happens next.
//
// The place that knows what a failure means gives it a Class; everybody else
// only wraps. The task, the herder and the REST layer look at the Class and at
// nothing else:
//
//	Record    one record is bad: dead-letter queue or skip, by errors.tolerance
//	Retry     the same batch again after a back-off; heartbeats go on
//	Config    400 at creation, FAILED at start
//	Conflict  409
//	NotFound  404
//	Fenced    somebody else owns the work: stop without a word
//	Fatal     the task is FAILED
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Class says what is to be done about an error.
type Class uint8

// The zero Class is Fatal, so that a forgotten class is visible.
const (
	Fatal Class = iota
	Record
	Retry
	Config
	Conflict
	NotFound
	Fenced
)

var classNames = [...]string{"fatal", "record", "retry", "config", "conflict", "not found", "fenced"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Unclassified is the code of an error that no place has classified yet.
const Unclassified = "unclassified"

// Error is a failure with its consequence.
type Error struct {
	Class Class
	Code  string // stable, "mongo.duplicate_key"
	Field string // config key or path in the record
	Fix   string // what the user can do, one sentence; never part of an answer that Java words exactly
	After time.Duration
	Java  string // Java's exception class where one stands in headers or traces
	Err   error  // what happened; Java's text where Java has one
}

// New makes an Error whose text is the formatted message.
func New(class Class, code, format string, args ...any) *Error {
	return &Error{Class: class, Code: code, Err: fmt.Errorf(format, args...)}
}

// WithFix returns a copy that tells the user what to do.
func (e *Error) WithFix(format string, args ...any) *Error {
	c := *e
	c.Fix = fmt.Sprintf(format, args...)
	return &c
}

// WithField returns a copy that names the config key or the path in the record.
func (e *Error) WithField(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// WithJava returns a copy that carries the class of the exception that Java throws here.
func (e *Error) WithJava(class string) *Error {
	c := *e
	c.Java = class
	return &c
}

// WithAfter returns a copy that asks for at least d before the next attempt.
func (e *Error) WithAfter(d time.Duration) *Error {
	c := *e
	c.After = d
	return &c
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of the outermost *Error in err's chain, Fatal when
// there is none.
func ClassOf(err error) Class {
	if e := Of(err); e != nil {
		return e.Class
	}
	return Fatal
}

// Is reports whether err has the class c. A nil error has none.
func Is(err error, c Class) bool { return err != nil && ClassOf(err) == c }

// Of returns the outermost *Error in err's chain, or nil.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// InField puts the name of a record's field in front of the path that err has in
// Field. What is no Error, or nil, stays as it is.
func InField(err error, name string) error {
	if err == nil { // without the allocation of Of
		return nil
	}
	e := Of(err)
	if e == nil {
		return err
	}
	if e.Field != "" {
		name += "." + e.Field
	}
	return e.WithField(name)
}

// Explain is the text for a trace or a log: what happened and, where it is
// known, what the user can do about it.
func Explain(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, c := range causes(err) {
		text += "\nCaused by: " + c
	}
	if e := Of(err); e != nil && e.Fix != "" {
		text += "\nTo fix it: " + e.Fix
	}
	return text
}
