package schemas

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// Ping asks whether a registry answers and lets us in. It names the registries,
// without credentials.
func Ping(ctx context.Context, c Config) (target string, err error) {
	var names []string
	for i := range c.bases {
		names = append(names, c.bases[i].url.String())
	}
	target = "Schema Registry at " + strings.Join(names, ", ")
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, placeholder+"/config", nil)
	if err != nil {
		return target, err
	}
	t := newTransport(&c)
	resp, err := t.RoundTrip(req)
	if err != nil {
		return target, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return target, err
}
