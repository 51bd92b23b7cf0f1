// Command demo shows the whole pipeline on a machine with nothing but Go: an
// embedded Kafka, Schema Registry and MongoDB, the real worker with its REST
// API, and the connector files of configs/, posted over HTTP as a user would.
//
//	go run ./demo           stays up until Ctrl-C
//	go run ./demo --once    checks what came out and exits
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	o := settings{out: os.Stdout, orders: 500, port: 8083}
	flag.BoolVar(&o.once, "once", false, "exit when all documents are there and checked: 0 when none is missing or doubled")
	flag.IntVar(&o.orders, "orders", o.orders, "number of orders, and of payments")
	flag.BoolVar(&o.verbose, "verbose", false, "print the worker's log")
	flag.Parse()
	if o.orders < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: go run ./demo [--once] [--orders N] [--verbose]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
