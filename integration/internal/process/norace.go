//go:build !race

package process

var raceFlag []string
