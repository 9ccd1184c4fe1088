package ports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listening is the state of a listening socket in /proc/net/tcp (include/net/tcp_states.h).
const listening = "0A"

// process says which process listens on the port. It is "" for a process of another user, whose files only root sees.
func process(port int) string {
	inodes := listeners(port)
	if len(inodes) == 0 {
		return ""
	}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		link, err := os.Readlink(descriptor)
		if err != nil || !inodes[link] {
			continue
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(descriptor, "/proc/"), "/")
		pid, _ := strconv.Atoi(number)
		commandLine, _ := os.ReadFile("/proc/" + number + "/cmdline")
		return describe(pid, string(bytes.ReplaceAll(commandLine, []byte{0}, []byte{' '})))
	}
	return "a process of another user"
}

// listeners returns the sockets that listen on the port, as they are named in /proc/<pid>/fd.
func listeners(port int) map[string]bool {
	found := map[string]bool{}
	suffix := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, _ := os.ReadFile(table) // without IPv6 there is no second table
		for line := range strings.Lines(string(content)) {
			// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
			fields := strings.Fields(line)
			if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == listening {
				found["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return found
}
