package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/counterfoil/counterfoil/shared/service"
)

// Limits of a connection. A long poll lasts at most MaxWait, so writing may take WriteAnswer longer than that.
const (
	MaxWait       = 30 * time.Second
	WriteAnswer   = 15 * time.Second
	Idle          = 75 * time.Second // between two requests
	readHeaders   = 5 * time.Second
	readRequest   = 15 * time.Second
	maxHeader     = 16 << 10
	stopRequests  = MaxWait + 5*time.Second
	adminReadTime = 5 * time.Second
)

// Listen opens a TCP port on all interfaces; port 0 takes a free one. The error names the port.
func Listen(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w; is another process using it? SERVER_PORT and ADMIN_PORT change the ports", port, err)
	}
	return listener, nil
}

// ListenOr returns the listener that was given, or opens the port where there is none.
func ListenOr(ctx context.Context, given net.Listener, port int) (net.Listener, error) {
	if given != nil {
		return given, nil
	}
	return Listen(ctx, port)
}

// Server returns a part that serves HTTP on the listener until its context ends, then lets the requests under way end.
func Server(name string, log *slog.Logger, listener net.Listener, handler http.Handler) service.Part {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaders,
		ReadTimeout:       readRequest,
		WriteTimeout:      MaxWait + WriteAnswer,
		IdleTimeout:       Idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return service.Part{Name: name, Run: func(ctx context.Context) error {
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()
		log.Info("listening", "part", name, "address", listener.Addr().String())
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopRequests)
		defer cancel()
		err := server.Shutdown(stopCtx)
		if err != nil {
			err = errors.Join(fmt.Errorf("requests are still under way after %s: %w", stopRequests, err), server.Close())
		}
		if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return err
	}}
}

// Admin returns the handler of the admin port: /metrics and /debug/pprof, which are never on the public port.
func Admin(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, Timeout: adminReadTime}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
