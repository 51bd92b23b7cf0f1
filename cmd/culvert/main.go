// Command culvert runs Kafka Connect connectors: in a cluster (worker) or alone
// (standalone).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"culvert/fault"
)

func main() {
	ctx, stop := stopOnSignal(context.Background())
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		var quiet exitStatus
		if errors.As(err, &quiet) {
			os.Exit(int(quiet))
		}
		fmt.Fprintln(os.Stderr, "culvert:", fault.Explain(err))
		os.Exit(exitCode(err))
	}
}

// exitStatus ends the process with that status when everything has been said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "culvert",
		Short: "Kafka Connect in one small binary",
		Long: "culvert takes the place of the Java Kafka Connect worker: the same worker properties,\n" +
			"the same REST API, the same connector JSON, the same internal topics and consumer groups.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(workerCommand(), standaloneCommand(), healthcheckCommand(), versionCommand(), docsCommand(),
		connectorCommand(), pluginsCommand(), validateCommand(), datagenCommand())
	return cmd
}

// stopOnSignal ends the context at the first SIGINT or SIGTERM, so that the
// worker drains; the second ends the process at once.
func stopOnSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process: a second signal may come at any time
		<-signals
		cancel()
		second := <-signals
		fmt.Fprintln(os.Stderr, "culvert: second signal, stopping at once without draining")
		os.Exit(128 + int(second.(syscall.Signal)))
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}
