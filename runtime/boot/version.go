package boot

import "runtime/debug"

// ConnectVersion is the release of Kafka Connect whose answers Culvert gives:
// what GET / and the built-in plugins show as their version.
const ConnectVersion = "4.3.1"

// version is set by the linker: -X culvert/runtime/boot.version=1.2.3.
var version = "dev"

// Versions tells what is running.
type Versions struct {
	Culvert string
	Commit  string
	Connect string
}

// Version reads what the build left in the binary.
func Version() Versions {
	v := Versions{Culvert: version, Commit: "unknown", Connect: ConnectVersion}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
