package schemas

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/riferrei/srclient"
	"golang.org/x/sync/singleflight"

	"culvert/fault"
)

// Schema is one schema as the registry holds it.
type Schema struct {
	ID      int
	Version int    // in its subject; 0: unknown
	Type    string // AVRO, JSON, PROTOBUF
	Text    string
	// Refs are the texts of the schemas it refers to, each after those it needs itself.
	Refs []string
}

// Client reads and registers schemas. It is safe for concurrent use. Calls take at
// most the timeouts of the configuration.
type Client struct {
	config Config
	sr     *srclient.SchemaRegistryClient
	flight singleflight.Group

	mu       sync.Mutex
	byID     map[int]*Schema         // guarded by mu
	written  map[writeKey]*Schema    // guarded by mu
	versions map[versionKey]int      // guarded by mu
	missing  map[string]missingEntry // guarded by mu; what the registry said it does not have
	pause    time.Duration           // guarded by mu; grows with failures in a row
	until    time.Time               // guarded by mu; no request before
	outage   error                   // guarded by mu; why
}

type writeKey struct{ subject, text string }

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

// Open makes a client. It does not connect.
func Open(c Config) *Client {
	httpClient := &http.Client{
		Transport:     newTransport(&c),
		Timeout:       c.timeout(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	sr := srclient.NewSchemaRegistryClient(placeholder, srclient.WithClient(httpClient))
	sr.CachingEnabled(false) // its caches have no bound
	cl := &Client{config: c, sr: sr}
	cl.byID, cl.written, cl.versions, cl.missing = map[int]*Schema{}, map[writeKey]*Schema{}, map[versionKey]int{}, map[string]missingEntry{}
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
	v, err := c.once("id "+strconv.Itoa(id), func() (any, error) {
		got, err := c.sr.GetSchema(id)
		if err != nil {
			return nil, err
		}
		s := &Schema{ID: id, Type: typeOf(got), Text: got.Schema()}
		if s.Refs, err = c.references(got.References()); err != nil {
			return nil, err
		}
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	s = v.(*Schema)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.byID) >= maxEntries {
		clear(c.byID)
	}
	c.byID[id] = s
	return s, nil
}

func typeOf(s *srclient.Schema) string {
	if t := s.SchemaType(); t != nil && *t != "" {
		return string(*t)
	}
	return "AVRO"
}

const maxReferences = 200

// references reads the schemas that another one refers to, those first that the
// others need.
func (c *Client) references(refs []srclient.Reference) ([]string, error) {
	var texts []string
	seen := map[srclient.Reference]bool{}
	var walk func(refs []srclient.Reference) error
	walk = func(refs []srclient.Reference) error {
		for _, ref := range refs {
			ref.Name = ""
			if seen[ref] {
				continue
			}
			if seen[ref] = true; len(seen) > maxReferences {
				return fmt.Errorf("more than %d referenced schemas", maxReferences)
			}
			s, err := c.sr.GetSchemaByVersion(ref.Subject, ref.Version)
			if err != nil {
				return err
			}
			if err := walk(s.References()); err != nil {
				return err
			}
			texts = append(texts, s.Schema())
		}
		return nil
	}
	return texts, walk(refs)
}

// ForWriting returns the schema to write data of the schema text with: registered,
// looked up, or the latest of the subject, as configured. Errors: Retry while the
// registry does not answer, Record when it refuses the schema or does not have it.
func (c *Client) ForWriting(subject, text string) (*Schema, error) {
	key := writeKey{subject, text}
	c.mu.Lock()
	s := c.written[key]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	v, err := c.once("write "+subject+" "+text, func() (any, error) {
		var got *srclient.Schema
		var err error
		switch {
		case c.config.AutoRegister:
			got, err = c.register(subject, text)
		case c.config.UseLatest:
			if got, err = c.sr.GetLatestSchema(subject); err == nil {
				text = got.Schema()
			}
		default:
			got, err = c.sr.LookupSchema(subject, text, srclient.Avro)
		}
		if err != nil {
			return nil, err
		}
		s := &Schema{ID: got.ID(), Version: got.Version(), Type: typeOf(got), Text: text}
		s.Refs, err = c.references(got.References())
		return s, err
	})
	if err != nil {
		return nil, c.explainWriting(err, subject)
	}
	s = v.(*Schema)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.written) >= maxEntries {
		clear(c.written)
	}
	c.written[key] = s
	return s, nil
}

// register registers a schema. When two tasks register the first schema of a
// subject at the same moment, some registries refuse the second with the 409 that
// means "incompatible" instead of giving it the id that the first one got: a second
// attempt then finds the subject there, and a schema that really is incompatible
// is refused again.
func (c *Client) register(subject, text string) (*srclient.Schema, error) {
	got, err := c.sr.CreateSchema(subject, text, srclient.Avro)
	var answer srclient.Error
	if errors.As(err, &answer) && answer.Code == http.StatusConflict {
		return c.sr.CreateSchema(subject, text, srclient.Avro)
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
	v, err := c.once("version "+subject+" "+strconv.Itoa(s.ID), func() (any, error) {
		got, err := c.sr.LookupSchema(subject, s.Text, srclient.Avro)
		if err != nil {
			return nil, err
		}
		return got.Version(), nil
	})
	switch {
	case err == nil:
		n = v.(int)
	case fault.Is(err, fault.Retry):
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
