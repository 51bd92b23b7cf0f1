package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"culvert/connectors/all"
	"culvert/runtime/boot"
)

func validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate FILE…", Short: "Check connector files, and say what would be right", Args: cobra.MinimumNArgs(1),
		Long: "Checks what can be checked here: nothing is dialled, variables (${file:…}) are not resolved.\n" +
			"With --url a worker checks as well whether Kafka, the registry and the connector's target answer\n" +
			"from where it stands. Nothing is stored.\n\n" + exitHelp,
		Example: "  culvert validate connectors/*.json\n  culvert validate --worker connect-distributed.properties sink.json\n  culvert validate --url http://connect:8083 sink.json",
	}
	worker := cmd.Flags().String("worker", "", "properties file of the worker: its converters and policies count")
	c := clientFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := c()
		props := map[string]string{}
		if *worker != "" {
			var err error
			if props, err = boot.ReadProperties(*worker); err != nil {
				return err
			}
		}
		reports := make([]report, 0, len(args))
		for _, path := range args {
			file, err := boot.ReadConnector(path)
			if err != nil {
				return err
			}
			check := func() (report, error) { return checkHere(cmd.Context(), props, file) }
			if cmd.Flags().Changed("url") {
				check = func() (report, error) { return c.tryOut(cmd.Context(), file) }
			}
			r, err := check()
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			r.File = path
			reports = append(reports, r)
		}
		return c.showAll(reports)
	}
	return cmd
}

// report is the outcome for one file, as dry runs have it.
type report struct {
	File   string `json:"file,omitempty"`
	Name   string `json:"name"`
	Valid  bool   `json:"valid"`
	Errors []struct {
		Key   string `json:"key"`
		Value string `json:"value,omitempty"`
		Error string `json:"error"`
		Fix   string `json:"fix,omitempty"`
	} `json:"errors"`
	Warnings []reportWarning `json:"warnings"`
	Reached  []struct {
		Target string `json:"target"`
		Error  string `json:"error,omitempty"`
	} `json:"reached"`
}

type reportWarning struct {
	Key     string `json:"key"`
	Warning string `json:"warning"`
}

// tryOut asks a worker for a dry run. Java's worker does not know these and would
// store what it is sent, so the worker has to say first that it does.
func (c *client) tryOut(ctx context.Context, file boot.Connector) (r report, err error) {
	var doc struct{ Openapi string }
	if err := c.call(ctx, http.MethodGet, "/openapi.json", nil, &doc); err != nil || doc.Openapi == "" {
		if exitCode(err) == exitUnreachable {
			return r, err
		}
		return r, errors.New("this worker has no dry runs: it would store the connector; nothing was sent")
	}
	return r, c.call(ctx, http.MethodPut, connectorPath(file.Name, "/config?dry_run=true"), file.Config, &r)
}

// checkHere validates without a worker.
func checkHere(ctx context.Context, worker map[string]string, file boot.Connector) (r report, err error) {
	found, err := boot.ValidateConnector(ctx, all.Set(), worker, file.Config)
	if err != nil {
		return r, err
	}
	raw, err := json.Marshal(map[string]any{"name": file.Name, "valid": len(found.Errors) == 0, "errors": found.Errors})
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, err
	}
	for _, typo := range found.Typos {
		r.Warnings = append(r.Warnings, reportWarning{typo.Key, "nobody declares this key; " + typo.Meant + " may be meant"})
	}
	for _, k := range found.Ignored {
		r.Warnings = append(r.Warnings, reportWarning{k, "this key of the managed service has no effect here"})
	}
	for _, k := range found.Unchecked {
		r.Warnings = append(r.Warnings, reportWarning{k, "not checked: a config provider gives the value"})
	}
	return r, nil
}

// showAll prints the reports; the error says that one is not valid.
func (c *client) showAll(reports []report) error {
	bad := false
	for _, r := range reports {
		bad = bad || !r.Valid
		if !c.json {
			c.printReport(r)
		}
	}
	if c.json {
		if err := c.printJSON(reports); err != nil {
			return err
		}
	}
	if bad {
		return exitStatus(exitInvalid)
	}
	return nil
}

// show prints one report of a dry run.
func (c *client) show(path string, r report) error {
	r.File = path
	return c.showAll([]report{r})
}

func (c *client) printReport(r report) {
	lines := keyLines(r.File)
	at := func(key string) string {
		if n := lines[key]; n > 0 {
			return fmt.Sprintf("%s:%d", r.File, n)
		}
		return r.File
	}
	for _, e := range r.Errors {
		fmt.Fprintf(c.out, "%s: %s: %s\n", at(e.Key), e.Key, e.Error)
		if e.Value != "" && !strings.Contains(e.Error, e.Value) {
			fmt.Fprintf(c.out, "    seen:   %s\n", e.Value)
		}
		if e.Fix != "" {
			fmt.Fprintf(c.out, "    remedy: %s\n", e.Fix)
		}
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(c.out, "%s: warning: %s: %s\n", at(w.Key), w.Key, w.Warning)
	}
	for _, t := range r.Reached {
		if t.Error != "" {
			fmt.Fprintf(c.out, "%s: warning: %s: %s\n", r.File, t.Target, t.Error)
			continue
		}
		fmt.Fprintf(c.out, "%s: %s answers\n", r.File, t.Target)
	}
	if r.Valid {
		fmt.Fprintf(c.out, "%s: ok\n", r.File)
	}
}

// keyLines finds the line of each key of a JSON or properties file, as far as the
// file is written with one key a line.
func keyLines(path string) map[string]int {
	if !strings.HasSuffix(path, ".json") {
		return boot.KeyLines(path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := map[string]int{}
	for i, line := range strings.Split(string(raw), "\n") {
		for rest := line; ; {
			start := strings.IndexByte(rest, '"')
			if start < 0 {
				break
			}
			end := strings.IndexByte(rest[start+1:], '"')
			if end < 0 {
				break
			}
			key := rest[start+1 : start+1+end]
			rest = rest[start+end+2:]
			if strings.HasPrefix(strings.TrimLeft(rest, " \t"), ":") && lines[key] == 0 {
				lines[key] = i + 1
			}
		}
	}
	return lines
}
