package boot

import (
	"context"
	"errors"
	"fmt"

	"culvert/fault"
	"culvert/runtime/plugins"
	"culvert/runtime/store"
)

// createConnectors creates the connectors that a standalone worker was started
// with, as ConnectStandalone does: one that cannot be created ends the worker.
func (b *building) createConnectors(ctx context.Context) error {
	for _, c := range b.Connectors {
		if err := b.create(ctx, c); err != nil {
			return fmt.Errorf("create %s: %w", c.title(), err)
		}
	}
	return nil
}

func (b *building) create(ctx context.Context, c Connector) error {
	if err := validate(ctx, b.validator, plugins.Request{Props: c.Config}); err != nil {
		return err
	}
	if err := b.herder.AwaitReady(ctx); err != nil {
		return err
	}
	_, err := b.herder.Create(ctx, c.Name, c.Config, targets[c.Target])
	return err
}

// title names a connector for an error.
func (c *Connector) title() string {
	if c.File == "" {
		return "connector " + c.Name
	}
	return fmt.Sprintf("connector %s (%s)", c.Name, c.File)
}

// targets are the states that a connector may begin in.
var targets = map[string]store.Target{"": store.Started, "RUNNING": store.Started, "PAUSED": store.Paused, "STOPPED": store.Stopped}

// checkConnectors checks the connectors of a standalone worker without asking anybody
// outside of this process. All errors are reported.
func checkConnectors(ctx context.Context, o *Options, v *plugins.Validator) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range o.Connectors {
		err := validate(ctx, v, plugins.Request{Props: c.Config, Offline: true})
		if seen[c.Name] {
			err = fault.New(fault.Config, "connect.duplicate_name", "another connector of the command line has this name already").
				WithField("name").WithFix("Give each connector a name of its own.")
		}
		seen[c.Name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s", c.title(), fault.Explain(err)))
		}
	}
	return errors.Join(errs...)
}

// validate gives what is wrong with a connector's configuration.
func validate(ctx context.Context, v *plugins.Validator, q plugins.Request) error {
	answer, err := v.Validate(ctx, q)
	if err != nil {
		return err
	}
	return answer.Err()
}
