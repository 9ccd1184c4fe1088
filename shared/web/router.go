// Package web is the HTTP platform of the services: a router whose every answer carries a correlation id, whose every
// error is a problem document, and whose every request is logged once and counted; health; and the admin port.
//
// It promises nothing about the meaning of a route; packages called api hold those.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// MaxBody is the largest request body in bytes.
const MaxBody = 64 << 10

// Router is an echo router with the behaviour that all services share. Add routes to its embedded Echo.
type Router struct {
	*echo.Echo
	log      *slog.Logger
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	health   *Health
	openAPI  []byte
}

// NewRouter returns a router with /health, /livez, /readyz and, where openAPI is not nil, /openapi.yaml.
func NewRouter(log *slog.Logger, registry prometheus.Registerer, health *Health, openAPI []byte) *Router {
	r := &Router{
		Echo:    echo.New(),
		log:     log,
		health:  health,
		openAPI: openAPI,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "counterfoil_http_requests_total", Help: "Requests answered, by route, method and status code.",
		}, []string{"route", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "counterfoil_http_request_seconds", Help: "Seconds from a request's headers to its answer.", Buckets: telemetry.Latency,
		}, []string{"route", "method"}),
	}
	registry.MustRegister(r.requests, r.seconds)
	r.furnish()
	return r
}

// Again returns a router as NewRouter made this one: with the same log, metrics, health and description, and without the
// routes that were added since.
func (r *Router) Again() *Router {
	other := *r
	other.Echo = echo.New()
	other.furnish()
	return &other
}

// furnish gives an empty router what all have.
func (r *Router) furnish() {
	r.HTTPErrorHandler = r.handleError
	r.Use(r.observe)
	r.health.routes(r)
	if r.openAPI != nil {
		r.Match([]string{http.MethodGet, http.MethodHead}, "/openapi.yaml", func(c echo.Context) error {
			return c.Blob(http.StatusOK, "application/yaml", r.openAPI)
		})
	}
}

// Param returns the decoded value of a path parameter. Echo's own Param returns it encoded where the path holds escapes
// that it need not, and decoded elsewhere: %2B stays as it is, %20 does not.
func Param(c echo.Context, name string) string {
	value := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return value
	}
	if decoded, err := url.PathUnescape(value); err == nil {
		return decoded
	}
	return value
}

// line is the context of a request, in which the facts of its one log line gather. One object holds them all, because a
// map and a slice that grows cost a request more than its line does.
type line struct {
	context.Context
	facts []slog.Attr // the first of them are account's
	room  [12]slog.Attr
}

// accounts is how many facts account begins the line with.
const accounts = 4

type lineKey struct{}

// Value returns the line itself under its key.
func (l *line) Value(key any) any {
	if key == (lineKey{}) {
		return l
	}
	return l.Context.Value(key)
}

// Log adds facts to the one line that is logged for the request.
func Log(c echo.Context, facts ...slog.Attr) {
	if l, ok := c.Request().Context().Value(lineKey{}).(*line); ok {
		l.facts = append(l.facts, facts...)
	}
}

// observe gives the request its correlation id, answers its error, logs it and counts it.
func (r *Router) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := came(c.Request().Context())
		id, err := correlationID(c.Request())
		l := &line{Context: telemetry.WithCorrelation(c.Request().Context(), id)}
		l.facts = l.room[:accounts]
		c.SetRequest(c.Request().WithContext(l))
		c.Response().Header()[command.CorrelationHeader] = []string{id}
		if err == nil || isHealth(c.Path()) {
			err = contain(next, c)
		}
		if errors.Is(err, ErrLater) {
			return nil
		}
		if err != nil {
			err = fromEcho(err)
			r.handleError(err, c)
		}
		r.account(l, c, err, time.Since(began))
		return nil
	}
}

func (r *Router) account(l *line, c echo.Context, err error, took time.Duration) {
	route, method, status := c.Path(), c.Request().Method, c.Response().Status
	if route == "" || err != nil && fault.Of(err).Code == fault.CodeNoRoute {
		route = "none" // a label must not grow with what clients make up
	}
	if !knownMethod(method) {
		method = "other"
	}
	left := clientIsGone(l, err)
	if left {
		status = clientLeft
	}
	r.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	r.seconds.WithLabelValues(route, method).Observe(took.Seconds())
	level := slog.LevelInfo
	if isHealth(route) {
		level = slog.LevelDebug
	}
	copy(l.facts, []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", status), slog.Float64("seconds", took.Seconds()),
	})
	if err != nil {
		if !left {
			l.facts = append(l.facts, slog.String("code", string(fault.Of(err).Code)))
		}
		if status >= http.StatusInternalServerError {
			l.facts = append(l.facts, slog.String("error", err.Error()))
			level = slog.LevelWarn
		}
		if status == http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	r.log.LogAttrs(l, level, "request", l.facts...)
}

// clientLeft is the status under which a request is logged and counted whose client closed the connection before its
// answer: nobody got the answer, and nothing failed here.
const clientLeft = 499

// clientIsGone reports whether a request failed while or because its client left. A defect stays one all the same.
func clientIsGone(ctx context.Context, err error) bool {
	return err != nil && errors.Is(ctx.Err(), context.Canceled) &&
		(errors.Is(err, context.Canceled) || !fault.Is(err, fault.Internal))
}

func knownMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// correlationKey is the header under the name by which net/http keeps it.
var correlationKey = http.CanonicalHeaderKey(command.CorrelationHeader)

// correlationID returns the request's correlation id in canonical form, or a new one where there is none. An id that
// is not a UUID, and more than one, is refused, under a new one.
func correlationID(request *http.Request) (string, error) {
	values := request.Header[correlationKey]
	if len(values) == 1 && len(values[0]) == 36 {
		if id, err := uuid.Parse(values[0]); err == nil {
			return id.String(), nil
		}
	}
	minted := uuid.NewString()
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return minted, nil
	}
	return minted, fault.New(fault.CodeInvalidCorrelationID,
		"Send one UUID such as "+minted+" as correlationId, or leave the header out and one is made.", nil)
}

// contain calls the route within limits: a panic becomes an error of this one request, and a body that is too large one
// too. Echo makes each middleware anew for each request, so this is none.
func contain(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			err = panicked(p)
		}
	}()
	if err := limitBody(c); err != nil {
		return err
	}
	return next(c)
}

// limitBody makes reading more than MaxBody an error and refuses a request that announces more at once.
func limitBody(c echo.Context) error {
	request := c.Request()
	if request.ContentLength > MaxBody {
		c.Response().Header().Set("Connection", "close")
		return &http.MaxBytesError{Limit: MaxBody}
	}
	if request.Body != http.NoBody {
		// The writer under echo's own is told when there is too much, and closes the connection behind the answer.
		request.Body = http.MaxBytesReader(c.Response().Writer, request.Body, MaxBody)
	}
	return nil
}
