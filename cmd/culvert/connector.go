package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"culvert/runtime/boot"
)

func connectorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "connector",
		Aliases: []string{"connectors"},
		Short:   "Create, look at and change the connectors of a running worker",
		Long:    "A small client of the REST API, for Culvert's workers and for Java's.\n\n" + exitHelp,
		Example: "  culvert connector list\n  culvert connector create sink.json\n  culvert connector status sink --json\n" +
			"  culvert connector config sink tasks.max=2 errors.tolerance-\n  culvert connector restart sink --tasks --failed",
	}
	c := clientFlags(cmd)
	cmd.AddCommand(listCommand(c), createCommand(c), statusCommand(c), configCommand(c), restartCommand(c), topicsCommand(c), offsetsCommand(c),
		eachCommand(c, "pause", "Pause connectors: their tasks stay, and do nothing", http.MethodPut, "/pause", "paused"),
		eachCommand(c, "resume", "Let paused or stopped connectors go on", http.MethodPut, "/resume", "resumed"),
		eachCommand(c, "stop", "Stop connectors: they keep no tasks", http.MethodPut, "/stop", "stopped"),
		eachCommand(c, "delete", "Delete connectors; their offsets stay", http.MethodDelete, "", "deleted"))
	return cmd
}

// names completes the names of connectors.
func names(c func() *client) func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var all []string
		if err := c().once(cmd.Context(), http.MethodGet, "/connectors", nil, &all); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.DeleteFunc(all, func(n string) bool { return slices.Contains(args, n) }), cobra.ShellCompDirectiveNoFileComp
	}
}

type stateOf struct {
	ID      int    `json:"id"`
	State   string `json:"state"`
	Worker  string `json:"worker_id"`
	Version string `json:"version,omitempty"`
	Trace   string `json:"trace,omitempty"`
}

type statusOf struct {
	Name      string    `json:"name"`
	Connector stateOf   `json:"connector"`
	Tasks     []stateOf `json:"tasks"`
	Type      string    `json:"type"`
}

// failed reports whether the connector or a task of it has failed.
func (s *statusOf) failed() bool {
	return s.Connector.State == "FAILED" || slices.ContainsFunc(s.Tasks, func(t stateOf) bool { return t.State == "FAILED" })
}

func (s *statusOf) running() (n int) {
	for _, t := range s.Tasks {
		if t.State == "RUNNING" {
			n++
		}
	}
	return n
}

func listCommand(c func() *client) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the connectors with their states", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := c()
			var all map[string]struct {
				Status statusOf
				Info   struct{ Config map[string]string }
			}
			if err := c.call(cmd.Context(), http.MethodGet, "/connectors?expand=status&expand=info", nil, &all); err != nil {
				return err
			}
			if c.json {
				list := []statusOf{}
				for _, name := range slices.Sorted(maps.Keys(all)) {
					list = append(list, all[name].Status)
				}
				return c.printJSON(list)
			}
			w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tTYPE\tSTATE\tTASKS\tCLASS")
			for _, name := range slices.Sorted(maps.Keys(all)) {
				e := all[name]
				class := e.Info.Config["connector.class"]
				state := e.Status.Connector.State
				if state == "RUNNING" && e.Status.failed() {
					state = "RUNNING, task failed"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%s\n", name, e.Status.Type, state, e.Status.running(), len(e.Status.Tasks), class[strings.LastIndexByte(class, '.')+1:])
			}
			return w.Flush()
		},
	}
}

func createCommand(c func() *client) *cobra.Command {
	var dry, replace bool
	var initial string
	cmd := &cobra.Command{
		Use: "create FILE…", Short: "Create connectors from JSON or properties files", Args: cobra.MinimumNArgs(1),
		Long: "A file holds what POST /connectors takes, the bare configuration, or properties; exports of\nConfluent Cloud are taken as they are.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := c()
			for _, path := range args {
				file, err := boot.ReadConnector(path)
				if err != nil {
					return err
				}
				if dry {
					report, err := c.tryOut(cmd.Context(), file)
					if err != nil {
						return fmt.Errorf("%s: %w", path, err)
					}
					if err := c.show(path, report); err != nil {
						return err
					}
					continue
				}
				if err := c.create(cmd.Context(), file, initial, replace); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "check everything, also what the connector needs, and store nothing")
	cmd.Flags().BoolVar(&replace, "replace", false, "change the configuration of a connector that exists")
	cmd.Flags().StringVar(&initial, "initial-state", "", "RUNNING, PAUSED or STOPPED")
	return cmd
}

func (c *client) create(ctx context.Context, file boot.Connector, initial string, replace bool) error {
	var info map[string]any
	var err error
	if replace {
		err = c.call(ctx, http.MethodPut, connectorPath(file.Name, "/config"), file.Config, &info)
	} else {
		body := map[string]any{"name": file.Name, "config": file.Config}
		if initial == "" {
			initial = file.Target
		}
		if initial != "" {
			body["initial_state"] = strings.ToUpper(initial)
		}
		err = c.call(ctx, http.MethodPost, "/connectors", body, &info)
	}
	switch {
	case err != nil:
		return err
	case c.json:
		return c.printJSON(info)
	case replace:
		fmt.Fprintf(c.out, "connector %s stored\n", file.Name)
	default:
		fmt.Fprintf(c.out, "connector %s created\n", file.Name)
	}
	return nil
}

func statusCommand(c func() *client) *cobra.Command {
	return &cobra.Command{
		Use: "status NAME…", Short: "Show the states of connectors and their tasks; exit status 1 if one has failed",
		Args: cobra.MinimumNArgs(1), ValidArgsFunction: names(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := c()
			all := []statusOf{}
			failed := false
			for _, name := range args {
				var s statusOf
				if err := c.call(cmd.Context(), http.MethodGet, connectorPath(name, "/status"), nil, &s); err != nil {
					return err
				}
				failed = failed || s.failed()
				all = append(all, s)
			}
			if err := c.showStatuses(all); err != nil {
				return err
			}
			if failed {
				return exitStatus(1)
			}
			return nil
		},
	}
}

func (c *client) showStatuses(all []statusOf) error {
	if c.json {
		return c.printJSON(all)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tWORKER\tVERSION")
	traces := ""
	row := func(name string, s stateOf) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, s.State, s.Worker, s.Version)
		if s.Trace != "" {
			traces += fmt.Sprintf("\n%s: %s\n", name, strings.TrimSpace(s.Trace))
		}
	}
	for _, s := range all {
		row(s.Name, s.Connector)
		for _, t := range s.Tasks {
			row(fmt.Sprintf("%s task %d", s.Name, t.ID), t)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(c.out, traces)
	return err
}

// eachCommand does one thing with every connector that is named.
func eachCommand(c func() *client, use, short, method, path, done string) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME…", Short: short, Args: cobra.MinimumNArgs(1), ValidArgsFunction: names(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := c()
			for _, name := range args {
				if err := c.call(cmd.Context(), method, connectorPath(name, path), nil, nil); err != nil {
					return err
				}
				if !c.json {
					fmt.Fprintf(c.out, "connector %s %s\n", name, done)
				}
			}
			return nil
		},
	}
}

func restartCommand(c func() *client) *cobra.Command {
	var tasks, failed bool
	task := -1
	cmd := &cobra.Command{
		Use: "restart NAME…", Short: "Restart connectors, and their tasks on request", Args: cobra.MinimumNArgs(1), ValidArgsFunction: names(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := c()
			for _, name := range args {
				path := connectorPath(name, "/restart?", url.Values{"includeTasks": {fmt.Sprint(tasks)}, "onlyFailed": {fmt.Sprint(failed)}}.Encode())
				if task >= 0 {
					path = connectorPath(name, fmt.Sprintf("/tasks/%d/restart", task))
				}
				if err := c.call(cmd.Context(), http.MethodPost, path, nil, nil); err != nil {
					return err
				}
				if !c.json {
					fmt.Fprintf(c.out, "connector %s restarted\n", name)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&tasks, "tasks", false, "the tasks too")
	cmd.Flags().BoolVar(&failed, "failed", false, "only what has failed")
	cmd.Flags().IntVar(&task, "task", -1, "this task alone")
	return cmd
}

func configCommand(c func() *client) *cobra.Command {
	return &cobra.Command{
		Use: "config NAME [KEY=VALUE|KEY-]…", Short: "Show the configuration of a connector, or change keys of it", Args: cobra.MinimumNArgs(1), ValidArgsFunction: names(c),
		Long: "KEY=VALUE sets a key and KEY- removes one; the others stay.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := c()
			config := map[string]string{}
			path := connectorPath(args[0], "/config")
			if len(args) == 1 {
				if err := c.call(cmd.Context(), http.MethodGet, path, nil, &config); err != nil {
					return err
				}
			} else {
				changes, err := parseChanges(args[1:])
				if err != nil {
					return err
				}
				var info struct{ Config map[string]string }
				if err := c.call(cmd.Context(), http.MethodPatch, path, changes, &info); err != nil {
					return err
				}
				config = info.Config
			}
			if c.json {
				return c.printJSON(config)
			}
			for _, k := range slices.Sorted(maps.Keys(config)) {
				fmt.Fprintf(c.out, "%s=%s\n", k, config[k])
			}
			return nil
		},
	}
}

// parseChanges reads KEY=VALUE and KEY-; nil removes a key.
func parseChanges(args []string) (map[string]*string, error) {
	changes := map[string]*string{}
	for _, a := range args {
		if key, value, ok := strings.Cut(a, "="); ok && key != "" {
			changes[key] = &value
			continue
		}
		key, ok := strings.CutSuffix(a, "-")
		if !ok || key == "" {
			return nil, errors.New(a + " is neither KEY=VALUE nor KEY-")
		}
		changes[key] = nil
	}
	return changes, nil
}

func topicsCommand(c func() *client) *cobra.Command {
	return &cobra.Command{
		Use: "topics NAME", Short: "List the topics that a connector has used", Args: cobra.ExactArgs(1), ValidArgsFunction: names(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := c()
			var all map[string]struct {
				Topics []string `json:"topics"`
			}
			if err := c.call(cmd.Context(), http.MethodGet, connectorPath(args[0], "/topics"), nil, &all); err != nil {
				return err
			}
			if c.json {
				return c.printJSON(all)
			}
			for _, t := range all[args[0]].Topics {
				fmt.Fprintln(c.out, t)
			}
			return nil
		},
	}
}

func offsetsCommand(c func() *client) *cobra.Command {
	reset := false
	cmd := &cobra.Command{
		Use: "offsets NAME", Short: "Show the offsets of a connector, or forget them", Args: cobra.ExactArgs(1), ValidArgsFunction: names(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := c()
			path := connectorPath(args[0], "/offsets")
			if reset {
				var answer struct {
					Message string `json:"message"`
				}
				if err := c.call(cmd.Context(), http.MethodDelete, path, nil, &answer); err != nil {
					return err
				}
				fmt.Fprintln(c.out, answer.Message)
				return nil
			}
			var all any
			if err := c.call(cmd.Context(), http.MethodGet, path, nil, &all); err != nil {
				return err
			}
			return c.printJSON(all) // partitions and offsets have any shape
		},
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "forget all of them; the connector must be stopped")
	return cmd
}
