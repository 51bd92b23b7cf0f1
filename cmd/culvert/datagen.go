package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"culvert/connectors"
	"culvert/connectors/datagen"
	"culvert/converters"
	jsonconverter "culvert/converters/json"
	"culvert/data"
	"culvert/fault"
	"culvert/runtime/boot"
)

func datagenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "datagen", Short: "Look at made-up records and at what they must lead to, without any server"}
	cmd.AddCommand(previewCommand(), truthCommand())
	return cmd
}

func previewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "preview FILE", Short: "Print the first records of a datagen connector, and their schema", Args: cobra.ExactArgs(1),
		Long: "The first line is the schema of the values, as JsonConverter writes it; each further line is a record.\n" +
			"Nothing waits: max.interval and rates do not count here. With random.seed the records are those of task 0.\n" +
			"Where iterations ends before that many records, so does the preview.",
		Example: "  culvert datagen preview orders.json -n 20",
	}
	n := cmd.Flags().IntP("number", "n", 5, "how many records")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := boot.ReadConnector(args[0])
		if err != nil {
			return err
		}
		if *n < 0 {
			return fault.New(fault.Config, "datagen.preview", "-n %d: the number of records cannot be below 0", *n)
		}
		if err := preview(cmd, file.Config, *n); err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return nil
	}
	return cmd
}

func preview(cmd *cobra.Command, props map[string]string, n int) error {
	plugin := datagen.Plugin()
	tasks, err := plugin.Tasks(props, 1)
	if err != nil {
		return err
	}
	tasks[0]["max.interval"] = "0"
	for _, k := range []string{"maxInterval", "records.per.second", "rate.curve"} {
		delete(tasks[0], k)
	}
	src, err := plugin.Source(cmd.Context(), connectors.Env{}, tasks[0])
	if err != nil {
		return err
	}
	defer func() { _ = src.Close(cmd.Context()) }()
	p, err := newPrinter(cmd.OutOrStdout())
	if err != nil {
		return err
	}
	for n > 0 {
		b := data.NewBatch()
		switch err := src.Read(cmd.Context(), b); {
		case datagen.Finished(err):
			return nil
		case err != nil:
			return err
		}
		for i := range b.Records[:min(n, len(b.Records))] {
			if err := p.print(&b.Records[i], b.Arena); err != nil {
				return err
			}
		}
		n -= min(n, len(b.Records))
	}
	return nil
}

// printer writes records as lines of JSON.
type printer struct {
	enc  *json.Encoder
	full converters.Converter // with the schema
	bare converters.Converter
	seen bool
}

func newPrinter(w io.Writer) (*printer, error) {
	p := &printer{enc: json.NewEncoder(w)}
	p.enc.SetEscapeHTML(false)
	for into, schemas := range map[*converters.Converter]string{&p.full: "true", &p.bare: "false"} {
		f, err := jsonconverter.New(map[string]string{"schemas.enable": schemas, "decimal.format": "NUMERIC"}, converters.Value)
		if err != nil {
			return nil, err
		}
		*into = f.For("")
	}
	return p, nil
}

// line is a record as preview shows it.
type line struct {
	Topic     string          `json:"topic"`
	Timestamp string          `json:"timestamp,omitempty"`
	Key       json.RawMessage `json:"key"`
	Value     json.RawMessage `json:"value"`
}

func (p *printer) print(r *data.Record, a *data.Arena) error {
	v, s, err := r.Value.Value(a)
	if err != nil {
		return err
	}
	if !p.seen {
		raw, err := p.full.Encode(nil, v, s)
		if err != nil {
			return err
		}
		var envelope struct {
			Schema json.RawMessage `json:"schema"`
		}
		if err := json.Unmarshal(raw, &envelope); err != nil {
			return err
		}
		if err := p.enc.Encode(envelope); err != nil {
			return err
		}
		p.seen = true
	}
	l := line{Topic: r.Topic}
	if l.Value, err = p.bare.Encode(nil, v, s); err != nil {
		return err
	}
	if v, s, err = r.Key.Value(a); err != nil {
		return err
	}
	if !v.IsNull() {
		if l.Key, err = p.bare.Encode(nil, v, s); err != nil {
			return err
		}
	}
	if r.Timestamp != data.NoTimestamp {
		l.Timestamp = time.UnixMilli(r.Timestamp).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return p.enc.Encode(l)
}
