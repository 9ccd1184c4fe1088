package dev

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

func TestStep_TellsWhatTakesLong(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]int{time.Second: 0, 3 * time.Second: 1, 13 * time.Second: 2} {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			reason := errors.New("reason")
			err := step(show.New(show.Options{Err: &said}), "starting PostgreSQL", func() error {
				<-time.After(took)
				return reason
			})
			if !errors.Is(err, reason) || strings.Count(said.String(), "still starting PostgreSQL") != want {
				t.Errorf("after %s it said %q, %v", took, said.String(), err)
			}
		})
	}
}
