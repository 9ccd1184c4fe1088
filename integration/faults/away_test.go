package faults

import (
	"os"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// memoryLimit is what docs/operating.md promises of each service.
const memoryLimit = 256 << 20

// TestG5_AwayForLong takes PostgreSQL, and then Kafka, away from a stack under load for FAULTS_AWAY, such as 10m. It runs
// only where that is set.
func TestG5_AwayForLong(t *testing.T) {
	text := os.Getenv("FAULTS_AWAY")
	if text == "" {
		return
	}
	away, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("FAULTS_AWAY: %v", err)
	}
	for name, leave := range map[string]func(*rig.Rig){
		"PostgreSQL": (*rig.Rig).PostgresAway,
		"Kafka": func(r *rig.Rig) {
			r.Kafka.Down()
			r.Broker.Kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.New(t, rig.Config{Consumers: 2, Rate: 100})
			r.Begin()
			pause(while)
			account.Say("%s: away for %s", name, away)
			leave(r)
			account.Injected(name + " away for " + away.String())
			pause(away)
			began := time.Now()
			account.Say("%s: back; %s", name, r.Load.Counts())
			r.Heal()
			account.Say("%s: every service is ready %s after it", name, rounded(time.Since(began)))
			r.CatchUp()
			account.Say("%s: nothing is behind %s after it", name, rounded(time.Since(began)))
			account.Judged(name+" away for "+away.String(), r)
			for _, s := range r.Services() {
				account.Say("%s: %s had %d MiB at most", name, s.Name, s.Peak()>>20)
				if s.Peak() > memoryLimit {
					t.Errorf("%s had %d MiB", s.Name, s.Peak()>>20)
				}
			}
		})
	}
}
