package rig

import "time"

// ClockJumps returns how many lines the service has written in this life whose time is another hour than that of the line
// before.
func (s *Service) ClockJumps() int {
	jumps, last := 0, time.Time{}
	for _, line := range s.process.Log() {
		at, err := time.Parse(time.RFC3339Nano, line.Text("time"))
		if err != nil {
			continue
		}
		if !last.IsZero() && at.Sub(last).Abs() > 30*time.Minute {
			jumps++
		}
		last = at
	}
	return jumps
}
