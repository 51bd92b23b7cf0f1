// Command bench measures what Culvert costs, each figure beside its floor and,
// with --java, beside the Java worker and Kafka Streams, all in one run. Only
// ratios of one run mean anything: a loaded machine doubles every figure.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		if err := child(ctx, os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.BoolVar(&o.java, "java", false, "measure the Java worker and Kafka Streams as well")
	flag.IntVar(&o.records, "records", 600_000, "records for each sink and source")
	flag.IntVar(&o.pairs, "pairs", 150_000, "pairs for each join")
	flag.StringVar(&o.only, "only", "", "measure only what has this in its name")
	flag.IntVar(&o.documents, "documents", 0, "measure only a sink over this many documents: its memory after a long run")
	flag.StringVar(&o.profile, "profile", "", "folder for a CPU profile of each of our workers")
	flag.Parse()
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	java           bool
	records, pairs int
	only           string
	documents      int    // 0: the usual steps
	profile        string // folder; "" for none
}

// child runs one of the processes that are measured; each is this program again,
// so that its CPU time can be told from the load's.
func child(ctx context.Context, mode string, args []string) error {
	switch mode {
	case "worker":
		return runWorker(ctx, args[0])
	case "floor-insert":
		return floorInsert(ctx, args[0], args[1], args[2], false)
	case "floor-upsert":
		return floorInsert(ctx, args[0], args[1], args[2], true)
	case "floor-produce":
		return floorProduce(ctx, args[0], args[1], args[2], args[3])
	case "generate":
		return generate(ctx, args[0], args[1], args[2])
	}
	return fmt.Errorf("unknown mode %q", mode)
}
