package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/connectors"
	"culvert/converters"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/plugins"
	"culvert/runtime/task"
)

// reachTimeout bounds what Reach may take.
const reachTimeout = 15 * time.Second

// Reach asks what the tasks of a connector would need, beyond what the connector
// dials itself: Kafka, with the connector's own settings, the topics of a sink, and
// what its converters talk to. Nothing is changed or created.
func (w *Worker) Reach(ctx context.Context, connector string, props map[string]string) []plugins.Reached {
	keys, err := parseConnector(props)
	if err != nil {
		return nil // the validation of the keys says it better
	}
	p, err := w.cfg.Plugins.Connector(keys.Class)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	asked := []func() []plugins.Reached{func() []plugins.Reached { return w.reachKafka(ctx, connector, props, p.Kind, keys.Topics) }}
	for _, c := range []struct {
		key, own, workers string
		side              converters.Side
	}{{"key.converter", keys.KeyConverter, w.keys.KeyConverter, converters.Key}, {"value.converter", keys.ValueConverter, w.keys.ValueConverter, converters.Value}} {
		class, from := c.own, props
		if class == "" {
			class, from = c.workers, w.cfg.Props
		}
		if plugin, err := w.cfg.Plugins.Converter(class, c.side); err == nil && plugin.Dial != nil {
			asked = append(asked, func() []plugins.Reached {
				target, err := plugin.Dial(ctx, under(from, c.key+"."), c.side)
				return []plugins.Reached{reached(fmt.Sprintf("%s (%s)", target, c.key), err)}
			})
		}
	}
	answers := make([][]plugins.Reached, len(asked))
	var g errgroup.Group
	for i, ask := range asked {
		g.Go(func() error { answers[i] = ask(); return nil })
	}
	_ = g.Wait() // none fails
	return slices.Concat(answers...)
}

func (w *Worker) reachKafka(ctx context.Context, connector string, props map[string]string, kind connectors.Kind, topics []string) []plugins.Reached {
	role, client := kafka.ProducerRole, producerClient
	if kind == connectors.SinkKind {
		role, client = kafka.ConsumerRole, consumerClient
	}
	b := &builder{w: w, id: task.ID{Connector: connector}, conn: props, log: slog.New(slog.DiscardHandler)}
	s := b.settings(role, client)
	target := "Kafka at " + s.Props["bootstrap.servers"]
	admin, err := kafka.OpenAdmin(ctx, s)
	if err != nil {
		return []plugins.Reached{reached(target, err)}
	}
	defer admin.Close()
	if kind != connectors.SinkKind || len(topics) == 0 {
		_, err = admin.ClusterID(ctx)
		return []plugins.Reached{reached(target, err)}
	}
	infos, err := admin.Topics(ctx, topics...)
	list := []plugins.Reached{reached(target, err)}
	if err != nil {
		return list
	}
	for _, t := range topics {
		if _, ok := infos[t]; !ok {
			list = append(list, plugins.Reached{Target: "topic " + t, Error: "The topic does not exist yet; the tasks will wait for it"})
		}
	}
	return list
}

func reached(target string, err error) plugins.Reached {
	if err == nil {
		return plugins.Reached{Target: target}
	}
	return plugins.Reached{Target: target, Error: strings.ReplaceAll(fault.Explain(err), "\n", " ")}
}
