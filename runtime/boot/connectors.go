package boot

import (
	"context"
	"fmt"

	"culvert/runtime/plugins"
	"culvert/runtime/store"
)

// createConnectors creates the connectors that a standalone worker was started
// with, as ConnectStandalone does: one that cannot be created ends the worker.
func (b *building) createConnectors(ctx context.Context) error {
	for _, c := range b.Connectors {
		if err := b.create(ctx, c); err != nil {
			return fmt.Errorf("create connector %s: %w", c.Name, err)
		}
	}
	return nil
}

func (b *building) create(ctx context.Context, c Connector) error {
	answer, err := b.validator.Validate(ctx, plugins.Request{Props: c.Config})
	if err != nil {
		return err
	}
	if err := answer.Err(); err != nil {
		return err
	}
	target := map[string]store.Target{"RUNNING": store.Started, "PAUSED": store.Paused, "STOPPED": store.Stopped}[c.Target]
	if err := b.herder.AwaitReady(ctx); err != nil {
		return err
	}
	_, err = b.herder.Create(ctx, c.Name, c.Config, target)
	return err
}
