package task

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 10)
		w := NewWaiting(func(r string) { told <- r })
		mongo, broker := w.For("mongo"), w.For("broker")
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var shown []string
			for len(told) > 0 {
				shown = append(shown, <-told)
			}
			if !slices.Equal(shown, want) {
				t.Errorf("shown %q, want %q", shown, want)
			}
		}
		mongo("blip")
		time.Sleep(waitShown / 2)
		mongo("")
		time.Sleep(time.Minute)
		expect() // too short to tell

		mongo("MongoDB is away")
		time.Sleep(waitShown)
		expect("MongoDB is away")
		broker("the broker is away")
		mongo("MongoDB is still away")
		time.Sleep(waitShown)
		expect() // its words change once in a while
		time.Sleep(waitChanged)
		expect("MongoDB is still away\nthe broker is away")
		mongo("")
		broker("")
		expect("")

		mongo("away again")
		w.Close()
		time.Sleep(time.Minute)
		expect()
	})
}
