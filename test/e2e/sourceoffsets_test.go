//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/test/servers"
)

// TestMongoSourceOffsets reads, sets and forgets the offsets of a source (KIP-875), in
// the Java worker with MongoDB's connector and in Culvert: the answers are the same, and
// so is where the source goes on. Offsets that the source could not go on from are stored
// by Java, and refused by Culvert.
func TestMongoSourceOffsets(t *testing.T) {
	t.Parallel()
	c, err := servers.NewConnect(t.Context(), t.TempDir(), shared.kafka.Addr, "position-java", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers := map[string][]string{}
	for side, url := range map[string]string{"java": c.URL, "ours": startWorker(t, "position-culvert", "a", nil).url} {
		t.Run(side, func(t *testing.T) {
			p := &positioned{sourceBed: newSourceBed(t), name: "position-" + side, url: url + "/connectors/position-" + side, side: side}
			p.run(t, url)
			answers[side] = p.answers
		})
	}
	if !slices.Equal(answers["java"], answers["ours"]) || len(answers["java"]) == 0 {
		t.Errorf("answers of Java\n%s\nof Culvert\n%s", strings.Join(answers["java"], "\n"), strings.Join(answers["ours"], "\n"))
	}
	t.Logf("%d answers compared:\n%s", len(answers["ours"]), strings.Join(answers["ours"], "\n"))
}

// positioned is a source whose offsets are changed.
type positioned struct {
	*sourceBed
	side, name, url string
	answers         []string // without what differs between the worlds
}

func (p *positioned) run(t *testing.T, url string) {
	p.write(t, 0, 5)
	p.create(t, url, p.name, p.side+"-position", map[string]string{"startup.mode": "copy_existing", "publish.full.document.only": "true"})
	running(t, url, p.name, 1)
	p.write(t, 5, 7)
	p.arrived(t, [][2]int{{7, 1}})
	p.ask(t, http.MethodPatch, `{"offsets":[{"partition":{"ns":"x"},"offset":null}]}`) // it is not stopped
	p.stop(t)
	early := p.ask(t, http.MethodGet, "")
	p.do(t, "resume")
	p.write(t, 7, 10)
	p.arrived(t, [][2]int{{10, 1}})
	p.stop(t)
	if late := p.ask(t, http.MethodGet, ""); late == early {
		t.Fatalf("the position did not move: %s", late)
	}

	p.ask(t, http.MethodPatch, early)
	if now := p.ask(t, http.MethodGet, ""); now != early {
		t.Errorf("set to %s, but it is %s", early, now)
	}
	p.do(t, "resume")
	p.arrived(t, [][2]int{{7, 1}, {10, 2}})

	p.stop(t)
	p.ask(t, http.MethodPatch, regexp.MustCompile(`"offset":\{.*?\}\}\]`).ReplaceAllString(early, `"offset":{"_id":{"a":1}}}]`))
	p.ask(t, http.MethodPatch, `{"offsets":[{"partition":{"ns":["x"]},"offset":null}]}`)
	p.wrong(t, early)
	p.ask(t, http.MethodPatch, regexp.MustCompile(`"offset":\{.*?\}\}\]`).ReplaceAllString(early, `"offset":null}]`))
	p.ask(t, http.MethodGet, "")
	p.ask(t, http.MethodPatch, early)
	p.ask(t, http.MethodDelete, "")
	p.ask(t, http.MethodGet, "")
	p.ask(t, http.MethodDelete, "")
	p.do(t, "resume")
	p.arrived(t, [][2]int{{7, 2}, {10, 3}}) // all are copied once more
}

// wrong sends offsets that the source could not go on from.
func (p *positioned) wrong(t *testing.T, early string) {
	t.Helper()
	var all struct {
		Offsets []struct{ Partition, Offset map[string]any }
	}
	if err := json.Unmarshal([]byte(early), &all); err != nil || len(all.Offsets) != 1 {
		t.Fatalf("%v %s", err, early)
	}
	partition, _ := json.Marshal(all.Offsets[0].Partition)
	for _, c := range []struct{ partition, offset, want string }{
		{string(partition), `{"id":"x"}`, `has no \"_id\"`},
		{string(partition), `{"_id":82}`, `\"_id\" is no text`},
		{string(partition), `{"_id":"82"}`, `\"_id\" is no resume token`},
		{string(partition), `{"_id":"{\"_data\": \"nonsense\"}"}`, "MongoDB does not go on behind the resume token"},
		{`{"ns":"elsewhere"}`, fmt.Sprintf(`{"_id":%q}`, all.Offsets[0].Offset["_id"]), "none of the partitions is the connector's"},
	} {
		code, body := rest(t, http.MethodPatch, p.url+"/offsets", json.RawMessage(fmt.Sprintf(`{"offsets":[{"partition":%s,"offset":%s}]}`, c.partition, c.offset)))
		if p.side == "java" {
			if code != http.StatusOK {
				t.Errorf("Java refuses %s: %d %s", c.offset, code, body)
			}
			continue
		}
		if code != http.StatusInternalServerError || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %d %s", c.offset, code, body)
		}
	}
	if p.side == "java" {
		if code, body := rest(t, http.MethodPatch, p.url+"/offsets", json.RawMessage(`{"offsets":[{"partition":{"ns":"elsewhere"},"offset":null}]}`)); code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
	} else if _, now := rest(t, http.MethodGet, p.url+"/offsets", nil); strings.Contains(string(now), "elsewhere") || strings.Contains(string(now), "nonsense") {
		t.Errorf("what was refused is there: %s", now)
	}
}

// write inserts the documents from and before to.
func (p *positioned) write(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		p.insert(t, bson.D{{Key: "_id", Value: fmt.Sprintf("doc-%d", i)}})
	}
}

// arrived waits until all documents have come as often as they have to: those before the
// first bound so many times, those from there to the second bound so many, and so on.
func (p *positioned) arrived(t *testing.T, bounds [][2]int) {
	t.Helper()
	want := map[string]int{}
	from := 0
	for _, b := range bounds {
		for ; from < b[0]; from++ {
			want[fmt.Sprintf(`{"_id": "doc-%d"}`, from)] = b[1]
		}
	}
	await(t, time.Minute, fmt.Sprintf("documents %v by %s", bounds, p.side), func() error {
		counts := map[string]int{}
		for _, m := range messagesOf(t, p.side+"-position.changes.c") {
			counts[string(m.Key)]++
		}
		for doc, n := range counts {
			if n > want[doc] {
				t.Fatalf("%s came %d times by %s: %v", doc, n, p.side, counts)
			}
		}
		if !maps.Equal(counts, want) {
			return fmt.Errorf("%v", counts)
		}
		return nil
	})
}

var (
	tokens = regexp.MustCompile(`_data\\": \\"[^\\"]*`)
	hosts  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	// Java may still list a partition for a moment that has just been forgotten.
	gone = regexp.MustCompile(`\{"partition":[^}]*\},"offset":null\}`)
)

// ask sends a request about the offsets and gives the body of the answer.
func (p *positioned) ask(t *testing.T, method, body string) string {
	t.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	code, out := rest(t, method, p.url+"/offsets", in)
	shown := strings.ReplaceAll(fmt.Sprintf("%s %d %s", method, code, strings.TrimSpace(string(out))), p.name, "NAME")
	if method == http.MethodGet {
		shown = gone.ReplaceAllString(shown, "")
	}
	p.answers = append(p.answers, hosts.ReplaceAllString(tokens.ReplaceAllString(shown, "TOKEN"), "HOST"))
	return string(out)
}

func (p *positioned) do(t *testing.T, what string) {
	t.Helper()
	if code, body := rest(t, http.MethodPut, p.url+"/"+what, nil); code/100 != 2 {
		t.Fatalf("%s: %d %s", what, code, body)
	}
}

// stop waits until the tasks are gone, so that offsets may be changed.
func (p *positioned) stop(t *testing.T) {
	t.Helper()
	p.do(t, "stop")
	await(t, time.Minute, p.name+" to stop", func() error {
		s, err := statusOf(t, strings.TrimSuffix(p.url, "/connectors/"+p.name), p.name)
		if err == nil && (s.Connector.State != "STOPPED" || len(s.Tasks) > 0) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
}
