package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/fault"
	"culvert/runtime/boot"
	"culvert/runtime/rest"
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
			err := checkHealth(cmd.Context(), address, cmd.OutOrStdout())
			if quiet := exitStatus(0); err == nil || errors.As(err, &quiet) {
				return err
			}
			// A container engine knows 0 and 1 and reserves 2, which other commands end with
			// when nobody answers.
			fmt.Fprintln(cmd.ErrOrStderr(), "culvert:", fault.Explain(err))
			return exitStatus(1)
		},
	}
	cmd.Flags().StringVar(&address, "url", "", "address of the worker")
	return cmd
}

func localAddress(environ []string) string {
	listeners := boot.ReadEnvironment(environ).Props["listeners"]
	first, _, _ := strings.Cut(listeners, ",")
	a, err := rest.ParseAddress(strings.TrimSpace(first))
	if err != nil {
		return "http://127.0.0.1:8083"
	}
	if ip := net.ParseIP(a.Host); a.Host == "" || ip != nil && ip.IsUnspecified() {
		a.Host = "127.0.0.1"
	}
	return a.String()
}

func checkHealth(ctx context.Context, address string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+"/health", nil)
	if err != nil {
		return fault.New(fault.Config, "healthcheck.url", "not an address: %q", address)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if ip := net.ParseIP(req.URL.Hostname()); ip != nil && ip.IsLoopback() || req.URL.Hostname() == "localhost" {
		// Nobody stands between us and this machine, and a worker's certificate has the name
		// that others call it by.
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("no whole answer from %s: %w", address, err)
	}
	fmt.Fprintln(out, strings.TrimSpace(string(body)))
	if resp.StatusCode == http.StatusUnauthorized {
		return nil // it answers; who may know more is not for us to say
	}
	if resp.StatusCode != http.StatusOK {
		return exitStatus(1)
	}
	return nil
}
