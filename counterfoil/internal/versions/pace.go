package versions

import (
	"fmt"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// How far back the rate looks, and after which time without any progress somebody should look into it.
const (
	paceWindow = 10 * time.Second
	paceStands = 15 * time.Second
)

// pace is how fast a build went lately.
type pace struct {
	samples []sample
	moved   time.Time // when it last did
	told    bool      // that it stands still
}

type sample struct {
	at      time.Time
	applied int64
}

func (p *pace) add(at time.Time, applied int64) {
	if len(p.samples) == 0 {
		p.moved = at
	} else if applied != p.samples[len(p.samples)-1].applied {
		p.moved, p.told = at, false
	}
	p.samples = append(p.samples, sample{at, applied})
	for len(p.samples) > 2 && at.Sub(p.samples[0].at) > paceWindow {
		p.samples = p.samples[1:]
	}
}

// rate is how many records a second were applied lately.
func (p *pace) rate() float64 {
	if len(p.samples) < 2 {
		return 0
	}
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	return float64(last.applied-first.applied) / last.at.Sub(first.at).Seconds()
}

// stands reports once that nothing was applied for long.
func (p *pace) stands(now time.Time) bool {
	if p.told || now.Sub(p.moved) < paceStands {
		return false
	}
	p.told = true
	return true
}

func (p *pace) describe(v readmodel.Version, progress readmodel.Progress) string {
	left := progress.Target - progress.Applied
	if left <= 0 {
		return fmt.Sprintf("%s  %s records applied, catching up with the serving version and making indexes", v.Label(), show.Count(progress.Applied))
	}
	text := fmt.Sprintf("%s  %d %%  %s of %s records", v.Label(), progress.Applied*100/progress.Target, show.Count(progress.Applied), show.Count(progress.Target))
	if rate := p.rate(); rate > 0 {
		remaining := time.Duration(float64(left) / rate * float64(time.Second)).Round(time.Second)
		text += fmt.Sprintf("  %s/s  %s left", show.Count(int64(rate)), max(remaining, time.Second))
	}
	return text
}
