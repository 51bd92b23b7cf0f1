package schemas

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// placeholder is the address that srclient is given; transport puts the real one in.
const placeholder = "http://schema-registry"

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// transport sends each request to the first registry that answers, beginning with
// the one that answered last.
type transport struct {
	next      http.RoundTripper
	bases     []base
	current   atomic.Int32
	normalize bool
}

// unavailable is the error when no registry gave a usable answer.
type unavailable struct {
	text  string
	after time.Duration // what the registry asked for
	cause error
}

func (u *unavailable) Error() string { return u.text }
func (u *unavailable) Unwrap() error { return u.cause }

// denied is the error when the registry refuses us.
type denied struct{ text string }

func (d *denied) Error() string { return d.text }

func newTransport(c *Config) *transport {
	dialer := &net.Dialer{Timeout: time.Duration(c.connect) * time.Millisecond}
	return &transport{
		bases:     c.bases,
		normalize: c.Normalize,
		next: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSClientConfig:       c.tls,
			TLSHandshakeTimeout:   dialer.Timeout,
			ResponseHeaderTimeout: time.Duration(c.read) * time.Millisecond,
			MaxIdleConnsPerHost:   2,
			IdleConnTimeout:       30 * time.Second,
			ForceAttemptHTTP2:     true,
		},
	}
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	first := int(t.current.Load())
	var last *unavailable
	for i := range t.bases {
		at := (first + i) % len(t.bases)
		resp, err := t.try(req, &t.bases[at])
		if err == nil {
			t.current.Store(int32(at))
			return resp, nil
		}
		if !errors.As(err, &last) {
			return nil, err
		}
	}
	return nil, last
}

func (t *transport) try(req *http.Request, b *base) (*http.Response, error) {
	out := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	out.URL = &url.URL{Scheme: b.url.Scheme, Host: b.url.Host, Path: b.url.Path + req.URL.Path,
		RawPath: b.url.EscapedPath() + req.URL.EscapedPath(), RawQuery: req.URL.RawQuery}
	if t.normalize && req.Method == http.MethodPost {
		out.URL.RawQuery = "normalize=true"
	}
	out.Host = b.url.Host
	out.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json; q=0.9")
	if b.auth != "" {
		out.Header.Set("Authorization", b.auth)
	}
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		return nil, &unavailable{text: fmt.Sprintf("the Schema Registry at %s does not answer: %s", b.url, reason(err)), cause: err}
	}
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		discard(resp)
		return nil, &denied{text: fmt.Sprintf("the Schema Registry at %s refuses access (HTTP %s)", b.url, resp.Status)}
	case s >= 500 || s == http.StatusTooManyRequests || s == http.StatusRequestTimeout:
		discard(resp)
		return nil, &unavailable{text: fmt.Sprintf("the Schema Registry at %s answers HTTP %s", b.url, resp.Status), after: retryAfter(resp)}
	}
	resp.Body = limited{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// reason is the innermost part of a network error; the outer ones repeat the address.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Error()
	}
	return err.Error()
}

type limited struct {
	io.Reader
	io.Closer
}

func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	_ = resp.Body.Close()
}

// retryAfter is what a 429 or 503 asks for, at most a minute: seconds or a date
// (RFC 9110, 10.2.3).
func retryAfter(resp *http.Response) time.Duration {
	var wait time.Duration
	text := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		wait = min(time.Duration(n), 60) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = time.Until(at)
	}
	return max(0, min(wait, time.Minute))
}
