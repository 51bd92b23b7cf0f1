package kafka

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/data"
)

// inBubble runs f with a cluster in a bubble with a clock of its own, over a network
// in memory. Time passes only while nobody has work, so a limit of time is met, or
// kept, on a slow machine as on a fast one. At its end no goroutine may be left.
func inBubble(t *testing.T, f func(ctx context.Context, t *testing.T, cluster *kfake.Cluster, s Settings), opts ...kfake.Opt) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Second) }) // what has been closed ends
		var network kfake.VirtualNetwork
		cluster := fakeCluster(t, append([]kfake.Opt{kfake.Ports(9092, 9093), kfake.ListenFn(network.Listen)}, opts...)...)
		s := settings(cluster)
		s.Dial = func(ctx context.Context, n, addr string) (net.Conn, error) { return network.DialContext(ctx, n, addr) }
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		t.Cleanup(cancel)
		f(ctx, t, cluster, s)
	})
}

// All clients run in a bubble; whole workers are tested like that. An hour passes in
// no time.
func TestWorld_Clients(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, _ *kfake.Cluster, s Settings) {
		s = with(s, "fetch.max.wait.ms", "500", "retry.backoff.ms", "100")
		a, err := OpenAdmin(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		table, err := OpenTable(ctx, s, TableConfig{Topic: "configs", Create: TopicSpec{Partitions: 1, Replication: 1}, Apply: func(data.Message) {}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := OpenProducer(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		c, err := OpenConsumer(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		assignments := 0
		g, err := OpenGroup(ctx, s, GroupConfig{ID: "w", ProtocolType: "connect", InstanceID: "one", LeaveOnClose: true,
			Protocols: func() []GroupProtocol { return []GroupProtocol{{"default", []byte("x")}} },
			Assign: func(_ string, m []GroupMember) (map[string][]byte, error) {
				return map[string][]byte{m[0].ID: []byte("work")}, nil
			},
			Revoke:   func(context.Context) error { return nil },
			Assigned: func(context.Context, Generation, []byte) error { assignments++; return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- g.Run(running) }()

		for _, tp := range tps("t", 0, 1, 2) {
			if err := c.Add(ctx, tp, Earliest); err != nil {
				t.Fatal(err)
			}
		}
		for range 60 {
			time.Sleep(time.Minute)
			told := make(chan error, 30)
			if err := p.Send(ctx, numbered("t", -1, 0, 30), func(_ int, _ int32, _ int64, err error) { told <- err }); err != nil {
				t.Fatal(err)
			}
			for range 30 {
				if err := <-told; err != nil {
					t.Fatal(err)
				}
			}
			for n := 0; n < 30; {
				msgs, err := c.Poll(ctx, Limits{}, nil)
				if err != nil {
					t.Fatal(err)
				}
				n += len(msgs)
			}
			if err := table.Put(ctx, []byte("k"), []byte("v")); err != nil {
				t.Fatal(err)
			}
			if err := table.Sync(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if assignments != 1 {
			t.Errorf("%d assignments within an hour, want 1", assignments)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, closing := range []func() error{g.Close, c.Close, table.Close, a.Close, func() error { return p.Close(ctx) }} {
			if err := closing(); err != nil {
				t.Error(err)
			}
		}
	})
}
