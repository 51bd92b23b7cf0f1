package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"

	"culvert/connectors/all"
	"culvert/runtime/boot"
)

// memStats is what the measured worker leaves behind.
type memStats struct{ Mallocs, TotalAlloc uint64 }

// runWorker is `culvert worker` that writes its allocations into BENCH_STATS when
// it ends, and a CPU profile into BENCH_PROFILE if that is set.
func runWorker(ctx context.Context, file string) error {
	props, err := boot.ReadProperties(file)
	if err != nil {
		return err
	}
	cfg, _, err := boot.ParseConfig(boot.Distributed, props)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	boot.KeepMemorySmall()
	if name := os.Getenv("BENCH_PROFILE"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	w, err := boot.Start(ctx, boot.Options{Config: cfg, Mode: boot.Distributed, Plugins: all.Set(), Log: log})
	if err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := w.Wait(ctx); err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	raw, err := json.Marshal(memStats{Mallocs: after.Mallocs - before.Mallocs, TotalAlloc: after.TotalAlloc - before.TotalAlloc})
	if err != nil {
		return err
	}
	return os.WriteFile(os.Getenv("BENCH_STATS"), raw, 0o600)
}
