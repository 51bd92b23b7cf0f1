package record

import (
	"runtime"
	"syscall"
	"time"
)

// Comparison holds a way of Culvert's against another.
type Comparison struct {
	Ours, Peer string
	AtLeast    float64 // times less CPU
}

// Comparisons are what is promised.
var Comparisons = []Comparison{
	{JSONToBSON, JSONToBSONDriver, 12},
	{AvroToBSON, AvroToBSONHamba, 5},
	{JSONToData, JSONToDataStd, 4},
	{InsertField, Envelope, 10},
	{AvroToJSON, AvroToJSONValue, 1},
	{JSONToAvro, JSONToAvroValue, 1},
}

// Cost is what a way takes for a record.
type Cost struct {
	Nanos, Allocs float64
}

// Result is a comparison with what was measured.
type Result struct {
	Comparison
	OursCost, PeerCost Cost
}

// Times is how many times less CPU ours takes.
func (r *Result) Times() float64 { return r.PeerCost.Nanos / r.OursCost.Nanos }

const (
	rounds = 7
	round  = 100 * time.Millisecond
)

// Measure takes ours and the peer in turns and keeps the best round of each, so that
// what else the machine does falls on both or on neither.
func (w *Ways) Measure(c Comparison) (Result, error) {
	r := Result{Comparison: c}
	ours, err := w.Of(c.Ours)
	if err != nil {
		return r, err
	}
	peer, err := w.Of(c.Peer)
	if err != nil {
		return r, err
	}
	for range rounds {
		for _, side := range []struct {
			way  Way
			cost *Cost
		}{{ours, &r.OursCost}, {peer, &r.PeerCost}} {
			cost, err := side.way.cost()
			if err != nil {
				return r, err
			}
			if side.cost.Nanos == 0 || cost.Nanos < side.cost.Nanos {
				*side.cost = cost
			}
		}
	}
	return r, nil
}

// cost runs the way for one round. CPU is the process's, with that of its collector.
func (w *Way) cost() (Cost, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	from, err := cpu()
	if err != nil {
		return Cost{}, err
	}
	began, n := time.Now(), 0
	for time.Since(began) < round {
		for range 1 + 256/w.Records {
			if err := w.Run(); err != nil {
				return Cost{}, err
			}
			n += w.Records
		}
	}
	to, err := cpu()
	if err != nil {
		return Cost{}, err
	}
	runtime.ReadMemStats(&after)
	return Cost{float64((to - from).Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n)}, nil
}

func cpu() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
