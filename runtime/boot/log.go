package boot

import (
	"io"
	"log/slog"

	"culvert/fault"
	"culvert/runtime/rest"
)

// NewLog makes the log of a worker in the format text or json, and the levels
// that it obeys: those that the environment names, INFO for the rest.
func NewLog(w io.Writer, format string, env Environment) (*slog.Logger, *rest.Loggers, error) {
	root := slog.LevelInfo
	if env.LogLevel != "" {
		level, ok := rest.ParseLevel(env.LogLevel)
		if !ok {
			return nil, nil, unknownLevel("CONNECT_LOG4J_ROOT_LOGLEVEL", env.LogLevel)
		}
		root = level
	}
	loggers := rest.NewLoggers(root)
	for logger, level := range env.LogLevels {
		if _, ok := rest.ParseLevel(level); !ok {
			return nil, nil, unknownLevel("CONNECT_LOG4J_LOGGERS", level)
		}
		loggers.Set(logger, level)
	}
	all := &slog.HandlerOptions{Level: slog.LevelDebug - 100} // the levels above decide
	switch format {
	case "text":
		return slog.New(loggers.Handler(slog.NewTextHandler(w, all))), loggers, nil
	case "json":
		return slog.New(loggers.Handler(slog.NewJSONHandler(w, all))), loggers, nil
	}
	return nil, nil, fault.New(fault.Config, "log.format", "--log-format %q is not known; use text or json", format)
}

func unknownLevel(variable, level string) error {
	return fault.New(fault.Config, "log.level", "%s: log level %q is not known; use TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF", variable, level)
}
