// Package exit names the exit codes of every command and carries one with an error.
package exit

import "errors"

// The exit codes. They are part of the interface: scripts rely on them.
const (
	OK      = 0
	Failed  = 1 // it ran and failed, or a check of doctor failed
	Usage   = 2 // the arguments or settings are wrong
	NotYet  = 3 // what was asked for is not there, or not yet
	Unknown = 4 // nobody knows whether the command was kept (G2)
	Refused = 5 // the command was kept and cannot apply: rejected or parked
	State   = 6 // the state of a read model's version does not allow it
	Running = 7 // somebody else is at work on the read model
)

// Documentation is the table of exit codes for --help.
const Documentation = `Exit codes:
  0  done
  1  failed, or a check of doctor or of readmodel verify did
  2  wrong arguments or settings
  3  not there, or not yet
  4  nobody knows whether the command was kept; repeat it with the same --idempotency-key
  5  the command was kept and cannot apply: it was rejected or parked
  6  the state of a read model's version does not allow it; the message says what to do first
  7  somebody else is at work on the read model; try again when they have ended`

// coded is an error with the code that the process ends with.
type coded struct {
	error
	code int
}

func (e coded) Unwrap() error { return e.error }

// With returns an error that ends the process with the code.
func With(code int, err error) error { return coded{err, code} }

// Code returns the code that the process ends with after err.
func Code(err error) int {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[coded](err); ok {
		return e.code
	}
	return Failed
}
