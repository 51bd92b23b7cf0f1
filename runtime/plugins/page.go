package plugins

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"culvert/configdef"
)

// Page is the reference page of a connector, in Markdown, made of the declarations
// that validation and the REST answers are made of.
func (r *Registry) Page(name string) ([]byte, error) {
	p, err := r.Connector(name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	simple := p.Class[strings.LastIndexByte(p.Class, '.')+1:]
	fmt.Fprintf(&b, "# %s\n\n<!-- Made by `culvert docs`; do not edit. -->\n\n", simple)
	fmt.Fprintf(&b, "- Kind: %s\n- `connector.class`: `%s`\n- Also accepted: %s\n- Version: %s\n", p.Kind, p.Class, r.otherNames(p.Class), r.VersionOf(p.Class))
	if p.Managed != nil {
		fmt.Fprintf(&b, "- Exports of the managed connector `%s` are taken as they are.\n", p.Managed.Class)
	}
	b.WriteString("\nKeys marked with \\* are Culvert's own; the Java plugin does not have them.\n\n## Keys of the connector\n\n")
	own := p.Spec()
	table(&b, own)
	d := &defaults{version: r.VersionOf(p.Class)}
	framework := r.sinkSpecs(d)
	if Kind(p.Kind) == Source {
		framework = r.sourceSpecs(d)
	}
	framework = slices.DeleteFunc(framework, func(s configdef.Spec) bool {
		return slices.ContainsFunc(own, func(o configdef.Spec) bool { return o.Name == s.Name })
	})
	fmt.Fprintf(&b, "\n## Keys of every %s\n\n", p.Kind)
	table(&b, framework)
	b.WriteString("\nBeyond these: `transforms.<name>.*` and `predicates.<name>.*` for what `transforms` and `predicates` name, the keys of a converter under the key that\n" +
		"names it (`value.converter.*`), client settings under `producer.override.`, `consumer.override.` and `admin.override.`")
	if Kind(p.Kind) == Source {
		b.WriteString(", and\n`topic.creation.<group>.*`")
	}
	b.WriteString(".\n")
	return b.Bytes(), nil
}

// TransformsPage is the reference page of Culvert's own transformations, in Markdown.
// Those of Kafka are described in Kafka's documentation.
func (r *Registry) TransformsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Culvert's own transformations\n\n<!-- Made by `culvert docs`; do not edit. -->\n")
	for _, class := range slices.Sorted(maps.Keys(r.transforms)) {
		p := r.transforms[class]
		if !strings.HasPrefix(class, "culvert.") {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n- `transforms.<name>.type`: `%s`\n- Also accepted: %s\n\n", class[strings.LastIndexByte(class, '.')+1:], class, r.otherNames(class))
		table(&b, p.Spec())
		for i, e := range p.Examples {
			if i == 0 {
				b.WriteString("\nExamples:\n\n```properties\n")
			}
			fmt.Fprintf(&b, "# %s\n", e.Does)
			for _, kv := range e.Keys {
				fmt.Fprintf(&b, "transforms.x.%s=%s\n", kv[0], kv[1])
			}
		}
		if len(p.Examples) > 0 {
			b.WriteString("```\n")
		}
	}
	return b.Bytes()
}

// otherNames lists the aliases of a class.
func (r *Registry) otherNames(class string) string {
	var names []string
	for name, c := range r.classes {
		if c == class && name != class {
			names = append(names, "`"+name+"`")
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func table(b *bytes.Buffer, specs []configdef.Spec) {
	b.WriteString("| Key | Type | Default | Importance | Meaning |\n|---|---|---|---|---|\n")
	for i := range specs {
		s := &specs[i]
		if s.Visible != nil && strings.Contains(s.Name, "%s") {
			continue // a placeholder that Java's definition lists
		}
		name := "`" + s.Name + "`"
		for _, a := range s.Aliases {
			name += ", `" + a + "`"
		}
		if s.Extended {
			name += " \\*"
		}
		dflt, ok := s.DefaultText()
		switch {
		case s.Required:
			dflt = "required"
		case s.Measured != "":
			dflt = s.Measured
		case !ok || dflt == "":
			dflt = ""
		default:
			dflt = "`" + cell(dflt) + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", name, strings.ToLower(s.Type.String()), dflt, strings.ToLower(s.Importance.String()), markup.Replace(cell(s.Doc)))
	}
}

// markup keeps <name> from being taken for HTML.
var markup = strings.NewReplacer("<", "&lt;", ">", "&gt;")

// cell keeps a text inside its cell.
func cell(s string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s) }
