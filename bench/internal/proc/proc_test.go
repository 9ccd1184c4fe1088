package proc_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/counterfoil/counterfoil/bench/internal/proc"
)

// burn keeps a shell busy for a moment.
const burn = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`

func TestCPU_CountsDescendantsThatEnded(t *testing.T) {
	t.Parallel()
	before, err := proc.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("sh", "-c", "sh -c '"+burn+"'").Run(); err != nil {
		t.Fatal(err)
	}
	after, err := proc.CPU(os.Getpid())
	if err != nil || after <= before {
		t.Errorf("%s before, %s after, error %v", before, after, err)
	}
}

func TestCPU_AProcessThatIsGoneIsAnError(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if used, err := proc.CPU(cmd.Process.Pid); err == nil {
		t.Errorf("it used %s", used)
	}
}

func TestPeak_GrowsWithWhatIsHeldAndIsReset(t *testing.T) {
	pid := os.Getpid()
	before, err := proc.Peak(pid)
	if err != nil || before <= 0 {
		t.Fatalf("%d bytes, %v", before, err)
	}
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = byte(i)
	}
	after, err := proc.Peak(pid)
	if err != nil || after < before+32<<20 {
		t.Errorf("%d bytes before, %d with %d more, error %v", before, after, len(held), err)
	}
	if err := proc.ResetPeak(pid); err != nil {
		t.Error(err)
	}
}
