// Package wait lets any number of requests share a few queries, and lets those that want to wait for an answer do so
// without a connection or a query each.
//
//	Look:  request ──► pending keys ──► one of a few workers takes all of them ──► one query ──► answers
//
//	Wait:  enter the lobby (bounded) ──► sit down ──► Look ──► settled? answer
//	                                                    │ no
//	                                                    ▼
//	       notification, or a second passed ──► round: one query for all seats ──► settled? answer, stand up
//
// A waiter sits down before its first look. A row that becomes visible before that look is found by it; one that becomes
// visible later is notified later, and the round that follows covers the seat. At most one round is under way in a room,
// and a notification during a round starts another one after it. So no wake-up is lost; and where notifications fail
// altogether, the re-check finds everything a second late. Rounds for thousands rest in between.
//
// A wait ends with the answer, with its time, with the client's disconnection, or when the lobby closes at shutdown; the
// last known answer is given then. Who waits is a Sitting, which needs no goroutine: package park keeps requests that wait
// outside the HTTP server, and Room.Wait is for those that cannot be kept there. The package knows nothing of what is looked
// up; package api calls it.
package wait
