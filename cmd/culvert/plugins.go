package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"culvert/connectors/all"
	"culvert/runtime/boot"
)

// pluginInfo and pluginKey are what the list of plugins and their keys say.
type pluginInfo struct {
	Class   string `json:"class"`
	Type    string `json:"type"`
	Version string `json:"version"`
}

type pluginKey struct {
	Name          string  `json:"name"`
	Type          string  `json:"type"`
	Required      bool    `json:"required"`
	Default       *string `json:"default_value"`
	Documentation string  `json:"documentation"`
}

func pluginsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "plugins [CLASS]", Short: "List the plugins that are built in, or the keys of one", Args: cobra.MaximumNArgs(1),
		Long:    "Without --url it is about this binary, with it about a running worker.",
		Example: "  culvert plugins\n  culvert plugins MongoSinkConnector\n  culvert plugins --url http://connect:8083 --json",
	}
	c := clientFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := c()
		list, keys := builtIn()
		if cmd.Flags().Changed("url") {
			list = func() (out []pluginInfo, err error) {
				return out, c.call(cmd.Context(), http.MethodGet, "/connector-plugins?connectorsOnly=false", nil, &out)
			}
			keys = func(class string) (out []pluginKey, err error) {
				return out, c.call(cmd.Context(), http.MethodGet, "/connector-plugins/"+url.PathEscape(class)+"/config?extended=true", nil, &out)
			}
		}
		if len(args) == 0 {
			return c.listPlugins(list)
		}
		return c.listKeys(keys, args[0])
	}
	return cmd
}

// builtIn are the plugins of this binary.
func builtIn() (list func() ([]pluginInfo, error), keys func(class string) ([]pluginKey, error)) {
	list = func() (out []pluginInfo, err error) {
		l, err := boot.ListPlugins(all.Set())
		if err != nil {
			return nil, err
		}
		for _, p := range l.All(false) {
			out = append(out, pluginInfo{p.Class, string(p.Type), p.Version})
		}
		return out, nil
	}
	keys = func(class string) (out []pluginKey, err error) {
		l, err := boot.ListPlugins(all.Set())
		if err != nil {
			return nil, err
		}
		definitions, err := l.Keys(class)
		if err != nil {
			return nil, &refused{http.StatusNotFound, err.Error()}
		}
		for _, d := range definitions {
			out = append(out, pluginKey{d.Name, d.Type, d.Required, d.Default, d.Documentation})
		}
		return out, nil
	}
	return list, keys
}

func (c *client) listPlugins(list func() ([]pluginInfo, error)) error {
	plugins, err := list()
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(plugins)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLASS\tTYPE\tVERSION")
	for _, p := range plugins {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Class, p.Type, p.Version)
	}
	return w.Flush()
}

func (c *client) listKeys(keys func(class string) ([]pluginKey, error), class string) error {
	list, err := keys(class)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(list)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tTYPE\tDEFAULT\tMEANING")
	for _, k := range list {
		dflt := ""
		switch {
		case k.Required:
			dflt = "(required)"
		case k.Default != nil:
			dflt = *k.Default
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, strings.ToLower(k.Type), dflt, k.Documentation)
	}
	return w.Flush()
}
