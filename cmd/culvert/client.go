package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Exit statuses of the commands that talk to a worker, beside 1 for everything else.
const (
	exitUnreachable = 2
	exitNotFound    = 3
	exitInvalid     = 4
	exitConflict    = 5
)

const exitHelp = "Exit status: 0 done; 1 something has failed; 2 the worker does not answer; 3 not found;\n4 the configuration is not valid; 5 a conflict, such as a name that exists."

// client talks to the REST API of a worker, Culvert's or Java's.
type client struct {
	base string
	json bool // print what the worker answers, not a table
	out  io.Writer
}

// clientFlags add what every command that talks to a worker has.
func clientFlags(cmd *cobra.Command) func() *client {
	address := cmd.PersistentFlags().StringP("url", "u", "", "address of a worker (default $CULVERT_URL, else http://localhost:8083)")
	asJSON := cmd.PersistentFlags().Bool("json", false, "print JSON, for programs")
	return func() *client {
		base := cmp.Or(*address, os.Getenv("CULVERT_URL"), "http://localhost:8083")
		return &client{base: strings.TrimRight(base, "/"), json: *asJSON, out: cmd.OutOrStdout()}
	}
}

// refused is an answer that is an error.
type refused struct {
	status  int
	message string
}

func (r *refused) Error() string { return r.message }

// exitCode is the exit status for an error.
func exitCode(err error) int {
	var r *refused
	var unreachable *url.Error
	switch {
	case errors.As(err, &unreachable):
		return exitUnreachable
	case !errors.As(err, &r):
		return 1
	}
	switch r.status {
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusBadRequest:
		return exitInvalid
	case http.StatusConflict:
		return exitConflict
	}
	return 1
}

// patience is how long a request is repeated while the workers rebalance.
const patience = 30 * time.Second

// call sends a request and reads the answer into out, unless that is nil. While the
// workers rebalance it asks again.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	deadline := time.Now().Add(patience)
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := c.once(ctx, method, path, body, out)
		var r *refused
		if !errors.As(err, &r) || r.status != http.StatusConflict || !passes(r.message) || time.Now().After(deadline) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// passes reports whether a conflict is one of a rebalance, which passes.
func passes(message string) bool {
	return strings.Contains(message, "rebalance") || strings.Contains(message, "due to stale configuration")
}

func (c *client) once(ctx context.Context, method, path string, body, out any) error {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, in)
	if err != nil {
		return fmt.Errorf("--url is not an address like http://localhost:8083")
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err // url.Error hides a password in the address
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", req.URL.Redacted(), err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		var e struct{ Message string }
		if json.Unmarshal(raw, &e) != nil || e.Message == "" {
			e.Message = fmt.Sprintf("%s answers HTTP %s", req.URL.Redacted(), res.Status)
		}
		return &refused{res.StatusCode, e.Message}
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, out)
}

func (c *client) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// connectorPath is the path of a connector.
func connectorPath(name string, rest ...string) string {
	return "/connectors/" + url.PathEscape(name) + strings.Join(rest, "")
}
