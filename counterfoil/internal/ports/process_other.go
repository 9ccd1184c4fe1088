//go:build !linux

package ports

import (
	"os/exec"
	"strconv"
	"strings"
)

// process says which process listens on the port, by way of lsof where the machine has it.
func process(port int) string {
	// -F writes one field a line, each behind a letter: p the process, c its command.
	output, err := exec.Command("lsof", "-nP", "-iTCP:"+strconv.Itoa(port), "-sTCP:LISTEN", "-Fpc").Output()
	if err != nil {
		return ""
	}
	var pid int
	var command string
	for line := range strings.Lines(string(output)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "p") && pid == 0:
			pid, _ = strconv.Atoi(line[1:])
		case strings.HasPrefix(line, "c") && command == "":
			command = line[1:]
		}
	}
	if pid == 0 {
		return ""
	}
	return describe(pid, command)
}
