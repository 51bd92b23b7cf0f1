package plugins

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"culvert/configdef"
	"culvert/fault"
)

// versionRange is a requirement on a version (KIP-891): ranges in Maven's
// notation. A plain version stands for itself alone. No range: every version.
type versionRange []interval

type interval struct {
	low, high     string // empty: open end
	lowIn, highIn bool
}

// parseVersion is PluginUtils.connectorVersionRequirement.
func parseVersion(text string) (versionRange, error) {
	if text == "latest" {
		return nil, nil
	}
	text = strings.TrimSpace(text)
	if text == "" || !strings.ContainsAny(text[:1], "[(") {
		low, high, two := strings.Cut(text, ",")
		if !two {
			high = low
		}
		if strings.ContainsAny(text, "[]()") {
			return nil, fmt.Errorf("Only fully-qualified sets allowed in multiple set scenario: [%s]", text)
		}
		return versionRange{{low: low, high: high, lowIn: true, highIn: true}}, nil
	}
	var r versionRange
	for rest := text; rest != ""; rest = strings.TrimPrefix(strings.TrimSpace(rest), ",") {
		rest = strings.TrimSpace(rest)
		end := strings.IndexAny(rest, "])")
		if !strings.ContainsAny(rest[:1], "[(") || end < 0 {
			return nil, fmt.Errorf("Unbounded range: %s", rest)
		}
		one, err := parseInterval(rest[:end+1])
		if err != nil {
			return nil, err
		}
		if n := len(r); n > 0 && (one.low == "" || r[n-1].high == "" || compareVersions(one.low, r[n-1].high) < 0) {
			return nil, fmt.Errorf("Ranges overlap: %s", text)
		}
		r, rest = append(r, one), rest[end+1:]
		if rest == "" {
			break
		}
	}
	return r, nil
}

func parseInterval(text string) (interval, error) {
	body := strings.TrimSpace(text[1 : len(text)-1])
	i := interval{lowIn: text[0] == '[', highIn: text[len(text)-1] == ']'}
	low, high, two := strings.Cut(body, ",")
	i.low, i.high = strings.TrimSpace(low), strings.TrimSpace(high)
	switch {
	case !two && (!i.lowIn || !i.highIn):
		return i, fmt.Errorf("Single version must be surrounded by []: %s", text)
	case !two:
		i.high = i.low
	case i.low != "" && i.low == i.high:
		return i, fmt.Errorf("Range cannot have identical boundaries: %s", text)
	case i.low != "" && i.high != "" && compareVersions(i.low, i.high) > 0:
		return i, fmt.Errorf("Range defies version ordering: %s", text)
	}
	return i, nil
}

func (i interval) String() string {
	open, shut := "(", ")"
	if i.lowIn {
		open = "["
	}
	if i.highIn {
		shut = "]"
	}
	return open + i.low + "," + i.high + shut
}

func (r versionRange) String() string {
	var parts []string
	for _, i := range r {
		parts = append(parts, i.String())
	}
	return strings.Join(parts, ",")
}

func (r versionRange) allows(version string) bool {
	for _, i := range r {
		low, high := 1, -1
		if i.low != "" {
			low = compareVersions(version, i.low)
		}
		if i.high != "" {
			high = compareVersions(version, i.high)
		}
		if i.low == "" && i.high == "" {
			continue // what an empty text becomes; Java finds no version in it
		}
		if (low > 0 || low == 0 && i.lowIn) && (high < 0 || high == 0 && i.highIn) {
			return true
		}
	}
	return len(r) == 0
}

// compareVersions compares part by part: numbers as numbers, a missing part as 0,
// and a qualifier (4.3.1-rc1) as less than none.
func compareVersions(a, b string) int {
	as, bs := strings.FieldsFunc(a, separator), strings.FieldsFunc(b, separator)
	for i := 0; i < max(len(as), len(bs)); i++ {
		x, y := "0", "0"
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		c := cmp.Compare(strings.ToLower(x), strings.ToLower(y))
		switch {
		case errX == nil && errY == nil:
			c = cmp.Compare(m, n)
		case errX == nil:
			c = 1
		case errY == nil:
			c = -1
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func separator(r rune) bool { return r == '.' || r == '-' }

// checkVersion is ConnectorConfig.PluginVersionValidator.
func checkVersion(_ string, v configdef.Parsed) error {
	if v.Null {
		return nil
	}
	if _, err := parseVersion(v.Text); err != nil {
		return configdef.Sentence(err.Error())
	}
	return nil
}

// The fault codes of Allow.
const (
	codeVersion       = "connect.version"        // no such version
	CodeVersionSyntax = "connect.version_syntax" // not a version or a range
)

// Allow checks the version that is required of a plugin.
func (r *Registry) Allow(name, requirement string) error {
	want, err := parseVersion(requirement)
	if err != nil {
		return fault.New(fault.Config, CodeVersionSyntax, "%s", err)
	}
	class, have := r.classes[name], r.VersionOf(name)
	if want.allows(have) {
		return nil
	}
	var versions []string // one for each entry of the plugin list, as in Java
	for _, i := range r.list {
		if i.Class == class {
			versions = append(versions, i.Version)
		}
	}
	return fault.New(fault.Config, codeVersion, "Plugin %s not found that matches the version range %s, available versions: [%s]",
		class, want, strings.Join(versions, ", ")).WithFix("Leave the version out, or set it to %s.", have)
}
