package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"culvert/connectors/all"
	"culvert/fault"
	"culvert/runtime/boot"
)

// options are the flags of worker and standalone.
type options struct {
	logFormat string
	check     bool
}

func (o *options) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.logFormat, "log-format", "text", "text or json")
	cmd.Flags().BoolVar(&o.check, "check", false, "check the configuration, say what is wrong, and exit")
}

func workerCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "worker [connect-distributed.properties]",
		Short: "Run a worker of a cluster",
		Long: "Runs a distributed worker from the properties file of the Java worker. Without a file\n" +
			"everything comes from CONNECT_… environment variables, as in the Java images.",
		Example: "  culvert worker connect-distributed.properties\n" +
			"  culvert worker --check connect-distributed.properties\n" +
			"  CONNECT_BOOTSTRAP_SERVERS=kafka:9092 CONNECT_GROUP_ID=connect … culvert worker",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, env, err := workerProps(args, os.Environ())
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd.ErrOrStderr(), source, env, boot.Distributed, nil)
		},
	}
	o.add(cmd)
	return cmd
}

func standaloneCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "standalone connect-standalone.properties [connector.json|connector.properties …]",
		Short: "Run one worker alone, with its offsets in a file",
		Example: "  culvert standalone connect-standalone.properties source.json sink.properties\n" +
			"  culvert standalone --check connect-standalone.properties source.json",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			props, err := boot.ReadProperties(args[0])
			if err != nil {
				return err
			}
			var connectors []boot.Connector
			for _, path := range args[1:] {
				c, err := boot.ReadConnector(path)
				if err != nil {
					return err
				}
				connectors = append(connectors, c)
			}
			return o.run(cmd.Context(), cmd.ErrOrStderr(), args[0], boot.Environment{Props: props}, boot.Standalone, connectors)
		},
	}
	o.add(cmd)
	return cmd
}

// workerProps returns the properties and the name of where they stand.
func workerProps(args, environ []string) (string, boot.Environment, error) {
	env := boot.ReadEnvironment(environ)
	if len(args) == 0 {
		if len(env.Props) == 0 {
			return "", env, fault.New(fault.Config, "config.none",
				"no configuration: name a properties file, or set CONNECT_BOOTSTRAP_SERVERS and the other CONNECT_… variables")
		}
		return "environment", env, nil
	}
	props, err := boot.ReadProperties(args[0])
	env.Props = props
	return args[0], env, err
}

func (o *options) run(ctx context.Context, stderr io.Writer, source string, env boot.Environment, mode boot.Mode, connectors []boot.Connector) error {
	log, loggers, err := boot.NewLog(stderr, o.logFormat, env)
	if err != nil {
		return err
	}
	cfg, unknown, err := boot.ParseConfig(mode, env.Props)
	if err != nil {
		return describe(source, env.Props, err)
	}
	warn(log, source, mode, env, unknown, cfg)
	worker := boot.Options{Config: cfg, Mode: mode, Plugins: all.Set(), Connectors: connectors, Log: log, Loggers: loggers}
	if o.check {
		if err := boot.Check(ctx, worker); err != nil {
			return describe(source, env.Props, err)
		}
		fmt.Fprintf(stderr, "%s: ok\n", source)
		return nil
	}
	boot.KeepMemorySmall()
	w, err := boot.Start(ctx, worker)
	if err != nil {
		return describe(source, env.Props, err)
	}
	return describe(source, env.Props, w.Wait(ctx))
}

// warn says once what the configuration holds that has no effect.
func warn(log *slog.Logger, source string, mode boot.Mode, env boot.Environment, unknown []string, cfg boot.Config) {
	for _, k := range unknown {
		if near := boot.Suggest(mode, k); near != "" {
			log.Warn("unknown key in the worker's configuration", "source", source, "key", k, "did_you_mean", near)
			continue
		}
		log.Warn("unknown key in the worker's configuration", "source", source, "key", k)
	}
	if v := cfg.Props["exactly.once.source.support"]; v != "" && !strings.EqualFold(v, "disabled") {
		log.Warn("exactly-once for sources is not available: sources deliver at least once, and a connector that requires more is refused",
			"source", source, "exactly.once.source.support", v)
	}
	if len(env.Ignored) > 0 {
		log.Info("environment variables without effect, since there is no JVM", "names", strings.Join(env.Ignored, ","))
	}
	if len(cfg.PluginPath) > 0 {
		log.Info("plugin.path is not used: Java plugins cannot be loaded, all plugins are compiled in", "plugin.path", strings.Join(cfg.PluginPath, ","))
	}
}

// describe names the file and, as far as it can be found, the line of each key
// that is wrong.
func describe(source string, props map[string]string, err error) error {
	lines := boot.KeyLines(source)
	var bad *boot.ConfigErrors
	if !errors.As(err, &bad) {
		// Found at work, such as a password that the broker does not take.
		if f := fault.Of(err); f != nil && f.Class == fault.Config && lines[f.Field] > 0 {
			return fmt.Errorf("%s:%d: %s: %w", source, lines[f.Field], f.Field, err)
		}
		return err
	}
	var b strings.Builder
	for i, sentence := range bad.Sentences {
		if i > 0 {
			b.WriteString("\n")
		}
		key := bad.Keys[i]
		if _, given := props[key]; given && lines[key] > 0 {
			fmt.Fprintf(&b, "%s:%d: %s", source, lines[key], sentence)
			continue
		}
		fmt.Fprintf(&b, "%s: %s", source, sentence)
	}
	return fault.New(fault.Config, "config.worker", "%s", b.String())
}
