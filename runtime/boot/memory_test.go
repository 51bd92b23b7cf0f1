package boot

import (
	"runtime/debug"
	"testing"
)

func TestKeepMemorySmall(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	t.Setenv("GOGC", "200")
	KeepMemorySmall()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("GOGC is set, and the percentage became %d", got)
	}
	t.Setenv("GOGC", "")
	KeepMemorySmall()
	if got := debug.SetGCPercent(100); got != heapGrowth {
		t.Errorf("the percentage is %d", got)
	}
}
