package process

// BuildPlain has the programs built without the race detector even where the tests have it, because memory is measured: a
// program with the detector takes several times as much. It is called before the first one starts.
func BuildPlain() { raceFlag = nil }
