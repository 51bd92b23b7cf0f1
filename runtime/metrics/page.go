package metrics

import (
	"fmt"
	"strings"
)

// Page is the reference page of all metrics, in Markdown.
func Page() []byte {
	var b strings.Builder
	b.WriteString(`# Metrics

<!-- Made by ` + "`culvert docs`" + `; do not edit. -->

` + "`GET /metrics`" + ` shows them in Prometheus' text format, on ` + "`listeners`, or on `metrics.listener`" + ` if that is set. The names are those that Prometheus' JMX
exporter gives to Java's MBeans by default. A text is the constant 1, with the text as the label of the attribute's name. "Lately" is the time of
` + "`metrics.num.samples`" + ` samples of ` + "`metrics.sample.window.ms`" + `, a minute by default; without a value in that time an average, a maximum or a minimum is NaN.
Besides these there are the ` + "`go_*` and `process_*`" + ` metrics of the program itself.
`)
	for _, s := range sections {
		m := Metric{Group: s.group, Labels: labels[s.scope]}
		if s.group == "" {
			fmt.Fprintf(&b, "\n## Culvert's own%s\n", by(m.Labels))
		} else {
			fmt.Fprintf(&b, "\n## %s%s\n\nMBean `%s`\n", s.group, by(m.Labels), m.MBean())
		}
		b.WriteString("\n| Prometheus | Attribute | Type | |\n|---|---|---|---|\n")
		for _, row := range s.rows {
			row.Group = s.group
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", row.Name(), row.Attribute, row.Type, row.Help)
		}
	}
	return []byte(b.String())
}

func by(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	return ", by " + strings.Join(labels, ", ")
}
