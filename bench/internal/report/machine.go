package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Machine describes the computer: processor, cores, memory, kernel.
func Machine() string {
	model := field("/proc/cpuinfo", "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	text := fmt.Sprintf("%d cores (%s)", runtime.NumCPU(), model)
	if kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 64); err == nil {
		text += fmt.Sprintf(", %.0f GiB", kilobytes/(1<<20))
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		text += ", Linux " + strings.TrimSpace(string(kernel))
	}
	return text
}

// Load returns the load averages of the last 1, 5 and 15 minutes.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// Revision returns the revision of the checkout, and says so where it was changed.
func Revision(root string) string {
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = root
		output, err := cmd.Output()
		if err != nil {
			return ""
		}
		return string(bytes.TrimSpace(output))
	}
	revision := git("rev-parse", "--short=12", "HEAD")
	if revision == "" {
		return "unknown"
	}
	if git("status", "--porcelain", "--", ":!docs") != "" {
		revision += " with changes"
	}
	return revision
}

// field returns the value of the first line of that name.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		key, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
