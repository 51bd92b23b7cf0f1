package task

import (
	"context"
	"strings"

	"culvert/data"
	"culvert/fault"
	"culvert/state"
	"culvert/transforms"
)

// passing is the plan of a Transactional sink without a stateful transformation:
// records pass, nothing is kept, and the topics need not fit together. What
// remains of Stream is what makes it exactly once: static ownership, fencing, and
// one transaction for messages and offsets.
type passing struct{ topics []string }

func (p *passing) Inputs() []string       { return p.topics }
func (p *passing) Copartitioned() bool    { return false }
func (p *passing) Retention(string) int64 { return 0 }
func (p *passing) ByTimestamp() bool      { return true }

func (p *passing) EventTime(_ string, r *data.Record, _ *data.Arena) (int64, error) {
	return r.Timestamp, nil
}

func (p *passing) Make(int32) transforms.Stateful { return p }

// Process implements transforms.Stateful.
func (p *passing) Process(in, out *data.Batch, _ state.Windows) error {
	out.Records = append(out.Records, in.Records...)
	return nil
}

// Advance implements transforms.Stateful.
func (p *passing) Advance(int64, *data.Batch, state.Windows) error { return nil }

// inspectPassing waits until the topics exist.
func inspectPassing(ctx context.Context, admin Admin, topics []string) (map[string]int, error) {
	infos, err := admin.Topics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	partitions := map[string]int{}
	var missing []string
	for _, t := range topics {
		if info, ok := infos[t]; ok {
			partitions[t] = info.Partitions
		} else {
			missing = append(missing, t)
		}
	}
	if len(missing) > 0 {
		return nil, fault.New(fault.Retry, "task.topic_missing", "topic '%s' does not exist yet", strings.Join(missing, "', '")).
			WithFix("Create it, or start what writes to it.")
	}
	return partitions, nil
}

var (
	_ transforms.Plan     = (*passing)(nil)
	_ transforms.Stateful = (*passing)(nil)
)
