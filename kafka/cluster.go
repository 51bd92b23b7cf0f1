package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// cluster is one client's view of the cluster: its connections, who leads which
// partition and who coordinates. It starts no goroutine: whoever needs something
// asks, with a context.
//
// It stands in for sarama.Client, whose calls take no context, wait on mutexes
// behind each other's round trips and give up after a number of tries.
type cluster struct {
	opts    options
	written func(key string) string
	base    *sarama.Config
	log     *slog.Logger
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	trouble *trouble
	reuse   bool

	mu      sync.Mutex
	closed  bool
	brokers map[int32]string
	links   map[laneKey]*link
	topics  map[string]*topicView
	id      string
	control int32
}

// lane separates requests that wait at the broker (a join, a fetch) from those
// that must not wait behind them.
type lane uint8

const (
	mainLane lane = iota
	slowLane
)

type laneKey struct {
	addr string
	lane lane
}

// topicView is what the last metadata answer said.
type topicView struct {
	leaders []int32 // by partition; -1: none
	at      time.Time
}

func openCluster(s Settings, role Role) (*cluster, error) {
	written := s.Written
	if written == nil {
		written = func(key string) string { return key }
	}
	opts, _, err := parseProps(s.Props, role)
	if err != nil {
		return nil, Rename(err, written)
	}
	if opts.clientID == "" {
		opts.clientID = s.ClientID
	}
	base := sarama.NewConfig()
	base.Version = sarama.MaxVersion // the most we speak; each request goes down to what the broker has
	base.ClientID = opts.clientID
	base.ApiVersionsRequest = true
	// Deadlines are those of contexts (link.call); sarama's must not come first.
	base.Net.ReadTimeout, base.Net.WriteTimeout, base.Net.DialTimeout = 24*time.Hour, 24*time.Hour, time.Hour
	opts.security.apply(base)
	if err := base.Validate(); err != nil {
		return nil, fault.New(fault.Config, "kafka.bad_property", "Kafka client settings: %v", err)
	}
	c := &cluster{
		opts: opts, written: written, base: base, log: s.log().With("logger", role.logger()), dial: s.Dial, reuse: s.Reuse,
		brokers: map[int32]string{}, links: map[laneKey]*link{}, topics: map[string]*topicView{}, control: -1,
	}
	c.trouble = &trouble{log: c.log, tell: s.Waiting}
	if c.dial == nil {
		// A join may wait for minutes; a host that is gone is noticed in half a minute
		// all the same. A frozen broker's host still answers.
		c.dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second,
			Interval: 5 * time.Second, Count: 4}}).DialContext
	}
	return c, nil
}

// link is the connection of a lane to an address.
func (c *cluster) link(addr string, l lane) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	key := laneKey{addr, l}
	if c.links[key] == nil {
		c.links[key] = &link{cluster: c, addr: addr, turn: make(chan struct{}, 1)}
	}
	return c.links[key], nil
}

var errClosed = fault.New(fault.Fatal, "kafka.closed", "the Kafka client is closed")

// ask sends a request to a broker by id.
func (c *cluster) ask(ctx context.Context, broker int32, l lane, timeout time.Duration, f func(b *sarama.Broker) error) error {
	link, err := c.linkTo(broker, l)
	if err != nil {
		return err
	}
	return link.call(ctx, timeout, f)
}

// fetch sends a Fetch to a broker by id (link.fetch).
func (c *cluster) fetch(ctx context.Context, broker int32, timeout time.Duration, req *sarama.FetchRequest, pool *buffers) (*sarama.FetchResponse, *answer, error) {
	link, err := c.linkTo(broker, slowLane)
	if err != nil {
		return nil, nil, err
	}
	return link.fetch(ctx, timeout, req, pool)
}

// linkTo is the connection of a lane to a broker by id.
func (c *cluster) linkTo(broker int32, l lane) (*link, error) {
	c.mu.Lock()
	addr, ok := c.brokers[broker]
	c.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("broker %d is not known: %w", broker, errTransport)
	}
	return c.link(addr, l)
}

// askAny sends a request to any broker that answers: the known ones in random
// order, then those of bootstrap.servers.
func (c *cluster) askAny(ctx context.Context, f func(b *sarama.Broker) error) error {
	c.mu.Lock()
	addrs := make([]string, 0, len(c.brokers)+len(c.opts.bootstrap))
	for _, a := range c.brokers {
		addrs = append(addrs, a)
	}
	c.mu.Unlock()
	slices.Sort(addrs)
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	for _, a := range c.opts.bootstrap {
		if !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	links := make([]*link, 0, len(addrs))
	for _, a := range addrs {
		link, err := c.link(a, mainLane)
		if err != nil {
			return err
		}
		links = append(links, link)
	}
	// A link with a request under way may be one to a frozen broker.
	slices.SortStableFunc(links, func(a, b *link) int { return len(a.turn) - len(b.turn) })
	var last error
	for _, link := range links {
		err := link.call(ctx, c.opts.requestTimeout, f)
		if err == nil || ctx.Err() != nil || !errors.Is(err, errTransport) {
			return err
		}
		last = err
	}
	return last
}

// metadata asks once for topics; nil asks for all of them.
func (c *cluster) metadata(ctx context.Context, topics []string) (*sarama.MetadataResponse, error) {
	var resp *sarama.MetadataResponse
	err := c.askAny(ctx, func(b *sarama.Broker) (err error) {
		req := &sarama.MetadataRequest{Version: 9, Topics: topics, AllowAutoTopicCreation: false}
		resp, err = b.GetMetadata(req)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.brokers)
	for _, b := range resp.Brokers {
		c.brokers[b.ID()] = b.Addr()
	}
	if resp.ClusterID != nil {
		c.id = *resp.ClusterID
	}
	c.control = resp.ControllerID
	for _, t := range resp.Topics {
		c.learn(t)
	}
	return resp, nil
}

// learn takes over what a metadata answer says of a topic. mu is held.
func (c *cluster) learn(t *sarama.TopicMetadata) {
	if t.Err != sarama.ErrNoError && t.Err != sarama.ErrLeaderNotAvailable {
		if t.Err == sarama.ErrUnknownTopicOrPartition {
			delete(c.topics, t.Name)
		}
		return
	}
	v := &topicView{leaders: make([]int32, len(t.Partitions)), at: time.Now()}
	for i := range v.leaders {
		v.leaders[i] = -1
	}
	for _, p := range t.Partitions {
		if int(p.ID) < len(v.leaders) {
			v.leaders[p.ID] = p.Leader
		}
	}
	c.topics[t.Name] = v
}

// refresh asks for topics and returns the error code that each has.
func (c *cluster) refresh(ctx context.Context, topics ...string) (map[string]sarama.KError, error) {
	resp, err := c.metadata(ctx, topics)
	if err != nil {
		return nil, err
	}
	codes := make(map[string]sarama.KError, len(resp.Topics))
	for _, t := range resp.Topics {
		codes[t.Name] = t.Err
	}
	return codes, nil
}

// leader is the broker that led a partition when last heard of; -1: not known.
func (c *cluster) leader(tp data.TopicPartition) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.topics[tp.Topic]
	if v == nil || int(tp.Partition) >= len(v.leaders) || tp.Partition < 0 {
		return -1
	}
	return v.leaders[tp.Partition]
}

// partitions is how many partitions a topic had when last heard of; 0: not known.
func (c *cluster) partitions(topic string) (n int, age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.topics[topic]; v != nil {
		return len(v.leaders), time.Since(v.at)
	}
	return 0, 0
}

// coordinator asks who coordinates a group or a transactional id.
func (c *cluster) coordinator(ctx context.Context, kind sarama.CoordinatorType, key string) (int32, error) {
	var resp *sarama.FindCoordinatorResponse
	err := c.askAny(ctx, func(b *sarama.Broker) (err error) {
		resp, err = b.FindCoordinator(&sarama.FindCoordinatorRequest{Version: 3, CoordinatorKey: key, CoordinatorType: kind})
		return err
	})
	if err != nil {
		return -1, err
	}
	if resp.Err != sarama.ErrNoError {
		return -1, answered("find the coordinator of "+key, resp.Err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brokers[resp.Coordinator.ID()] = resp.Coordinator.Addr()
	return resp.Coordinator.ID(), nil
}

// controller is the broker for requests that change topics.
func (c *cluster) controller() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.control
}

// close cuts all connections; calls under way fail.
func (c *cluster) close() {
	c.mu.Lock()
	links := c.links
	c.links, c.closed = nil, true
	c.mu.Unlock()
	for _, l := range links {
		l.close()
	}
}

// retry calls f until it returns nil or an error that no waiting heals, or ctx
// ends. What f waits for is reported as trouble when it lasts.
func (c *cluster) retry(ctx context.Context, what string, f func() error) error {
	w := c.waiter(what)
	defer w.done()
	var last error // why it did not work; says more than that the time is over
	for {
		err := f()
		if err == nil {
			w.ok()
			return nil
		}
		if ctx.Err() == nil && !waitable(err) {
			return unreachable(what, err)
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if ctx.Err() == nil {
			w.fail(err)
		}
		if w.pause(ctx) == nil {
			continue
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return unreachable(what, last)
		}
		return unreachable(what, fmt.Errorf("%w (%w)", ctx.Err(), last))
	}
}

// waitable reports errors that an outage causes.
func waitable(err error) bool {
	return errors.Is(err, errTransport) || fault.Is(err, fault.Retry)
}

// waiter paces the tries of one activity and reports its trouble.
type waiter struct {
	c     *cluster
	what  string
	tries int
	since time.Time
	told  bool
}

func (c *cluster) waiter(what string) *waiter { return &waiter{c: c, what: what} }

// tellAfter is how long a failure lasts before it is called an outage: leaders
// move every now and then.
const tellAfter = time.Second

func (w *waiter) fail(err error) {
	if w.since.IsZero() {
		w.since = time.Now()
	}
	if !w.told && (time.Since(w.since) >= tellAfter || errors.Is(err, errTimedOut)) {
		w.told = true
		w.c.trouble.begin(w.what, err)
	}
}

// ok ends the trouble; the next failure starts anew.
func (w *waiter) ok() {
	if w.told {
		w.c.trouble.end(w.what, time.Since(w.since))
	}
	w.tries, w.since, w.told = 0, time.Time{}, false
}

// done ends the activity, whether it came to a good end or not.
func (w *waiter) done() {
	if w.told {
		w.c.trouble.leave()
	}
	w.told = false
}

// next is how long to wait before another try: exponential, with 20 % of jitter,
// as retry.backoff.ms and retry.backoff.max.ms say (KIP-580).
func (w *waiter) next() time.Duration {
	d := w.c.opts.backoff << min(w.tries, 20)
	if d > w.c.opts.backoffMax || d < 0 {
		d = w.c.opts.backoffMax
	}
	w.tries++
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

func (w *waiter) pause(ctx context.Context) error { return sleep(ctx, w.next()) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// trouble tells of outages, once at the beginning and once at the end, however
// many activities of a client meet them.
type trouble struct {
	log  *slog.Logger
	tell func(string)

	mu     sync.Mutex
	active int
}

func (t *trouble) begin(what string, err error) {
	t.log.Warn("kafka does not answer, waiting", "for", what, "err", err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active++; t.active == 1 && t.tell != nil {
		t.tell(fmt.Sprintf("Kafka: %s: %v", what, err))
	}
}

func (t *trouble) end(what string, lasted time.Duration) {
	t.log.Info("kafka answers again", "for", what, "after", lasted.Round(time.Millisecond))
	t.leave()
}

func (t *trouble) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active--; t.active == 0 && t.tell != nil {
		t.tell("")
	}
}
