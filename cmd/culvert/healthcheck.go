package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/fault"
	"culvert/runtime/boot"
)

func healthcheckCommand() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a worker whether it is healthy; exit status 1 when it is not",
		Long: "Asks GET /health. Without --url it takes the address from CONNECT_LISTENERS, as the\n" +
			"worker in the same container does, else http://127.0.0.1:8083.",
		Example: "  culvert healthcheck\n  culvert healthcheck --url http://connect:8083",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if address == "" {
				address = localAddress(os.Environ())
			}
			return checkHealth(cmd.Context(), address, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&address, "url", "", "address of the worker")
	return cmd
}

func localAddress(environ []string) string {
	listeners := boot.ReadEnvironment(environ).Props["listeners"]
	first, _, _ := strings.Cut(listeners, ",")
	u, err := url.Parse(strings.TrimSpace(first))
	if err != nil || u.Port() == "" {
		return "http://127.0.0.1:8083"
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, u.Port())
}

func checkHealth(ctx context.Context, address string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+"/health", nil)
	if err != nil {
		return fault.New(fault.Config, "healthcheck.url", "not an address: %q", address)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("no whole answer from %s: %w", address, err)
	}
	fmt.Fprintln(out, strings.TrimSpace(string(body)))
	if resp.StatusCode != http.StatusOK {
		return exitStatus(1)
	}
	return nil
}
