package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/fault"
)

// Address is an entry of listeners or admin.listeners.
type Address struct {
	HTTPS bool
	Host  string // empty: every address of the machine
	Port  int    // 0: any that is free
}

// addressForm is RestServer.LISTENER_PATTERN.
var addressForm = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// ParseAddress reads protocol://host:port. Errors are Java's sentences.
func ParseAddress(text string) (Address, error) {
	m := addressForm.FindStringSubmatch(text)
	if m == nil {
		return Address{}, errors.New("Listener doesn't have the right format (protocol://hostname:port).")
	}
	protocol := strings.ToLower(m[1])
	if protocol != "http" && protocol != "https" {
		return Address{}, errors.New(`Listener protocol must be either "http" or "https".`)
	}
	port, err := strconv.Atoi(m[3])
	if err != nil || port < 0 || port > 65535 {
		return Address{}, fmt.Errorf("a port is a number from 0 to 65535, not %s", m[3])
	}
	return Address{HTTPS: protocol == "https", Host: m[2], Port: port}, nil
}

// Protocol is http or https.
func (a Address) Protocol() string {
	if a.HTTPS {
		return "https"
	}
	return "http"
}

func (a Address) String() string {
	return a.Protocol() + "://" + net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
}

// Listen opens addresses. Connections to https ones are encrypted as secure says; key
// names the property that the addresses come from.
func Listen(ctx context.Context, key string, addresses []Address, secure *tls.Config) (open []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range open {
				_ = l.Close() // the error that matters is the one of opening
			}
		}
	}()
	for _, a := range addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(a.Host, strconv.Itoa(a.Port)))
		if err != nil {
			return open, (&fault.Error{Class: fault.Config, Code: "rest.listener", Field: key, Err: fmt.Errorf("listen on %s: %w", a, err)}).
				WithFix("Choose another host or port in %s, or end the process that has this port.", key)
		}
		if a.HTTPS {
			secure := secure.Clone()
			secure.NextProtos = []string{"http/1.1"}
			l = tls.NewListener(l, secure)
		}
		open = append(open, l)
	}
	return open, nil
}

// Port is listeners and what answers there.
type Port struct {
	Handler   http.Handler
	Listeners []net.Listener
}

// Serve answers on all ports until ctx ends; requests that are under way then get
// grace to finish. It returns nil after an end that ctx asked for.
func Serve(ctx context.Context, log *slog.Logger, grace time.Duration, ports ...Port) error {
	group, inner := errgroup.WithContext(ctx)
	for _, p := range ports {
		server := &http.Server{Handler: p.Handler, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
			// What a client does wrong with TLS or HTTP is of interest when one looks for it.
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
		for _, l := range p.Listeners {
			group.Go(func() error {
				if err := server.Serve(jsonListener{l}); !errors.Is(err, http.ErrServerClosed) {
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
	}
	return group.Wait()
}
