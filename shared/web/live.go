package web

import (
	"net/http"
	"sync/atomic"
)

// Live is a handler whose routes can be replaced while it serves. A request ends with the routes that it began with.
type Live struct{ current atomic.Pointer[Router] }

// Replace makes the router answer the requests that come from now on. Nothing may be added to it any more.
func (l *Live) Replace(router *Router) { l.current.Store(router) }

func (l *Live) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	l.current.Load().ServeHTTP(w, request)
}
