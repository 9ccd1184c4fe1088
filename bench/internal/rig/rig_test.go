package rig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
)

func TestFilling_RecordsAreThoseOfTheCommandService(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		filling Filling
		version uuid.Version
	}{"usual": {Commands(1), 7}, "random": {Filling{Records: 1, Random: true, Padding: 10}, 4}} {
		record, err := test.filling.record("xxxxxxxxxx"[:test.filling.Padding])
		if err != nil {
			t.Fatal(err)
		}
		row, err := rowOf(record)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, record.Value, err)
		}
		if id := uuid.UUID(row[0].([16]byte)); id.String() != string(record.Key) || id.Version() != test.version {
			t.Errorf("%s: key %s, id %s", name, record.Key, id)
		}
	}
}

func TestLatencies_AreTheThirdFieldOfTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "log.1"), []byte("0 1 1000 0 1700000000 1\n0 2 3000 0 1700000000 2\n1 1 2000 0 1700000000 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p50, p99, err := latencies(dir); p50 != 2 || p99 != 3 || err != nil {
		t.Errorf("p50 %v, p99 %v, error %v", p50, p99, err)
	}
	if _, _, err := latencies(t.TempDir()); err == nil {
		t.Error("no log is not an error")
	}
	if tps := number([]byte("latency average = 1 ms\ntps = 12345.678 (without)\n"), "tps = "); tps != 12345.678 {
		t.Errorf("tps is %v", tps)
	}
}
