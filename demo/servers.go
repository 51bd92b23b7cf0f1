package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/FerretDB/FerretDB/ferretdb"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// servers are what the pipeline runs against, all in this process.
type servers struct {
	kafka     *kfake.Cluster
	registry  *srfake.Registry
	mongoURI  string
	dir       string
	stopMongo context.CancelFunc
	mongoDone chan error
}

// startServers starts all three on free ports of loopback.
func startServers() (_ *servers, err error) {
	s := &servers{}
	defer func() {
		if err != nil {
			_ = s.close() // the first error is the one to tell
		}
	}()
	if s.dir, err = os.MkdirTemp("", "culvert-demo-"); err != nil {
		return nil, err
	}
	if s.kafka, err = kfake.NewCluster(kfake.NumBrokers(1)); err != nil {
		return nil, fmt.Errorf("embedded Kafka: %w", err)
	}
	s.registry = srfake.New()
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:" + s.dir + "/",
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("embedded MongoDB: %w", err)
	}
	var ctx context.Context
	ctx, s.stopMongo = context.WithCancel(context.Background())
	s.mongoDone = make(chan error, 1)
	go func() { s.mongoDone <- db.Run(ctx) }()
	s.mongoURI = db.MongoDBURI()
	return s, nil
}

func (s *servers) brokers() string { return strings.Join(s.kafka.ListenAddrs(), ",") }

// records counts what a topic holds, 0 while it is missing.
func (s *servers) records(topic string) int {
	var n int64
	for _, p := range s.kafka.PartitionInfos(topic) {
		n += p.HighWatermark
	}
	return int(n)
}

func (s *servers) close() error {
	var errs []error
	if s.stopMongo != nil {
		s.stopMongo()
		errs = append(errs, <-s.mongoDone)
	}
	if s.registry != nil {
		s.registry.Close()
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
