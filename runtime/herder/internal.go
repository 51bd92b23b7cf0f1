package herder

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"culvert/fault"
	"culvert/runtime/store"
)

// Requests between workers (DistributedHerder.requestNotSignedProperly). Workers of
// this kind do not send them: every leader makes task configs itself.

// Signature is what signs a request between workers.
type Signature = struct {
	Body      []byte
	MAC       []byte
	Algorithm string
}

// PutTasks stores task configs that another worker has made.
func (h *Herder) PutTasks(ctx context.Context, name string, tasks []map[string]string, signed *Signature) error {
	if err := h.checkSignature(signed); err != nil {
		return err
	}
	return h.asLeader(ctx, func(ctx context.Context) error {
		c, err := h.Connector(name)
		if err != nil {
			return err
		}
		if len(tasks) > 0 && c.Target == store.Stopped {
			return fault.New(fault.Config, "herder.stopped", "Cannot submit non-empty set of task configs for stopped connector %s", name)
		}
		return h.s.Config.PutTasks(ctx, name, tasks)
	})
}

// Fence is asked for by exactly-once sources of other workers; there are none.
func (h *Herder) Fence(_ context.Context, name string, signed *Signature) error {
	if err := h.checkSignature(signed); err != nil {
		return err
	}
	if _, err := h.Connector(name); err != nil {
		return err
	}
	return fault.New(fault.Fatal, "herder.no_fencing", "exactly-once source support is not available on this worker")
}

func (h *Herder) checkSignature(s *Signature) error {
	if s == nil {
		return fault.New(fault.Config, "herder.unsigned", "Internal request missing required signature")
	}
	key := h.s.Config.Snapshot().SessionKey
	if s.Algorithm != "HmacSHA256" || key == nil {
		return fault.New(fault.Config, "herder.signature", "Internal request signature of algorithm %q cannot be verified", s.Algorithm)
	}
	mac := hmac.New(sha256.New, key.Key)
	mac.Write(s.Body)
	if !hmac.Equal(mac.Sum(nil), s.MAC) {
		return fault.New(fault.Config, "herder.signature", "Internal request contained invalid signature.")
	}
	return nil
}
