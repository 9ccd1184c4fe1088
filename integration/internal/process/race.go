//go:build race

package process

// raceFlag makes the services' binaries look for races where the tests do.
var raceFlag = []string{"-race"}
