package boot

import (
	"io"
	"log/slog"
	"strings"

	"culvert/fault"
)

// NewLog makes the log of a worker in the format text or json, at the level
// that the environment names (INFO).
func NewLog(w io.Writer, format string, env Environment) (*slog.Logger, error) {
	level, err := parseLevel(env.LogLevel)
	if err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fault.New(fault.Config, "log.format", "--log-format %q is not known; use text or json", format)
}

// parseLevel maps a level of log4j to the nearest of slog.
func parseLevel(name string) (slog.Level, error) {
	switch strings.ToUpper(name) {
	case "", "INFO":
		return slog.LevelInfo, nil
	case "ALL", "TRACE", "DEBUG":
		return slog.LevelDebug, nil
	case "WARN":
		return slog.LevelWarn, nil
	case "ERROR":
		return slog.LevelError, nil
	case "FATAL", "OFF":
		return slog.LevelError + 4, nil
	}
	return 0, fault.New(fault.Config, "log.level", "log level %q is not known; use TRACE, DEBUG, INFO, WARN, ERROR or OFF", name)
}
