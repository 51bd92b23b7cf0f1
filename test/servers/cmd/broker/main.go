// Command broker starts a Kafka broker on loopback, prints its address, and ends
// it at SIGTERM: for scripts.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"culvert/test/servers"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "culvert-broker-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	k, err := servers.NewKafka(ctx, dir, nil)
	if err != nil {
		return err
	}
	if err := k.Start(ctx); err != nil {
		return err
	}
	defer k.Kill()
	fmt.Println(k.Addr)
	<-ctx.Done()
	return nil
}
