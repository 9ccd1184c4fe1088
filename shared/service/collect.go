package service

import (
	"os"
	"runtime/debug"
)

// garbage is how much may gather before it is collected, in percent of what is in use.
const garbage = 300

// CollectLess has Go collect garbage less often than by default, unless GOGC says otherwise. It is for a main function of a
// service that holds a few MiB and makes as much garbage in milliseconds: a tenth of its CPU went into collecting, and now
// it takes 10 MiB more of memory instead. The limit of Main stays.
func CollectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}

// KeepWithin has Go collect garbage more often from that much memory on, unless GOMEMLIMIT says otherwise, instead of the
// limit of Main.
func KeepWithin(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}
