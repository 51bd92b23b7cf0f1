package boot

import (
	"os"
	"runtime/debug"
)

// heapGrowth is the GOGC of a worker. A sink at full speed has some 12 MB alive; Go's
// default of 100 lets as much garbage again pile up beside it. At 40 the process
// peaks at about 60 MB, for a few percent of CPU.
const heapGrowth = 40

// KeepMemorySmall sets how far the heap of this process grows between two
// collections, unless the environment says so itself (GOGC).
func KeepMemorySmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}
