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

` + "`GET /metrics`" + ` shows them in Prometheus' text format, on ` + "`listeners`, or on `metrics.listener`" + ` if that is set. What Java has
has two names, since dashboards and alerts of both kinds are about: the whole one, with the group of the MBean, and a short one, as the example rules of
Prometheus' JMX exporter and of Strimzi have it; ` + "`metrics.names`" + ` leaves one out (` + "`whole`, `short`" + `). A text is the constant 1, with the text as the label of the attribute's name. "Lately" is the time of
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
		if s.group == "" {
			b.WriteString("\n| Name | Type | |\n|---|---|---|\n")
		} else {
			b.WriteString("\n| Attribute | Names | Type | |\n|---|---|---|---|\n")
		}
		for _, row := range s.rows {
			row.Group = s.group
			if s.group == "" {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row.Name(), row.Type, row.Help)
			} else if row.ShortName() == "" {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", row.Attribute, row.Name(), row.Type, row.Help)
			} else {
				fmt.Fprintf(&b, "| `%s` | `%s`, `%s` | %s | %s |\n", row.Attribute, row.Name(), row.ShortName(), row.Type, row.Help)
			}
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
