package schemas

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/riferrei/srclient"
	"golang.org/x/sync/singleflight"

	"culvert/fault"
)

// Type is the language of a schema, as the registry names it.
type Type string

// The types that registries know.
const (
	Avro     Type = "AVRO"
	JSON     Type = "JSON"
	Protobuf Type = "PROTOBUF"
)

// Schema is one schema as the registry holds it.
type Schema struct {
	ID      int    `json:"id"`
	Version int    `json:"version,omitempty"` // in its subject; 0: unknown
	Type    Type   `json:"type"`
	Text    string `json:"text"`
	// Refs are the schemas it refers to, directly or not, each after those it needs itself.
	Refs []Reference `json:"refs,omitempty"`
}

// Reference is a schema that another one refers to.
type Reference struct {
	Name    string `json:"name"` // as the other one says it: a full name, an address or a file to import
	Subject string `json:"subject"`
	Version int    `json:"version"`
	Text    string `json:"text"`
	// Direct: the schema itself says this name, and not only one of its references.
	Direct bool `json:"direct,omitempty"`
}

// RefTexts are the texts of the references, each schema once.
func (s *Schema) RefTexts() []string {
	type version struct {
		subject string
		n       int
	}
	var texts []string
	seen := map[version]bool{}
	for _, r := range s.Refs {
		if v := (version{r.Subject, r.Version}); !seen[v] {
			seen[v] = true
			texts = append(texts, r.Text)
		}
	}
	return texts
}

func (s *Schema) direct() []srclient.Reference {
	var refs []srclient.Reference
	for _, r := range s.Refs {
		if r.Direct {
			refs = append(refs, srclient.Reference{Name: r.Name, Subject: r.Subject, Version: r.Version})
		}
	}
	return refs
}

// Client reads and registers schemas. It is safe for concurrent use. Calls take at
// most the timeouts of the configuration.
type Client struct {
	config Config
	sr     *srclient.SchemaRegistryClient
	disk   *disk
	flight singleflight.Group

	mu       sync.Mutex
	byID     map[int]*Schema         // guarded by mu
	written  map[writeKey]*Schema    // guarded by mu
	latest   map[string]*Schema      // guarded by mu
	versions map[versionKey]int      // guarded by mu
	missing  map[string]missingEntry // guarded by mu; what the registry said it does not have
	pause    time.Duration           // guarded by mu; grows with failures in a row
	until    time.Time               // guarded by mu; no request before
	outage   error                   // guarded by mu; why
}

type writeKey struct {
	subject string
	typ     Type
	text    string
}

type versionKey struct {
	subject string
	id      int
}

type missingEntry struct {
	err   error
	until time.Time
}

const (
	maxEntries = 10000 // of each cache; a full one starts over
	// A schema may be registered a moment after a record that names it was seen, so
	// that "no such schema" is believed for a short time only.
	missingFor = 5 * time.Second
	firstPause = 100 * time.Millisecond
	maxPause   = time.Second
)

// Open makes a client. It does not connect. What the registry answers is kept under
// dir as well, culvert.data.dir, for the time when it does not answer; empty: in
// memory only. log hears of a disk that cannot be written; it may be nil.
func Open(c Config, dir string, log *slog.Logger) *Client {
	httpClient := &http.Client{
		Transport:     newTransport(&c),
		Timeout:       c.timeout(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	sr := srclient.NewSchemaRegistryClient(placeholder, srclient.WithClient(httpClient))
	sr.CachingEnabled(false) // its caches have no bound
	cl := &Client{config: c, sr: sr, disk: openDisk(dir, &c, log)}
	cl.byID, cl.written, cl.latest = map[int]*Schema{}, map[writeKey]*Schema{}, map[string]*Schema{}
	cl.versions, cl.missing = map[versionKey]int{}, map[string]missingEntry{}
	return cl
}

// ByID returns the schema with that id. Errors: Retry while the registry does not
// answer, Record when it has no such schema.
func (c *Client) ByID(id int) (*Schema, error) {
	c.mu.Lock()
	s := c.byID[id]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := ask(c, "id "+strconv.Itoa(id), func() (*Schema, error) {
		got, err := c.sr.GetSchema(id)
		if err != nil {
			return nil, err
		}
		return c.whole(got, id, 0)
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.byID) >= maxEntries {
		clear(c.byID)
	}
	c.byID[id] = s
	return s, nil
}

// Latest is the latest version of a subject, as it was when it was first asked for
// (the default of latest.cache.ttl.sec is to keep it). Errors as for ByID.
func (c *Client) Latest(subject string) (*Schema, error) {
	c.mu.Lock()
	s := c.latest[subject]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := ask(c, "latest "+subject, func() (*Schema, error) {
		got, err := c.sr.GetLatestSchema(subject)
		if err != nil {
			return nil, err
		}
		return c.whole(got, got.ID(), got.Version())
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.latest) >= maxEntries {
		clear(c.latest)
	}
	c.latest[subject] = s
	return s, nil
}

// whole is a schema with those that it refers to.
func (c *Client) whole(got *srclient.Schema, id, version int) (*Schema, error) {
	s := &Schema{ID: id, Version: version, Type: typeOf(got), Text: got.Schema()}
	var err error
	s.Refs, err = c.references(got.References())
	return s, err
}

func typeOf(s *srclient.Schema) Type {
	if t := s.SchemaType(); t != nil && *t != "" {
		return Type(*t)
	}
	return Avro
}

const maxReferences = 200

// references reads the schemas that another one refers to, those first that the
// others need.
func (c *Client) references(refs []srclient.Reference) ([]Reference, error) {
	var list []Reference
	seen := map[srclient.Reference]int{} // place in list; -1: further up
	var walk func(refs []srclient.Reference, direct bool) error
	walk = func(refs []srclient.Reference, direct bool) error {
		for _, ref := range refs {
			if at, ok := seen[ref]; ok {
				if at >= 0 && direct {
					list[at].Direct = true
				}
				continue
			}
			if seen[ref] = -1; len(seen) > maxReferences {
				return fmt.Errorf("more than %d referenced schemas", maxReferences)
			}
			s, err := c.sr.GetSchemaByVersion(ref.Subject, ref.Version)
			if err != nil {
				return err
			}
			if err := walk(s.References(), false); err != nil {
				return err
			}
			seen[ref] = len(list)
			list = append(list, Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version, Text: s.Schema(), Direct: direct})
		}
		return nil
	}
	return list, walk(refs, true)
}

// ForWriting returns the schema to write data of the schema text with: registered,
// looked up, or the latest of the subject, as configured. Errors: Retry while the
// registry does not answer, Record when it refuses the schema or does not have it.
func (c *Client) ForWriting(subject string, typ Type, text string) (*Schema, error) {
	key := writeKey{subject, typ, text}
	c.mu.Lock()
	s := c.written[key]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := c.forWriting(subject, typ, text)
	if err != nil {
		return nil, c.explainWriting(err, subject)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.written) >= maxEntries {
		clear(c.written)
	}
	c.written[key] = s
	return s, nil
}

func (c *Client) forWriting(subject string, typ Type, text string) (*Schema, error) {
	if !c.config.AutoRegister && c.config.UseLatest {
		return c.Latest(subject)
	}
	how, call := "lookup ", c.sr.LookupSchema
	if c.config.AutoRegister {
		how, call = "register ", c.register
	}
	return ask(c, how+subject+" "+string(typ)+" "+text, func() (*Schema, error) {
		got, err := call(subject, text, srclient.SchemaType(typ))
		if err != nil {
			return nil, err
		}
		return &Schema{ID: got.ID(), Version: got.Version(), Type: typ, Text: text}, nil
	})
}

// register registers a schema. When two tasks register the first schema of a
// subject at the same moment, some registries refuse the second with the 409 that
// means "incompatible" instead of giving it the id that the first one got: a second
// attempt then finds the subject there, and a schema that really is incompatible
// is refused again.
func (c *Client) register(subject, text string, typ srclient.SchemaType, refs ...srclient.Reference) (*srclient.Schema, error) {
	got, err := c.sr.CreateSchema(subject, text, typ, refs...)
	var answer srclient.Error
	if errors.As(err, &answer) && answer.Code == http.StatusConflict {
		return c.sr.CreateSchema(subject, text, typ, refs...)
	}
	return got, err
}

// Version is the version of a schema in a subject; 0 if the subject does not have it.
func (c *Client) Version(subject string, s *Schema) (int, error) {
	key := versionKey{subject, s.ID}
	c.mu.Lock()
	n, ok := c.versions[key]
	c.mu.Unlock()
	if ok {
		return n, nil
	}
	n, err := ask(c, "version "+subject+" "+strconv.Itoa(s.ID), func() (int, error) {
		got, err := c.sr.LookupSchema(subject, s.Text, srclient.SchemaType(s.Type), s.direct()...)
		if err != nil {
			return 0, err
		}
		return got.Version(), nil
	})
	if err != nil && !fault.Is(err, fault.Record) {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.versions) >= maxEntries {
		clear(c.versions)
	}
	c.versions[key] = n
	return n, nil
}

// ask runs a request. An answer goes to the disk; while the registry does not
// answer, what it said before the last start of the worker counts. It is asked
// first, because the same address may hold another registry today.
func ask[T any](c *Client, key string, request func() (T, error)) (T, error) {
	v, err := c.once(key, func() (any, error) {
		v, err := request()
		if err == nil {
			c.disk.save(key, v)
		}
		return v, err
	})
	var answer T
	switch {
	case err == nil:
		answer = v.(T)
	case fault.Is(err, fault.Retry) && c.disk.load(key, &answer):
		err = nil
	}
	return answer, err
}

// once runs a request unless the same one is under way, the registry is known not
// to answer, or the answer was a definite no a moment ago.
func (c *Client) once(key string, request func() (any, error)) (any, error) {
	if err := c.blocked(key); err != nil {
		return nil, err
	}
	v, err, _ := c.flight.Do(key, func() (any, error) {
		v, err := request()
		return v, c.outcome(key, err)
	})
	return v, err
}

func (c *Client) blocked(key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if m, ok := c.missing[key]; ok && now.Before(m.until) {
		return m.err
	}
	if wait := c.until.Sub(now); wait > 0 {
		return retry(c.outage, wait)
	}
	return nil
}

func retry(cause error, after time.Duration) error {
	return &fault.Error{Class: fault.Retry, Code: "registry.unavailable", After: after, Err: cause,
		Java: "org.apache.kafka.connect.errors.RetriableException",
		Fix:  "Start the Schema Registry, or correct schema.registry.url; the task goes on by itself."}
}

// outcome classifies what srclient returned and keeps what follows from it.
func (c *Client) outcome(key string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var refused *denied
	var down *unavailable
	var answer srclient.Error
	switch {
	case err == nil:
		c.pause = 0
		delete(c.missing, key)
		return nil
	case errors.As(err, &refused):
		c.pause = 0
		return &fault.Error{Class: fault.Fatal, Code: "registry.denied", Err: refused,
			Fix: "Set basic.auth.credentials.source and basic.auth.user.info (or bearer.auth.token) of this converter to what the registry accepts, then restart the task."}
	case errors.As(err, &answer) && definite(answer.Code):
		c.pause = 0
		err := &fault.Error{Class: fault.Record, Code: "registry.refused", Err: fmt.Errorf("%s; error code: %d", answer.Message, answer.Code),
			Java: "org.apache.kafka.common.errors.SerializationException"}
		if len(c.missing) >= maxEntries {
			clear(c.missing)
		}
		c.missing[key] = missingEntry{err, time.Now().Add(missingFor)}
		return err
	case errors.As(err, &down):
		err = down
	default:
		err = fmt.Errorf("the Schema Registry gave no usable answer: %w", plain(err))
	}
	if c.pause = min(max(2*c.pause, firstPause), maxPause); down != nil && down.after > c.pause {
		c.pause = down.after
	}
	c.until, c.outage = time.Now().Add(c.pause), err
	return retry(err, c.pause)
}

// definite reports whether an error code says what is, rather than that something
// went wrong: not found, refused as incompatible or invalid.
func definite(code int) bool {
	switch {
	case code >= 40400 && code < 40500, code == 404, code == 409, code >= 40900 && code < 41000,
		code == 422, code >= 42200 && code < 42300, code == 400, code >= 40000 && code < 40100:
		return true
	}
	return false
}

// plain takes away the placeholder's address that net/http puts into its errors.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (c *Client) explainWriting(err error, subject string) error {
	e := fault.Of(err)
	if e == nil || e.Class != fault.Record {
		return err
	}
	fix := fmt.Sprintf("Register the schema under the subject %s, or set auto.register.schemas=true.", subject)
	if c.config.AutoRegister {
		fix = fmt.Sprintf("Make the schema compatible with the subject %s, or relax the subject's compatibility level.", subject)
	}
	f := e.WithFix("%s", fix)
	f.Err = fmt.Errorf("subject %s: %w", subject, e.Err)
	return f
}
