package dev

import (
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

// patience is how long something may take before a person is told what it is, and then how often.
const (
	patience = 2 * time.Second
	reminder = 10 * time.Second
)

// step does one thing of the start, and says what it is if that takes long. what goes on with "still".
func step(p *show.Printer, what string, do func() error) error {
	began := time.Now()
	ended, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		next := time.NewTimer(patience)
		defer next.Stop()
		for {
			select {
			case <-ended:
				return
			case <-next.C:
				p.Say("  still %s (%s)", what, time.Since(began).Round(time.Second))
				next.Reset(reminder)
			}
		}
	}()
	err := do()
	close(ended)
	<-told
	return err
}
