package worker

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"culvert/fault"
	"culvert/runtime/providers"
)

// keyReload says what becomes of a task when a value of a config provider has
// changed: restart, the default, or none (KIP-297).
const keyReload = "config.action.reload"

// errChanged ends a task whose config providers give other values than those that
// it was started with.
var errChanged = errors.New("the values of config providers have changed")

// resolved is the configuration of a task with its variables replaced.
type resolved struct {
	conn, task map[string]string
	secrets    *providers.Secrets
	ttl        time.Duration
}

func (r *run) resolve() (resolved, error) {
	conn, err := r.w.cfg.Providers.Resolve(r.conn)
	if err != nil {
		return resolved{}, err
	}
	own, err := r.w.cfg.Providers.Resolve(r.task)
	if err != nil {
		return resolved{}, err
	}
	now := resolved{conn: conn.Props, task: own.Props, ttl: conn.TTL, secrets: conn.Secrets.With(own.Secrets).With(r.w.cfg.Secrets)}
	if own.TTL > 0 && (now.ttl == 0 || own.TTL < now.ttl) {
		now.ttl = own.TTL
	}
	r.mu.Lock()
	r.secrets = now.secrets
	r.mu.Unlock()
	return now, nil
}

// untilChanged runs a task. Where providers say how long their values last, they are
// asked again after that time, and the task drains when they give others.
//
// Java restarts the connector whenever the time is up (WorkerConfigTransformer). Here
// the same values do not interrupt anything.
func (r *run) untilChanged(now *resolved, task func(ctx context.Context) error) error {
	if now.ttl <= 0 || strings.EqualFold(strings.TrimSpace(now.conn[keyReload]), "none") {
		return task(r.ctx)
	}
	ctx, end := context.WithCancelCause(r.ctx)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		r.watch(ctx, now, end)
	}()
	err := task(ctx)
	changed := errors.Is(context.Cause(ctx), errChanged)
	end(nil)
	<-watching
	if changed && r.ctx.Err() == nil {
		return errChanged
	}
	return err
}

func (r *run) watch(ctx context.Context, now *resolved, end context.CancelCauseFunc) {
	tick := time.NewTicker(now.ttl)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		conn, err := r.w.cfg.Providers.Resolve(r.conn)
		var own *providers.Resolved
		if err == nil {
			own, err = r.w.cfg.Providers.Resolve(r.task)
		}
		switch {
		case err != nil:
			// What was read once is still good; a file may be about to be replaced.
			r.log.Warn("a config provider cannot be asked again; the task goes on with the values that it has", "error", fault.Explain(err))
		case !maps.Equal(conn.Props, now.conn) || !maps.Equal(own.Props, now.task):
			end(errChanged)
			return
		}
	}
}
