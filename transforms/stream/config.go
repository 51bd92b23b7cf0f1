package stream

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"culvert/configdef"
)

// config is a parsed configuration. Side 0 is left, side 1 is right.
type config struct {
	topic [2]string
	alias [2]string
	// on are the join fields; both are empty when the record key is the join value.
	on            [2]string
	both          string // key on, before it is copied to on
	within        span
	before, after span
	grace         span
	copartitioned bool
	columns       []column
	selectText    string
	timestamp     string // field, or empty
}

// span is a length of time that may not be given.
type span struct {
	ms    int64
	given bool
}

// The limit keeps sums of spans and timestamps far from overflow.
const maxSpan = 100 * 365 * 24 * hour

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

const (
	group     = "Join"
	spanForms = "a time span such as 24 hours, PT24H, or a number of milliseconds"
)

func def() *configdef.Def[config] {
	return &configdef.Def[config]{Keys: keys, Rules: []func(*config, *configdef.Report){
		topicRule, fieldRule, spanRule, aliasRule, selectRule,
	}}
}

var keys = []configdef.Key[config]{
	{Spec: configdef.Spec{Name: "left.topic", Required: true, Importance: configdef.High, Check: notEmpty,
		Doc: "The topic on the left side of the join. Its fields come first in a row."},
		Into: configdef.Str(func(c *config) *string { return &c.topic[0] })},
	{Spec: configdef.Spec{Name: "right.topic", Required: true, Importance: configdef.High, Check: notEmpty,
		Doc: "The topic on the right side of the join."},
		Into: configdef.Str(func(c *config) *string { return &c.topic[1] })},
	{Spec: configdef.Spec{Name: "on", Importance: configdef.High,
		Doc: "The field of both values whose equality joins them. Without it the record keys are compared."},
		Into: configdef.Str(func(c *config) *string { return &c.both })},
	{Spec: configdef.Spec{Name: "left.on", Importance: configdef.Medium,
		Doc: "The join field of the left value, where the two sides name it differently. Needs right.on."},
		Into: configdef.Str(func(c *config) *string { return &c.on[0] })},
	{Spec: configdef.Spec{Name: "right.on", Importance: configdef.Medium,
		Doc: "The join field of the right value, where the two sides name it differently. Needs left.on."},
		Into: configdef.Str(func(c *config) *string { return &c.on[1] })},
	{Spec: configdef.Spec{Name: "within", Importance: configdef.High, Check: checkSpan,
		Doc: "How far apart in event time two records may be, both ends included: " + spanForms + ". Needed unless before and after are given."},
		Into: spanOf(func(c *config) *span { return &c.within })},
	{Spec: configdef.Spec{Name: "before", Importance: configdef.Medium, Check: checkSpan,
		Doc: "How far the right record may lie before the left one: " + spanForms + ". Default: within."},
		Into: spanOf(func(c *config) *span { return &c.before })},
	{Spec: configdef.Spec{Name: "after", Importance: configdef.Medium, Check: checkSpan,
		Doc: "How far the right record may lie after the left one: " + spanForms + ". Default: within."},
		Into: spanOf(func(c *config) *span { return &c.after })},
	{Spec: configdef.Spec{Name: "grace", Importance: configdef.Medium, Check: checkSpan,
		Doc: "How much longer than before + after a record is kept for partners that come late: " + spanForms + ". Default: what is missing to 24 hours, as in ksqlDB."},
		Into: spanOf(func(c *config) *span { return &c.grace })},
	{Spec: configdef.Spec{Name: "kind", Default: configdef.Default("inner"), Importance: configdef.Medium, Check: checkKind,
		Doc: "The kind of join: inner gives a row for each matching pair."}},
	{Spec: configdef.Spec{Name: "copartitioned", Type: configdef.Boolean, Default: configdef.Default("true"), Importance: configdef.Medium,
		Doc: "Whether records that belong together are in partitions of the same number: both topics have as many partitions, and the join value is the record key. Tasks then share the partitions. With false one task reads everything."},
		Into: configdef.Flag(func(c *config) *bool { return &c.copartitioned })},
	{Spec: configdef.Spec{Name: "left.alias", Default: configdef.Default("left"), Importance: configdef.Low,
		Doc: "The name of the left side in select, and the prefix of its fields where both sides have one of that name."},
		Into: configdef.Str(func(c *config) *string { return &c.alias[0] })},
	{Spec: configdef.Spec{Name: "right.alias", Default: configdef.Default("right"), Importance: configdef.Low,
		Doc: "The name of the right side in select, and the prefix of its fields where both sides have one of that name."},
		Into: configdef.Str(func(c *config) *string { return &c.alias[1] })},
	{Spec: configdef.Spec{Name: "select", Default: configdef.Default("*"), Importance: configdef.Medium,
		Doc: "The fields of a row: * is those of the left value, then those of the right without its join field; else a list such as left.*, right.payment_id, right.amount AS paid. A name that occurs twice gets the alias of its side as prefix."},
		Into: configdef.Str(func(c *config) *string { return &c.selectText })},
	{Spec: configdef.Spec{Name: "timestamp.field", Importance: configdef.Medium,
		Doc: "The field of both values that holds the event time: a timestamp, milliseconds since 1970, or a text as in RFC 3339. Default: the record's timestamp."},
		Into: configdef.Str(func(c *config) *string { return &c.timestamp })},
}

func init() {
	for i := range keys {
		keys[i].Group = group
	}
}

func notEmpty(_ string, v configdef.Parsed) error {
	if !v.Null && v.Text == "" {
		return fmt.Errorf("String must be non-empty")
	}
	return nil
}

func checkKind(_ string, v configdef.Parsed) error {
	if v.Text != "inner" {
		return fmt.Errorf("String must be one of: inner")
	}
	return nil
}

func checkSpan(_ string, v configdef.Parsed) error {
	if v.Null {
		return nil
	}
	ms, err := parseSpan(v.Text)
	if err == nil && ms > maxSpan {
		err = fmt.Errorf("Value must be no more than %d milliseconds", int64(maxSpan))
	}
	return err
}

func spanOf(field func(*config) *span) func(*config, configdef.Parsed) {
	return func(c *config, v configdef.Parsed) {
		ms, err := parseSpan(v.Text)
		if err == nil { // else Check has reported it
			*field(c) = span{ms, true}
		}
	}
}

func topicRule(c *config, r *configdef.Report) {
	if c.topic[0] != "" && c.topic[0] == c.topic[1] {
		r.FailValue("right.topic", c.topic[1], "must differ from left.topic: a topic is not joined with itself")
	}
}

// fieldRule settles on, left.on and right.on.
func fieldRule(c *config, r *configdef.Report) {
	switch {
	case c.both != "" && (c.on[0] != "" || c.on[1] != ""):
		r.FailValue("on", c.both, "set either on, or left.on and right.on")
	case c.both != "":
		c.on = [2]string{c.both, c.both}
	case c.on[0] == "" && c.on[1] != "":
		r.FailValue("left.on", "null", "right.on is set, so left.on must name the field of the left value")
	case c.on[1] == "" && c.on[0] != "":
		r.FailValue("right.on", "null", "left.on is set, so right.on must name the field of the right value")
	}
}

// spanRule gives before, after and grace their defaults.
func spanRule(c *config, r *configdef.Report) {
	if !c.within.given && (!c.before.given || !c.after.given) {
		if res := r.Get("within"); len(res.Errors) == 0 && (len(r.Get("before").Errors) == 0 && len(r.Get("after").Errors) == 0) {
			r.FailValue("within", "null", "must be set (or before and after): "+spanForms)
		}
		return
	}
	for _, s := range []*span{&c.before, &c.after} {
		if !s.given {
			*s = c.within
		}
	}
	if !c.grace.given {
		// JoinWindows.of, before KIP-633: 24 hours less the size of the window.
		size := c.before.ms + c.after.ms
		if c.within.given {
			size = 2 * c.within.ms
		}
		c.grace = span{max(24*hour-size, 0), true}
	}
	if c.retention() == 0 {
		r.FailValue("grace", "0", "with a window of 0 the join would keep nothing; give grace, within, before or after more than 0")
	}
}

// retention is how long a record is kept (facts of StreamStreamJoinUtil: window
// size plus grace).
func (c *config) retention() int64 { return c.before.ms + c.after.ms + c.grace.ms }

func aliasRule(c *config, r *configdef.Report) {
	for side, key := range []string{"left.alias", "right.alias"} {
		if a := c.alias[side]; !identifier.MatchString(a) {
			r.FailValue(key, a, "must be a name of letters, digits and underscores")
		}
	}
	if c.alias[0] == c.alias[1] {
		r.FailValue("right.alias", c.alias[1], "must differ from left.alias")
	}
}

func selectRule(c *config, r *configdef.Report) {
	columns, err := parseSelect(c.selectText, c.alias)
	if err != nil {
		r.FailValue("select", c.selectText, err.Error())
	}
	c.columns = columns
}

// column is one element of select.
type column struct {
	// star: all fields of side, or of both when side is -1.
	star  bool
	side  int
	field string
	as    string // empty: the field's name
}

var asWord = regexp.MustCompile(`(?i)\s+as\s+`)

func parseSelect(text string, alias [2]string) ([]column, error) {
	var columns []column
	named := map[string]bool{}
	seen := map[column]bool{}
	for _, item := range strings.Split(text, ",") {
		item = strings.TrimSpace(item)
		c := column{side: -1}
		if parts := asWord.Split(item, 2); len(parts) == 2 {
			item, c.as = strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1])
			if !identifier.MatchString(c.as) {
				return nil, fmt.Errorf("the name after AS must be of letters, digits and underscores: %q", c.as)
			}
			if named[c.as] {
				return nil, fmt.Errorf("two fields are called %s", c.as)
			}
			named[c.as] = true
		}
		name, field, dotted := strings.Cut(item, ".")
		switch {
		case item == "":
			return nil, fmt.Errorf("it has an empty element")
		case item == "*":
			c.star = true
		case !dotted || field == "":
			return nil, fmt.Errorf("%q must begin with the alias of its side: %s.%s or %s.%s", item, alias[0], name, alias[1], name)
		case name == alias[0]:
			c.side = 0
		case name == alias[1]:
			c.side = 1
		default:
			return nil, fmt.Errorf("%q: there is no side %s, the sides are %s and %s", item, name, alias[0], alias[1])
		}
		if c.field = field; field == "*" {
			c.star = true
		}
		if c.star && c.as != "" {
			return nil, fmt.Errorf("%q stands for several fields and cannot be renamed to %s", item, c.as)
		}
		if c.as == "" {
			for _, side := range c.sides() {
				of := column{star: c.star, side: side, field: c.field}
				if c.star {
					of.field = "*"
				}
				if seen[of] {
					return nil, fmt.Errorf("%q takes a second time what is there already", item)
				}
				seen[of] = true
			}
		}
		columns = append(columns, c)
	}
	return columns, nil
}

const hour = 60 * 60 * 1000

var (
	digits  = regexp.MustCompile(`^\d+$`)
	iso     = regexp.MustCompile(`(?i)^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,9}))?S)?)?$`)
	worded  = regexp.MustCompile(`(?i)^(\d+\s*[a-z]+\s*,?\s*)+$`)
	element = regexp.MustCompile(`(?i)(\d+)\s*([a-z]+)`)
)

var units = map[string]int64{
	"ms": 1, "millisecond": 1, "milliseconds": 1,
	"s": 1000, "sec": 1000, "second": 1000, "seconds": 1000,
	"m": 60_000, "min": 60_000, "minute": 60_000, "minutes": 60_000,
	"h": hour, "hour": hour, "hours": hour,
	"d": 24 * hour, "day": 24 * hour, "days": 24 * hour,
}

// parseSpan reads "24 hours", "1 day 12 hours", "PT24H" (java.time.Duration) or
// a number of milliseconds.
func parseSpan(text string) (int64, error) {
	bad := fmt.Errorf("must be %s, not negative", spanForms)
	t := strings.TrimSpace(text)
	var parts []string // number, unit, number, unit
	switch {
	case digits.MatchString(t):
		parts = []string{t, "ms"}
	case len(t) > 1 && (t[0] == 'P' || t[0] == 'p'):
		m := iso.FindStringSubmatch(t)
		if m == nil || strings.ContainsAny(t[len(t)-1:], "PTpt") {
			return 0, bad
		}
		parts = []string{m[1], "d", m[2], "h", m[3], "m", m[4], "s", (m[5] + "000")[:min(3, len(m[5])*3)], "ms"}
	case worded.MatchString(t):
		for _, m := range element.FindAllStringSubmatch(t, -1) {
			parts = append(parts, m[1], strings.ToLower(m[2]))
		}
	default:
		return 0, bad
	}
	var sum int64
	for i := 0; i < len(parts); i += 2 {
		unit, known := units[parts[i+1]]
		if !known {
			return 0, fmt.Errorf("unknown unit %s: %w", parts[i+1], bad)
		}
		n, err := number(parts[i])
		if err != nil || n > math.MaxInt64/4/unit {
			return 0, fmt.Errorf("too long: %w", bad)
		}
		if sum += n * unit; sum > math.MaxInt64/4 {
			return 0, fmt.Errorf("too long: %w", bad)
		}
	}
	return sum, nil
}

func number(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	var n int64
	_, err := fmt.Sscanf(s, "%d", &n)
	return n, err
}
