package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LookUps is what pgbench showed.
type LookUps struct {
	Rate     float64
	P50, P99 float64 // milliseconds
	Done     int64
}

// Pgbench runs a script by PostgreSQL's own pgbench, prepared, on that many connections.
func (r *Rig) Pgbench(ctx context.Context, db *Database, script string, connections int, lasts time.Duration) (LookUps, error) {
	program, err := findPgbench()
	if err != nil {
		return LookUps{}, err
	}
	dir := filepath.Join(r.dir, r.Name("pgbench-"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return LookUps{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		return LookUps{}, err
	}
	cmd := exec.CommandContext(ctx, program, "--no-vacuum", "--protocol=prepared", "--client="+strconv.Itoa(connections), "--jobs=2",
		"--time="+strconv.Itoa(max(2, int(lasts.Seconds()))), "--file="+file, "--log", "--log-prefix="+filepath.Join(dir, "log"),
		db.ReaderURL)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return LookUps{}, fmt.Errorf("pgbench: %w\n%.500s", err, output)
	}
	result := LookUps{Rate: number(output, "tps = "), Done: int64(number(output, "number of transactions actually processed: "))}
	result.P50, result.P99, err = latencies(dir)
	return result, err
}

// number returns the number behind the label in pgbench's report.
func number(report []byte, label string) float64 {
	_, rest, _ := strings.Cut(string(report), label)
	end := strings.IndexFunc(rest, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
	n, _ := strconv.ParseFloat(rest[:max(0, end)], 64)
	return n
}

// latencies returns two quantiles in milliseconds from the logs, whose third field is the time in microseconds.
func latencies(dir string) (p50, p99 float64, err error) {
	logs, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return 0, 0, err
	}
	var took []float64
	for _, log := range logs {
		file, err := os.Open(log)
		if err != nil {
			return 0, 0, err
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) > 2 {
				microseconds, _ := strconv.ParseFloat(fields[2], 64)
				took = append(took, microseconds/1000)
			}
		}
		_ = file.Close()
	}
	if len(took) == 0 {
		return 0, 0, errors.New("pgbench logged nothing")
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], nil
}

func findPgbench() (string, error) {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	paths, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if err != nil || len(paths) == 0 {
		return "", errors.New("there is no pgbench: it comes with PostgreSQL's packages")
	}
	return paths[len(paths)-1], nil
}
