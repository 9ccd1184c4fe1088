// Package proc says what processes use: seconds of CPU and memory, as Linux counts them in /proc.
//
// It promises that a process which ended is not forgotten as long as its parent lives and waited for it, so that the
// usage of a server with a process for each connection is that of all of them together.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is Linux's unit of CPU time towards programs, USER_HZ, on every architecture that Go knows.
const tick = time.Second / 100

// stat is what /proc/<pid>/stat says of a process.
type stat struct {
	parent int
	cpu    time.Duration // its own and that of the children that it waited for
}

// CPU returns how much CPU time the process and all of its descendants have used so far. A process that is gone is an
// error.
func CPU(pid int) (time.Duration, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	if _, there := all[pid]; !there {
		return 0, fmt.Errorf("process %d is gone", pid)
	}
	children := map[int][]int{}
	for child, s := range all {
		children[s.parent] = append(children[s.parent], child)
	}
	var sum func(pid int) time.Duration
	sum = func(pid int) time.Duration {
		total := all[pid].cpu
		for _, child := range children[pid] {
			total += sum(child)
		}
		return total
	}
	return sum(pid), nil
}

// Own returns how much CPU time this process alone has used so far, without its children.
func Own() (time.Duration, error) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	fields, err := fieldsOf(text)
	if err != nil {
		return 0, err
	}
	return ticks(fields[11]) + ticks(fields[12]), nil
}

func processes() (map[int]stat, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return nil, errors.Join(errors.New("there is no /proc: figures of processes need Linux"), err)
	}
	all := make(map[int]stat, len(files))
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		fields, err := fieldsOf(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		parent, _ := strconv.Atoi(fields[1])
		all[pid] = stat{parent, ticks(fields[11]) + ticks(fields[12]) + ticks(fields[13]) + ticks(fields[14])}
	}
	return all, nil
}

// fieldsOf returns the fields behind the name, which stands in parentheses and may hold anything: state, parent, … user
// and system time (11, 12), the same of children waited for (13, 14). See proc(5).
func fieldsOf(text []byte) ([]string, error) {
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	if end < 0 || len(fields) < 15 {
		return nil, errors.New("not what proc(5) describes")
	}
	return fields, nil
}

func ticks(text string) time.Duration {
	n, _ := strconv.ParseInt(text, 10, 64)
	return time.Duration(n) * tick
}

// Peak returns the most memory in bytes that the process alone has held since it began or since ResetPeak.
func Peak(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}

// ResetPeak makes Peak begin anew. A kernel that does not allow it is no error: then Peak counts from the beginning.
func ResetPeak(pid int) error {
	err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
