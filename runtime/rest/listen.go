package rest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/fault"
)

// Listen opens the addresses of listeners=http://host:port,…; an empty host is
// every address of the machine.
func Listen(ctx context.Context, listeners []string) (open []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range open {
				_ = l.Close() // the error that matters is the one of opening
			}
		}
	}()
	for _, text := range listeners {
		u, err := url.Parse(text)
		if err != nil {
			return open, fault.New(fault.Config, "rest.listener", "Invalid value %s for configuration listeners: %v", text, err).WithField("listeners")
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", u.Host)
		if err != nil {
			return open, (&fault.Error{Class: fault.Config, Code: "rest.listener", Field: "listeners", Err: fmt.Errorf("listen on %s: %w", text, err)}).
				WithFix("Choose another host or port in listeners, or end the process that has this port.")
		}
		open = append(open, l)
	}
	return open, nil
}

// Serve lets h answer on the listeners until ctx ends; requests that are under way
// then get grace to finish. It returns nil after an end that ctx asked for.
func Serve(ctx context.Context, h http.Handler, grace time.Duration, listeners ...net.Listener) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	group, inner := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve REST on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-inner.Done()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := server.Shutdown(closing); err != nil {
			return server.Close() // what is left after the grace is cut off
		}
		return nil
	})
	return group.Wait()
}
