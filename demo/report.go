package main

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// bar is one line of a progress display: have of want.
type bar struct {
	name       string
	have, want int
}

const barWidth = 40

func (b bar) String() string {
	full := barWidth
	if b.want > 0 {
		full = min(barWidth*b.have/b.want, barWidth)
	}
	return fmt.Sprintf("  %-18s %s%s %4d / %d", b.name, strings.Repeat("█", full), strings.Repeat("░", barWidth-full), b.have, b.want)
}

// progress redraws its bars in place on a terminal; elsewhere it prints them at
// every tenth of the way.
type progress struct {
	out   io.Writer
	live  bool
	drawn bool
	tenth int
}

func (p *progress) show(bars ...bar) {
	sum, all := 0, 0
	for _, b := range bars {
		sum, all = sum+min(b.have, b.want), all+b.want
	}
	tenth := 10 * sum / max(all, 1)
	if !p.live && p.drawn && tenth == p.tenth {
		return
	}
	if p.live && p.drawn {
		fmt.Fprintf(p.out, "\x1b[%dA", len(bars))
	}
	for _, b := range bars {
		fmt.Fprintln(p.out, b)
	}
	if !p.live {
		fmt.Fprintln(p.out)
	}
	p.drawn, p.tenth = true, tenth
}

// share is one line of a chart.
type share struct {
	name  string
	value float64
}

func chart(out io.Writer, title, format string, shares []share) {
	fmt.Fprintf(out, "\n%s\n", title)
	most, width := 0.0, 0
	for _, s := range shares {
		most, width = max(most, s.value), max(width, utf8.RuneCountInString(s.name))
	}
	for _, s := range shares {
		n := 0
		if most > 0 {
			n = int(barWidth*s.value/most + 0.5)
		}
		fmt.Fprintf(out, "  %s%s %s%s "+format+"\n", s.name, strings.Repeat(" ", width-utf8.RuneCountInString(s.name)), strings.Repeat("█", n), strings.Repeat(" ", barWidth-n), s.value)
	}
}

// report prints one document and charts of all, asked from MongoDB.
func report(ctx context.Context, out io.Writer, d *documents) error {
	var one bson.D
	if err := d.collection.FindOne(ctx, bson.D{}).Decode(&one); err != nil {
		return fmt.Errorf("read a document: %w", err)
	}
	text, err := bson.MarshalExtJSONIndent(one, false, false, "  ", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nOne of them, from macd.orders_payments_joined:\n\n  %s\n", text)

	items, err := d.group(ctx, bson.A{bson.D{{Key: "$unwind", Value: "$items"}}}, "$items.name", bson.D{{Key: "$sum", Value: "$items.quantity"}})
	if err != nil {
		return err
	}
	const top = 10
	chart(out, "Most ordered items", "%.0f", items[:min(top, len(items))])
	methods, err := d.group(ctx, nil, "$method", bson.D{{Key: "$sum", Value: 1}})
	if err != nil {
		return err
	}
	chart(out, "Payment methods", "%.0f", methods)

	// $hour and comparisons of two fields are beyond the embedded database: these
	// two are counted here.
	docs, err := d.all(ctx)
	if err != nil {
		return err
	}
	chart(out, "Revenue by hour (UTC)", "%7.2f €", byHour(docs))
	mismatches(out, docs)
	return nil
}

// group runs one accumulator by a field and returns the largest first.
func (d *documents) group(ctx context.Context, before bson.A, by string, sum bson.D) ([]share, error) {
	stage := bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: by}, {Key: "n", Value: sum}}}}
	cursor, err := d.collection.Aggregate(ctx, append(before, stage))
	if err != nil {
		return nil, fmt.Errorf("group by %s: %w", by, err)
	}
	var rows []struct {
		ID string  `bson:"_id"`
		N  float64 `bson:"n"`
	}
	if err := cursor.All(ctx, &rows); err != nil {
		return nil, fmt.Errorf("group by %s: %w", by, err)
	}
	shares := make([]share, len(rows))
	for i, r := range rows {
		shares[i] = share{r.ID, r.N}
	}
	sort.Slice(shares, func(i, j int) bool {
		return shares[i].value > shares[j].value || shares[i].value == shares[j].value && shares[i].name < shares[j].name
	})
	return shares, nil
}

func byHour(docs []document) []share {
	sums := map[int]float64{}
	first, last := 24, 0
	for _, d := range docs {
		h := d.OrderedAt.UTC().Hour()
		sums[h] += d.Amount
		first, last = min(first, h), max(last, h)
	}
	var shares []share
	for h := first; h <= last; h++ {
		shares = append(shares, share{fmt.Sprintf("%02d:00", h), sums[h]})
	}
	return shares
}

// mismatches lists the payments that differ from their orders.
func mismatches(out io.Writer, docs []document) {
	var wrong []document
	for _, d := range docs {
		if d.Amount != d.Total {
			wrong = append(wrong, d)
		}
	}
	if len(wrong) == 0 {
		return
	}
	sort.Slice(wrong, func(i, j int) bool { return wrong[i].OrderID < wrong[j].OrderID })
	fmt.Fprintf(out, "\nPayments that differ from their order: %d\n", len(wrong))
	const most = 10
	for _, d := range wrong[:min(most, len(wrong))] {
		fmt.Fprintf(out, "  %s in %-10s ordered %7.2f €, paid %7.2f € (%+.2f)\n", d.OrderID, d.City, d.Total, d.Amount, d.Amount-d.Total)
	}
	if len(wrong) > most {
		fmt.Fprintf(out, "  … and %d more\n", len(wrong)-most)
	}
}
