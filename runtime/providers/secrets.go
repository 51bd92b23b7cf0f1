package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"culvert/fault"
)

// Secrets are the values that providers gave, each with the variable that stands
// for it. What it hides, it hides wherever it turns up: in plain, in the escapes of
// JSON and of URLs. Values of one or two characters, true and false are no secrets
// by themselves and are hidden only where a text quotes a whole value. The zero
// value and nil hide nothing.
type Secrets struct {
	raw      map[string]string // key -> the value as written
	resolved map[string]string // key -> the value in use
	hidden   []replacement
}

type replacement struct {
	value, by string
	word      bool // short: only where it stands alone
}

const (
	shortest = 3 // a value below it is not hidden in running text
	short    = 8 // a value below it is hidden where it stands alone
)

func (s *Secrets) add(key, raw, resolved string) {
	if s.raw == nil {
		s.raw, s.resolved = map[string]string{}, map[string]string{}
	}
	s.raw[key], s.resolved[key] = raw, resolved
}

// hide registers a value in all forms in which it may turn up.
func (s *Secrets) hide(value, by string) {
	forms := []string{value, strings.TrimSpace(value), url.QueryEscape(value), url.PathEscape(value)}
	if quoted, err := json.Marshal(value); err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	for line := range strings.Lines(value) { // of a key in PEM form, say
		if line = strings.TrimSpace(line); len(line) >= short {
			forms = append(forms, line)
		}
	}
	for _, f := range forms {
		if len(f) < shortest || f == "true" || f == "false" || slices.ContainsFunc(s.hidden, func(r replacement) bool { return r.value == f }) {
			continue
		}
		s.hidden = append(s.hidden, replacement{f, by, len(f) < short})
	}
}

// sort puts long values first: one may be part of another.
func (s *Secrets) sort() {
	slices.SortFunc(s.hidden, func(a, b replacement) int {
		if len(a.value) != len(b.value) {
			return len(b.value) - len(a.value)
		}
		return strings.Compare(a.value, b.value)
	})
}

// Any reports whether there is anything to hide.
func (s *Secrets) Any() bool { return s != nil && len(s.raw)+len(s.hidden) > 0 }

// With hides what both hide. Keys are the receiver's.
func (s *Secrets) With(o *Secrets) *Secrets {
	if !o.Any() {
		return s
	}
	if !s.Any() {
		return &Secrets{hidden: o.hidden}
	}
	both := &Secrets{raw: s.raw, resolved: s.resolved, hidden: slices.Concat(s.hidden, o.hidden)}
	both.sort()
	return both
}

// Raw is the value of a key as it was written; false for a key without variables.
func (s *Secrets) Raw(key string) (string, bool) {
	if s == nil {
		return "", false
	}
	raw, ok := s.raw[key]
	return raw, ok
}

// Redact puts variables into a text where their values stand.
func (s *Secrets) Redact(text string) string {
	if !s.Any() || text == "" {
		return text
	}
	if strings.Contains(text, "Invalid value ") {
		// Java's words for a bad value quote the whole of it, however short. First with the
		// key's own name, since two keys may have the same value; then with any, since a
		// part of a configuration has names without their prefix.
		for _, of := range []func(key string) string{func(key string) string { return key + ":" }, func(string) string { return "" }} {
			for _, key := range slices.Sorted(maps.Keys(s.resolved)) {
				for _, v := range []string{s.resolved[key], strings.TrimSpace(s.resolved[key])} {
					text = strings.ReplaceAll(text, "Invalid value "+v+" for configuration "+of(key), "Invalid value "+s.raw[key]+" for configuration "+of(key))
				}
			}
		}
	}
	for _, r := range s.hidden {
		text = r.in(text)
	}
	return text
}

func (r replacement) in(text string) string {
	if !r.word {
		return strings.ReplaceAll(text, r.value, r.by)
	}
	var b strings.Builder
	rest := text
	for {
		i := strings.Index(rest, r.value)
		if i < 0 {
			break
		}
		before, _ := utf8.DecodeLastRuneInString(text[:len(text)-len(rest)+i])
		after, _ := utf8.DecodeRuneInString(rest[i+len(r.value):])
		b.WriteString(rest[:i])
		if wordRune(before) || wordRune(after) {
			b.WriteString(r.value)
		} else {
			b.WriteString(r.by)
		}
		rest = rest[i+len(r.value):]
	}
	b.WriteString(rest)
	return b.String()
}

func wordRune(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// Error is err without secrets. An error that holds none comes back as it is; of
// another, class, code and field stay, and the texts of its causes without what
// they hide.
func (s *Secrets) Error(err error) error {
	if err == nil || !s.Any() {
		return err
	}
	whole := fault.Explain(err)
	if s.Redact(whole) == whole {
		return err
	}
	text := s.Redact(err.Error())
	var causes error
	if rest, ok := strings.CutPrefix(whole, err.Error()); ok {
		if rest, _, _ = strings.Cut(rest, "\nTo fix it: "); rest != "" {
			causes = fault.Because(nil, "%s", s.Redact(strings.TrimPrefix(rest, "\nCaused by: ")))
		}
	}
	clean := &fault.Error{Class: fault.Fatal, Code: fault.Unclassified}
	if e := fault.Of(err); e != nil {
		*clean = *e
		clean.Fix = s.Redact(e.Fix)
	}
	clean.Err = fault.Because(causes, "%s", text)
	return clean
}

// Panic is deferred around code of plugins whose panics somebody else shows: the
// same panic goes on without secrets.
func (s *Secrets) Panic() {
	if p := recover(); p != nil {
		if s.Any() {
			p = s.Redact(fmt.Sprint(p))
		}
		panic(p)
	}
}

// Unresolve puts variables back into configurations that were made of a resolved
// one: what is written to the config topic never holds a value of a provider
// (AbstractHerder.reverseTransform). A value that was taken over under another name
// is put back as well.
func (s *Secrets) Unresolve(configs []map[string]string) []map[string]string {
	if s == nil || len(s.raw) == 0 {
		return configs
	}
	out := make([]map[string]string, len(configs))
	for i, c := range configs {
		out[i] = maps.Clone(c)
		for key, value := range c {
			if raw, ok := s.raw[key]; ok && value == s.resolved[key] {
				out[i][key] = raw
				continue
			}
			for from, resolved := range s.resolved {
				if value == resolved && len(value) >= shortest {
					out[i][key] = s.raw[from]
				}
			}
		}
	}
	return out
}

// Handler is next, which gets messages and attributes without secrets.
func (s *Secrets) Handler(next slog.Handler) slog.Handler {
	if !s.Any() {
		return next
	}
	return &redacting{next, s}
}

type redacting struct {
	next    slog.Handler
	secrets *Secrets
}

func (h *redacting) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *redacting) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.secrets.Redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return &redacting{h.next.WithAttrs(clean), h.secrets}
}

func (h *redacting) WithGroup(name string) slog.Handler {
	return &redacting{h.next.WithGroup(name), h.secrets}
}

// attr redacts texts and everything that is printed as one; numbers, times and the
// like cannot hold a secret.
func (h *redacting) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.secrets.Redact(v.String()))
	case slog.KindGroup:
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i, g := range group {
			clean[i] = h.attr(g)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	case slog.KindAny:
		text := v.String()
		if clean := h.secrets.Redact(text); clean != text {
			return slog.String(a.Key, clean)
		}
	}
	return slog.Attr{Key: a.Key, Value: v}
}

var _ slog.Handler = (*redacting)(nil)
