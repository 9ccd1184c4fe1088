package ledger_test

import (
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
)

func TestLedger_ReadsBackWhatWasWrittenWithTheLastOfEachAttempt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := ledger.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2009, 9, 28, 19, 3, 12, 1000, time.UTC)
	const attempts = 200
	var writers sync.WaitGroup
	for n := range int64(attempts) {
		writers.Go(func() {
			a := ledger.Attempt{Number: n, Command: n, Payload: at.Add(time.Duration(n) * time.Microsecond), Sent: at}
			if err := l.Write(a); err != nil {
				t.Error(err)
			}
			if n%2 == 0 {
				a.Outcome, a.ID, a.Answered = ledger.Acknowledged, "an id", at.Add(time.Second)
				if err := l.Write(a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(ledger.Attempt{}); err == nil {
		t.Error("a closed ledger takes attempts")
	}
	read, err := ledger.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(read) != attempts {
		t.Fatalf("%d attempts, want %d", len(read), attempts)
	}
	for _, a := range read {
		want := ledger.Attempt{Number: a.Number, Command: a.Number, Payload: at.Add(time.Duration(a.Number) * time.Microsecond), Sent: at}
		if a.Number%2 == 0 {
			want.Outcome, want.ID, want.Answered = ledger.Acknowledged, "an id", at.Add(time.Second)
		}
		if !reflect.DeepEqual(a, want) {
			t.Errorf("read %+v, want %+v", a, want)
		}
	}
}

func TestRead_PassesOverALineThatWasCutOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	const whole = `{"n":1,"command":1,"payload":"2009-09-28T19:03:12Z","sent":"2009-09-28T19:03:12Z"}` + "\n"
	if err := os.WriteFile(path, []byte(whole+`{"n":2,"com`), 0o644); err != nil {
		t.Fatal(err)
	}
	read, err := ledger.Read(path)
	if err != nil || len(read) != 1 || read[0].Number != 1 {
		t.Errorf("read %+v, error %v", read, err)
	}
	if err := os.WriteFile(path, []byte(`{"n":2,"com`+"\n"+whole), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Read(path); err == nil {
		t.Error("a broken line in the middle is passed over")
	}
}
