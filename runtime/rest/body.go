package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"culvert/configdef"
)

// props is a configuration in the order in which the client sent it. Numbers and
// booleans have become text, as they were written; nulls are kept apart.
type props struct {
	names []string
	text  map[string]string
	nulls []string
}

func (p *props) put(name, value string) {
	if p.text == nil {
		p.text = map[string]string{}
	}
	if _, ok := p.text[name]; !ok && !slices.Contains(p.nulls, name) {
		p.names = append(p.names, name)
	}
	p.nulls = slices.DeleteFunc(p.nulls, func(n string) bool { return n == name })
	p.text[name] = value
}

func (p *props) putNull(name string) {
	_, ok := p.text[name]
	if !ok && !slices.Contains(p.nulls, name) {
		p.names = append(p.names, name)
	}
	delete(p.text, name)
	if !slices.Contains(p.nulls, name) {
		p.nulls = append(p.nulls, name)
	}
}

// orderedConfig is a config with the order in which it is written.
type orderedConfig struct {
	names []string
	text  map[string]string
}

// inJavaOrder is how Java shows a config that it has read back.
func inJavaOrder(config map[string]string) orderedConfig {
	names := make([]string, 0, len(config))
	for k := range config {
		names = append(names, k)
	}
	slices.Sort(names)
	return orderedConfig{configdef.JavaOrder(names), config}
}

func (o orderedConfig) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	first := true
	for _, n := range o.names {
		value, ok := o.text[n]
		if !ok {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := errors.Join(enc.Encode(n), cutLine(&b, ':'), enc.Encode(value), cutLine(&b, 0)); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// cutLine replaces the line feed that an Encoder leaves.
func cutLine(b *bytes.Buffer, by byte) error {
	b.Truncate(b.Len() - 1)
	if by != 0 {
		return b.WriteByte(by)
	}
	return nil
}

// readBody reads the whole body. The media type was checked; without one a body
// is not read, as in Jersey.
func readBody(r *http.Request) ([]byte, error) {
	done := stage(r.Context(), "reading the request's body")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	done()
	switch {
	case len(body) == 0:
		return nil, badRequest("The body is empty; a JSON document is expected")
	case r.Header.Get("Content-Type") == "":
		return nil, status(http.StatusUnsupportedMediaType)
	case !utf8.Valid(body):
		return nil, badRequest("The body is not UTF-8")
	}
	return bytes.TrimPrefix(body, []byte("\ufeff")), nil
}

// object reads a JSON object member by member, so that the order is kept and
// numbers stay as they are written.
func object(raw []byte, member func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	t, err := d.Token()
	if err != nil {
		return unreadable(err)
	}
	if t != json.Delim('{') {
		return badRequest("The body is not a JSON object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return unreadable(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return unreadable(err)
		}
		text, _ := name.(string) // a member's name is always a string
		if err := member(text, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("The body is not valid JSON: something follows the object")
	}
	return nil
}

func unreadable(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return badRequest("The body is not valid JSON: %v", err)
}

// parseProps reads a flat object of scalars.
func parseProps(raw []byte) (*props, error) {
	p := &props{}
	err := object(raw, func(name string, value json.RawMessage) error {
		text, null, err := scalar(value)
		switch {
		case err != nil:
			return badRequest("The value of %s is neither text nor a number, true, false or null", strconv.Quote(name))
		case null:
			p.putNull(name)
		default:
			p.put(name, text)
		}
		return nil
	})
	return p, err
}

var errNoScalar = errors.New("no scalar")

// scalar is a value as text: numbers and booleans as they are written.
func scalar(raw json.RawMessage) (text string, null bool, err error) {
	switch raw[0] {
	case 'n':
		return "", true, nil
	case '{', '[':
		return "", false, errNoScalar
	case '"':
		err = json.Unmarshal(raw, &text)
		return text, false, err
	}
	return string(raw), false, nil
}
