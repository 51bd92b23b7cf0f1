package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"culvert/bench/record"
)

// transcode measures the ways of one record within this process.
func (b *bed) transcode(context.Context) error {
	ways, err := record.New()
	if err != nil {
		return err
	}
	defer ways.Close()
	for _, c := range record.Comparisons {
		r, err := ways.Measure(c)
		if err != nil {
			return err
		}
		b.ways = append(b.ways, r)
	}
	return nil
}

func printWays(results []record.Result) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "a record of 300 bytes\tculvert\tallocs each\tbeside\ttakes\tallocs each\tratio\ttarget")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%.0f ns\t%.2f\t%s\t%.0f ns\t%.2f\t%.1f\t≥ %g\n",
			r.Ours, r.OursCost.Nanos, r.OursCost.Allocs, r.Peer, r.PeerCost.Nanos, r.PeerCost.Allocs, r.Times(), r.AtLeast)
	}
	return w.Flush()
}
