package rest_test

import (
	"context"
	"log/slog"
	"maps"
	"testing"

	"culvert/connectors"
	"culvert/runtime/herder"
	"culvert/runtime/store"
)

// startHerder starts the real herder over stores in memory, with a worker whose tasks
// run at once and do nothing.
func startHerder(t testing.TB) *herder.Herder {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	config, err := store.OpenConfig(t.Context(), store.Memory(), log)
	if err != nil {
		t.Fatal(err)
	}
	statuses, err := store.OpenStatuses(t.Context(), store.Memory(), log)
	if err != nil {
		t.Fatal(err)
	}
	w := &idleWorker{}
	h, err := herder.NewStandalone(herder.Settings{
		WorkerID: "127.0.0.1:8083", URL: "http://127.0.0.1:8083", Config: config, Statuses: statuses, Worker: w, Log: log,
		Plugin: func(string) (herder.Plugin, error) {
			return herder.Plugin{Kind: connectors.SinkKind, Version: version}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.report = h.Report
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := h.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

type idleWorker struct {
	report func(connector string, task int, state, trace string)
}

func (w *idleWorker) StartTask(connector string, task int, _, _ map[string]string, _ bool) {
	w.report(connector, task, store.StateRunning, "")
}

func (w *idleWorker) StopTask(string, int) <-chan struct{} {
	stopped := make(chan struct{})
	close(stopped)
	return stopped
}

func (w *idleWorker) PauseTask(string, int)  {}
func (w *idleWorker) ResumeTask(string, int) {}

func (w *idleWorker) TaskConfigs(_ string, props map[string]string) ([]map[string]string, error) {
	return []map[string]string{maps.Clone(props), maps.Clone(props)}, nil
}
