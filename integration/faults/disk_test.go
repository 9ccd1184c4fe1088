package faults

import (
	"os"
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// The disk of PostgreSQL's table is full for a while: commands are taken, batches wait, nothing is parked, and all of it
// goes on by itself when there is room.
func TestG5_AFullDiskDelaysAndParksNothing(t *testing.T) {
	if !asked() {
		return
	}
	if os.Geteuid() != 0 {
		account.Say("the full disk is left out: only root can mount a small one")
		return
	}
	r := rig.New(t, rig.Config{Consumers: 2})
	disk := r.SmallDisk(16 << 20)
	r.Begin()
	r.Moving()
	disk.Fill()
	account.Injected("postgres: disk full")
	r.AwaitFailures("database-away", 5)
	before := r.Load.Acknowledged()
	pause(while)
	if r.Load.Acknowledged() == before {
		t.Error("no command was acknowledged while the disk was full")
	}
	disk.Empty()
	r.Moving()
	account.Measured("postgres: disk full", r)
	r.Heal()
	account.Judged("postgres: disk full", r)
}
