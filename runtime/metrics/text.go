package metrics

import (
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text is Prometheus' text format 0.0.4 of one row, for all its subjects.
type text struct {
	samples []byte // without the name, each with its length before it in lengths
	lengths []int
	out     []byte
}

// row works the samples of a row out.
func (t *text) row(m *Metric, s *section, subjects []subject, w *Worker) {
	t.samples, t.lengths = t.samples[:0], t.lengths[:0]
	w.mu.Lock() // what the worker counts must not change under a row
	defer w.mu.Unlock()
	label := m.textLabel()
	for i := range subjects {
		x := &subjects[i]
		begun := len(t.samples)
		value := 1.0
		if m.Type == Text {
			word := m.text(x)
			if word == "" {
				continue
			}
			t.labels(x.labels, label, word)
		} else {
			value = m.value(x)
			t.labels(x.labels, "", "")
		}
		t.samples = append(t.samples, ' ')
		t.samples = appendNumber(t.samples, value)
		t.samples = append(t.samples, '\n')
		t.lengths = append(t.lengths, len(t.samples)-begun)
	}
}

// labels writes pairs, which are in order, and one more at its place among them.
func (t *text) labels(pairs []string, name, value string) {
	if name != "" {
		more := pair(name, value)
		at, _ := slices.BinarySearch(pairs, more)
		pairs = slices.Insert(slices.Clone(pairs), at, more)
	}
	for i, p := range pairs {
		t.samples = append(t.samples, "{,"[min(i, 1)])
		t.samples = append(t.samples, p...)
	}
	if len(pairs) > 0 {
		t.samples = append(t.samples, '}')
	}
}

// write writes the samples under a name; a row without samples is not there.
func (t *text) write(w io.Writer, name string, m *Metric) error {
	if len(t.lengths) == 0 {
		return nil
	}
	kind := "gauge"
	switch {
	case m.Type == Counter:
		kind = "counter"
	case strings.HasSuffix(name, "_count"):
		kind = "untyped" // Prometheus keeps that end of a name for histograms
	}
	t.out = append(t.out[:0], "# HELP "+name+" "...)
	t.out = append(t.out, helpEscapes.Replace(m.Help)...)
	t.out = append(t.out, "\n# TYPE "+name+" "+kind+"\n"...)
	at := 0
	for _, n := range t.lengths {
		t.out = append(t.out, name...)
		t.out = append(t.out, t.samples[at:at+n]...)
		at += n
	}
	_, err := w.Write(t.out)
	return err
}

func appendNumber(b []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.AppendInt(b, int64(v), 10)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64) // NaN, +Inf
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// pair is a label. Prometheus takes UTF-8 alone; others may have written what is none
// into the config topic.
func pair(name, value string) string {
	if !utf8.ValidString(value) {
		value = strings.Trim(strconv.QuoteToASCII(value), `"`)
	}
	return name + `="` + labelEscapes.Replace(value) + `"`
}
