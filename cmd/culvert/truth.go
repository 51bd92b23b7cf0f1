package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/connectors/datagen"
	"culvert/connectors/datagen/macd"
	"culvert/fault"
	"culvert/runtime/boot"
)

func truthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "truth FILE…", Short: "Print what a correct join and mismatch report must find for MACD_ORDERS and MACD_PAYMENTS", Args: cobra.MinimumNArgs(1),
		Long: "Prints, as one JSON document, what the configuration comes to: counts, then the ids.\n\n" +
			"pairs are the rows of a join by order_id within the time given, amount_mismatches those of them whose\n" +
			"amount is not the total of the order, unmatched_orders and unmatched_payments what is in no row.\n" +
			"Then the reasons: unpaid orders, and payments that are late by more than 24 hours, a duplicate, an\n" +
			"orphan without order, or of a wrong_amount. Entries with two ids name the order, then the payment.\n\n" +
			"Given several files, for instance those of both connectors, they have to agree.",
		Example: "  culvert datagen truth orders.json payments.json --within 24h",
	}
	within := cmd.Flags().Duration("within", macd.Window, "how far apart an order and a payment of a pair may be")
	counts := cmd.Flags().Bool("counts", false, "print the counts alone")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		config, err := matched(args)
		if err != nil {
			return err
		}
		return printTruth(cmd.OutOrStdout(), config, *within, *counts)
	}
	return cmd
}

// matched is the configuration on which all files agree. A file that says nothing of
// payments, as that of the orders may, takes the rates of the others.
func matched(paths []string) (macd.Config, error) {
	var agreed macd.Config
	now := time.Now()
	rated := false // a file has given the rates of agreed
	for i, path := range paths {
		file, err := boot.ReadConnector(path)
		if err != nil {
			return agreed, err
		}
		config, err := datagen.Matched(file.Config, now)
		if err != nil {
			return agreed, fmt.Errorf("%s: %w", path, err)
		}
		rates := slices.ContainsFunc(slices.Collect(maps.Keys(file.Config)), func(key string) bool { return strings.HasPrefix(key, "payments.") })
		switch {
		case i == 0 || rates && !rated && config == withRates(agreed, config):
			agreed, rated = config, rates
		case config != agreed && (rates || withRates(config, agreed) != agreed):
			return agreed, fault.New(fault.Config, "datagen.truth", "%s and %s make streams that do not belong together", paths[0], path).
				WithFix("give both the same random.seed, iterations, payments.* and event.time.*")
		}
	}
	return agreed, nil
}

// withRates is c with the rates of another configuration.
func withRates(c, other macd.Config) macd.Config {
	c.Missing, c.Late, c.Duplicate, c.Wrong, c.Orphan = other.Missing, other.Late, other.Duplicate, other.Wrong, other.Orphan
	return c
}

// truthLists are the lists of the document in its order; both: the entries have
// the ids of the order and of the payment.
var truthLists = []struct {
	name string
	list macd.List
	both bool
}{
	{"pairs", macd.Pairs, true},
	{"amount_mismatches", macd.AmountMismatches, true},
	{"unmatched_orders", macd.UnmatchedOrders, false},
	{"unmatched_payments", macd.UnmatchedPayments, false},
	{"unpaid", macd.Unpaid, false},
	{"late", macd.Late, false},
	{"duplicate", macd.Duplicate, false},
	{"orphan", macd.Orphan, false},
	{"wrong_amount", macd.WrongAmount, false},
}

// printTruth writes the document as it goes through the streams, once for each
// list: a truth of millions needs no more memory than one of ten.
func printTruth(out io.Writer, c macd.Config, within time.Duration, countsOnly bool) error {
	w := bufio.NewWriterSize(out, 64<<10)
	n := c.Count(within)
	fmt.Fprintf(w, "{\n  \"counts\": {\n    \"orders\": %d,\n    \"payments\": %d", n[macd.Orders], n[macd.Payments])
	for _, l := range truthLists {
		fmt.Fprintf(w, ",\n    %q: %d", l.name, n[l.list])
	}
	fmt.Fprint(w, "\n  }")
	for _, l := range truthLists {
		if countsOnly {
			break
		}
		fmt.Fprintf(w, ",\n  %q: [", l.name)
		separator := "\n    "
		for f := range c.All(l.list, within) {
			var entry any = f.PaymentID
			switch {
			case l.both:
				entry = [2]string{f.OrderID, f.PaymentID}
			case f.PaymentID == "":
				entry = f.OrderID
			}
			text, err := json.Marshal(entry)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s%s", separator, text); err != nil {
				return err // nobody reads on: no use in going through millions
			}
			separator = ",\n    "
		}
		if n[l.list] > 0 {
			fmt.Fprint(w, "\n  ")
		}
		fmt.Fprint(w, "]")
	}
	fmt.Fprint(w, "\n}\n")
	return w.Flush()
}
