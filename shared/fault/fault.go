// Package fault is the one error type that crosses package boundaries.
//
// It promises that every failure has a stable code, that the code alone decides how an HTTP client is answered and
// how a record is treated, and that only the message of a fault is ever shown to a client: its cause goes to the log.
// It does not log, retry or translate the errors of PostgreSQL and Kafka; packages postgres and kafka classify those.
package fault

import (
	"errors"
	"net/http"
)

// Kind says what class of failure a fault is. The zero value is Internal: what nobody classified is ours to explain.
type Kind int

// The kinds; HTTPStatus and Treatment say what follows from each.
const (
	Internal      Kind = iota // a defect of ours
	Invalid                   // the client's request is wrong
	NotFound                  // there is no such thing, or not yet
	Gone                      // there was such a thing, and it will not come back
	NotAllowed                // the route exists, the method does not
	TooLarge                  // the request is larger than the limit
	Busy                      // a bound is reached; the same request can succeed in a moment
	Unconfirmed               // the request may or may not have taken effect (G2)
	Away                      // PostgreSQL or Kafka cannot be used just now
	Unappliable               // this record can never apply
	Fenced                    // somebody else moved the checkpoint that we expected to find (G4)
	Misconfigured             // tables, permissions or settings are wrong; a person must act
	LostHistory               // records that we still need are gone from the topic (G11)
)

// Treatment is what delivery does with a batch whose application failed.
type Treatment int

// The treatments.
const (
	Wait   Treatment = iota // keep the batch, back off, try again; nothing is parked and no attempt is counted (G5)
	Park                    // set the record aside with its reason and go on (G5)
	Reload                  // read the checkpoint again and go on from there (G4)
	Stop                    // hold the partition and say so loudly until a person acted
)

// kinds is the one table from kind to consequences.
var kinds = map[Kind]struct {
	status    int
	treatment Treatment
}{
	Internal:      {http.StatusInternalServerError, Stop},
	Invalid:       {http.StatusBadRequest, Park},
	NotFound:      {http.StatusNotFound, Stop},
	Gone:          {http.StatusGone, Stop},
	NotAllowed:    {http.StatusMethodNotAllowed, Stop},
	TooLarge:      {http.StatusRequestEntityTooLarge, Park},
	Busy:          {http.StatusServiceUnavailable, Wait},
	Unconfirmed:   {http.StatusServiceUnavailable, Wait},
	Away:          {http.StatusServiceUnavailable, Wait},
	Unappliable:   {http.StatusUnprocessableEntity, Park},
	Fenced:        {http.StatusConflict, Reload},
	Misconfigured: {http.StatusServiceUnavailable, Stop},
	LostHistory:   {http.StatusServiceUnavailable, Stop},
}

// HTTPStatus returns the status that a client is answered with.
func (k Kind) HTTPStatus() int { return kinds[k].status }

// Treatment returns what delivery does with a record or batch that failed this way.
func (k Kind) Treatment() Treatment { return kinds[k].treatment }

// Error is a classified failure.
type Error struct {
	Code    Code   // stable, documented in docs/errors.md
	Message string // safe for clients; says what is wrong and what to do next
	Cause   error  // for the log only; may be nil
}

// New returns a fault with a message that is safe to show and an optional cause that is not.
func New(code Code, message string, cause error) *Error {
	return &Error{Code: code, Message: message, Cause: cause}
}

// Kind returns the kind that the fault's code belongs to.
func (e *Error) Kind() Kind { return e.Code.Kind() }

func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

func (e *Error) Unwrap() error { return e.Cause }

// Of returns the fault in err's chain. An error without one is Internal: its text stays hidden from clients.
func Of(err error) *Error {
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return New(CodeInternal, "Something went wrong on our side. Please report it with the correlation id.", err)
}

// Is reports whether err is a fault of the given kind.
func Is(err error, kind Kind) bool {
	return err != nil && Of(err).Kind() == kind
}
