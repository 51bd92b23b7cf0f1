package rest

import (
	"context"
	"maps"
	"net/http"

	"culvert/fault"
	"culvert/runtime/plugins"
)

// dryRun is the answer to ?dry_run=true: everything that is wrong with a
// configuration, and whether what the connector needs answers. Nothing is stored,
// and the status is 200 whatever is found.
type dryRun struct {
	Name     string            `json:"name"`
	Valid    bool              `json:"valid"`
	Errors   []plugins.Finding `json:"errors"`
	Warnings []warning         `json:"warnings"`
	// Reached is what was asked. What does not answer is no error: connectors wait.
	Reached []plugins.Reached `json:"reached"`
}

type warning struct {
	Key     string `json:"key"`
	Warning string `json:"warning"`
}

func isDryRun(r *http.Request) bool { return isTrue(r.URL.Query(), "dry_run") }

// tryOut answers a dry run of a create (where the connector must not be there yet)
// or of a change.
func (s *Server) tryOut(w http.ResponseWriter, r *http.Request, name string, p *props, create bool) error {
	out := dryRun{Name: name, Errors: []plugins.Finding{}, Warnings: []warning{}, Reached: []plugins.Reached{}}
	_, missing := s.Herder.Connector(name)
	if create && missing == nil {
		out.Errors = append(out.Errors, plugins.Finding{Key: "name", Value: name, Error: "Connector " + name + " already exists",
			Fix: "Choose another name, or change the connector with PUT /connectors/{name}/config."})
	}
	s.unmask(name, p)
	answer, err := s.runValidation(r.Context(), plugins.Request{Props: p.text, Nulls: p.nulls, Reach: true})
	switch {
	case fault.Is(err, fault.Config):
		e := fault.Of(err)
		out.Errors = append(out.Errors, plugins.Finding{Key: e.Field, Error: err.Error(), Fix: e.Fix})
	case err != nil:
		return err
	default:
		out.Errors = append(out.Errors, answer.Findings()...)
		out.Reached = append(out.Reached, answer.Reached...)
		for _, typo := range answer.Typos() {
			out.Warnings = append(out.Warnings, warning{typo.Key, "Nobody declares this key; " + typo.Meant + " may be meant"})
		}
		for _, k := range answer.Ignored {
			out.Warnings = append(out.Warnings, warning{k, "This key of the managed service has no effect here"})
		}
	}
	out.Valid = len(out.Errors) == 0
	return reply(w, http.StatusOK, out)
}

// runValidation gives up with the request: a plugin's check that ignores its
// context may go on alone, but nobody waits for it.
func (s *Server) runValidation(ctx context.Context, q plugins.Request) (*plugins.Answer, error) {
	type outcome struct {
		answer *plugins.Answer
		err    error
	}
	done := make(chan outcome, 1)
	q.Props = maps.Clone(q.Props)
	q.Stage = func(what string) func() { return stage(ctx, what) }
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- outcome{err: fault.New(fault.Fatal, "connect.plugin_panic", "the plugin's check of the configuration failed: %v", p)}
			}
		}()
		a, err := s.Validator.Validate(ctx, q)
		done <- outcome{a, err}
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
