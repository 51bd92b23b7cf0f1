package rest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Levels of log4j that have no name in slog.
const (
	levelTrace = slog.LevelDebug - 4
	levelFatal = slog.LevelError + 4
	levelOff   = slog.LevelError + 100
	levelAll   = levelTrace - 100
)

var levels = map[string]slog.Level{
	"ALL": levelAll, "TRACE": levelTrace, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError,
	"FATAL": levelFatal, "OFF": levelOff,
}

const rootLogger = "root"

// Loggers holds the levels of all loggers: what /admin/loggers shows and changes,
// and what Handler obeys. Names have dots; a logger without a level of its own has
// that of its nearest ancestor (KIP-495).
type Loggers struct {
	mu    sync.RWMutex
	known map[string]*loggerLevel // guarded by mu; root is always there
}

type loggerLevel struct {
	name     string // empty: inherited
	modified time.Time
}

// NewLoggers makes a register in which everything has one level.
func NewLoggers(root slog.Level) *Loggers {
	name := "INFO"
	for n, l := range levels {
		if l == root {
			name = n
		}
	}
	return &Loggers{known: map[string]*loggerLevel{rootLogger: {name: name}}}
}

// LoggerLevel is the level of a logger as REST shows it.
type LoggerLevel struct {
	Level    string `json:"level"`
	Modified *int64 `json:"last_modified"` // milliseconds; null if it was never changed
}

// ParseLevel reads the name of a level.
func ParseLevel(name string) (slog.Level, bool) {
	l, ok := levels[strings.ToUpper(name)]
	return l, ok
}

// Set changes a logger and everything below it, and returns the names of those
// whose level is now another, sorted. It is used for both scopes: the herder calls
// it for levels that come from the config topic.
func (l *Loggers) Set(logger, level string) []string {
	level = strings.ToUpper(level)
	if _, ok := levels[level]; !ok {
		return []string{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.EqualFold(logger, rootLogger)
	if all {
		logger = rootLogger
	}
	if l.known[logger] == nil {
		l.known[logger] = &loggerLevel{}
	}
	changed := []string{}
	for _, name := range slices.Sorted(maps.Keys(l.known)) {
		// By prefix, not by segment, as Java does: "a.z" also sets "a.zz".
		if !all && (name == rootLogger || !strings.HasPrefix(name, logger)) {
			continue
		}
		if l.effective(name) != level {
			changed = append(changed, name)
		}
	}
	now := time.Now()
	for _, name := range changed {
		*l.known[name] = loggerLevel{level, now}
	}
	return changed
}

// effective is the level that counts for a name. The caller holds mu.
func (l *Loggers) effective(name string) string {
	for {
		if k := l.known[name]; k != nil && k.name != "" {
			return k.name
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return l.known[rootLogger].name
		}
		name = name[:i]
	}
}

// Level is the level of a logger; false for one that nobody has set or used.
func (l *Loggers) Level(name string) (LoggerLevel, bool) {
	if strings.EqualFold(name, rootLogger) {
		name = rootLogger
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	k, ok := l.known[name]
	if !ok {
		return LoggerLevel{}, false
	}
	return l.show(name, k), true
}

func (l *Loggers) show(name string, k *loggerLevel) LoggerLevel {
	out := LoggerLevel{Level: l.effective(name)}
	if !k.modified.IsZero() {
		ms := k.modified.UnixMilli()
		out.Modified = &ms
	}
	return out
}

// All are the loggers with a level of their own.
func (l *Loggers) All() map[string]LoggerLevel {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := map[string]LoggerLevel{}
	for name, k := range l.known {
		if k.name != "" {
			all[name] = l.show(name, k)
		}
	}
	return all
}

// Enabled reports whether a line of a logger is to be written.
func (l *Loggers) Enabled(logger string, level slog.Level) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return level >= levels[l.effective(logger)]
}

// Handler is next, asked only for the lines that the levels let through. A logger
// made with With("logger", name) obeys the level of that name, and its lines show it;
// the last name counts. Names are those of Java's loggers, so that who turns up
// org.apache.kafka.connect.runtime.WorkerSinkTask hears what sink tasks do here. Next
// itself should let everything through.
func (l *Loggers) Handler(next slog.Handler) slog.Handler {
	return &levelHandler{next: next, loggers: l, name: rootLogger}
}

type levelHandler struct {
	next    slog.Handler
	loggers *Loggers
	name    string
}

func (h *levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.loggers.Enabled(h.name, level) && h.next.Enabled(ctx, level)
}

func (h *levelHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.name != rootLogger {
		r = r.Clone()
		r.AddAttrs(slog.String("logger", h.name))
	}
	return h.next.Handle(ctx, r)
}

func (h *levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	var others []slog.Attr
	for _, a := range attrs {
		if a.Key == "logger" {
			c.name = a.Value.String()
			h.loggers.use(c.name)
			continue
		}
		others = append(others, a)
	}
	if len(others) > 0 {
		c.next = h.next.WithAttrs(others)
	}
	return &c
}

func (h *levelHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.next = h.next.WithGroup(name)
	return &c
}

// use makes a name known.
func (l *Loggers) use(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[name] == nil {
		l.known[name] = &loggerLevel{}
	}
}

var _ slog.Handler = (*levelHandler)(nil)
