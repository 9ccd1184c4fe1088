// Package park keeps connections whose requests wait, at a tenth of what they cost while a handler waits: then each holds
// the buffers of an HTTP server, the stacks of two goroutines and the request with all its contexts, 25 KiB altogether,
// and most of the service's CPU goes into collecting garbage among them.
//
//	HTTP server ──► Lot ──► router ──► handler: there is nothing to answer yet ──► web.ErrLater
//	                 │
//	                 ▼
//	      connection taken from the server, one small goroutine reads from it
//	                 │
//	                 ▼ the answer is there, or the time is over, or the client left, or the service stops
//	      the same request goes to the router again, which now answers, logs and counts it
//	                 │
//	                 ▼ the client sends another request
//	      connection given back to an HTTP server: Lot is the listener that it accepts from
//
// It promises that every request that parked is given to the router again exactly once. It knows nothing of what is waited
// for. A request that cannot park (with a body, by HTTP/1.0, or while the service stops) has no Spot, and its handler waits
// by itself.
package park
