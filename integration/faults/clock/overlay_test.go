package clock

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// reading is where the package time reads the clocks, and jumping what is put behind it: each two seconds of a process's
// life are in another year, or hour, than those before.
const (
	reading = "sec, nsec, mono := runtimeNow()\n"
	jumping = reading + "\tsec += [...]int64{0, 3600, -3600, 90 * 86400, -3650 * 86400, 3650 * 86400}[(mono/2e9)%6]\n"
)

// overlay writes what go build -overlay needs to build programs whose wall clock jumps, and returns the path of the file.
func overlay(dir string) (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	function := strings.Index(string(source), "func Now() Time {")
	if function < 0 || strings.Index(string(source[function:]), reading) < 0 {
		return "", fmt.Errorf("%s reads the clocks in another way than this test knows", path)
	}
	before, after := string(source[:function]), string(source[function:])
	replaced, list := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replaced, []byte(before+strings.Replace(after, reading, jumping, 1)), 0o644); err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{path: replaced}})
	if err != nil {
		return "", err
	}
	return list, os.WriteFile(list, content, 0o644)
}
