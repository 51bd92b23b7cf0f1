package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"culvert/runtime/boot"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and the Kafka Connect version it answers as",
		Example: "  culvert version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := boot.Version()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "culvert %s (commit %s, %s, %s/%s)\nKafka Connect API %s\n",
				v.Culvert, v.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, v.Connect)
			return err
		},
	}
}
