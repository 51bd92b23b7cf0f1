package fault

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestClassOfWrapped(t *testing.T) {
	inner := New(Retry, "x.y", "no answer from %s", "b:9092")
	for _, tt := range []struct {
		err  error
		want Class
	}{
		{inner, Retry},
		{fmt.Errorf("commit: %w", inner), Retry},
		{errors.Join(errors.New("a"), inner), Retry},
		{errors.New("nobody has classified me"), Fatal},
		{New(Config, "outer", "wrong: %w", inner), Config},
	} {
		if got := ClassOf(tt.err); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
	if Is(nil, Fatal) || Is(nil, Retry) {
		t.Error("no error has a class")
	}
}

func TestCopiesLeaveTheOriginal(t *testing.T) {
	e := New(Record, "c", "text")
	f := e.WithField("a.b").WithFix("do %s", "this").WithJava("J").WithAfter(time.Second)
	if e.Field+e.Fix+e.Java != "" || e.After != 0 {
		t.Error("the original has changed")
	}
	if f.Field != "a.b" || f.Fix != "do this" || f.Java != "J" || f.After != time.Second || f.Error() != "text" {
		t.Errorf("%+v", f)
	}
	if got := Explain(fmt.Errorf("outer: %w", f)); got != "outer: text\nTo fix it: do this" {
		t.Errorf("%q", got)
	}
	if Explain(nil) != "" {
		t.Error("nil has an explanation")
	}
}
