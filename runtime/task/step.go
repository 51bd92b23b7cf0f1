package task

import (
	"context"

	"culvert/data"
	"culvert/transforms"
)

// Step is one transformation of the chain.
type Step struct {
	Name      string // its alias in transforms=
	Class     string // Java class, for failures
	Transform transforms.Transform
	// Predicate, when set, says for which records the step runs (KIP-585); Negate
	// turns it around.
	Predicate transforms.Predicate
	Negate    bool
}

// Apply runs the step on the records that its predicate selects. It may drop records
// and mark some as failed.
func (s *Step) Apply(ctx context.Context, b *data.Batch) error {
	if s.Predicate == nil {
		return s.Transform.Apply(ctx, b)
	}
	chosen := make([]bool, len(b.Records))
	n := 0
	for i := range b.Records {
		ok, err := s.Predicate.Test(&b.Records[i], b.Arena)
		if err != nil {
			b.FailBy(i, data.StageTransformation, s.Class, err)
			continue
		}
		if chosen[i] = ok != s.Negate; chosen[i] {
			n++
		}
	}
	switch {
	case n == 0:
		return nil
	case n == len(b.Records):
		return s.Transform.Apply(ctx, b)
	}
	return s.runs(ctx, b, chosen)
}

// runs applies the step to each run of chosen records and puts the batch together
// again, in order, with the failures at their new places.
func (s *Step) runs(ctx context.Context, b *data.Batch, chosen []bool) error {
	old := append([]data.Failure(nil), b.Failed()...) // of the predicate
	b.ClearFailed()
	out := make([]data.Record, 0, len(b.Records))
	var failed []data.Failure
	for start := 0; start < len(b.Records); {
		end := start + 1
		for end < len(b.Records) && chosen[end] == chosen[start] {
			end++
		}
		part := data.Batch{Arena: b.Arena, Inputs: b.Inputs, Records: b.Records[start:end:end]}
		if chosen[start] {
			if err := s.Transform.Apply(ctx, &part); err != nil {
				return err // b is as it was: the caller may call again
			}
		}
		for _, f := range old {
			if f.Index >= start && f.Index < end {
				f.Index += len(out) - start
				failed = append(failed, f)
			}
		}
		for _, f := range part.Failed() {
			f.Index += len(out)
			failed = append(failed, f)
		}
		out = append(out, part.Records...)
		start = end
	}
	b.Remove(func(i int) bool { return i < len(out) })
	copy(b.Records, out)
	for _, f := range failed {
		b.FailBy(f.Index, f.Stage, f.By, f.Err)
	}
	return nil
}
