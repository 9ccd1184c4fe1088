// Package rpc answers for the read models by gRPC: CommonGrpcService for all of them, named in the request, and for each
// model typed services such as Trips and, for each of its versions, TripsV2.
//
// The services are made at run time from the declarations, and change while the server runs when versions are created,
// switched or dropped; reflection shows what there is. It promises that the field of a column keeps its number in all
// versions of a model, and the same answers as package api gives, by the same means. It does not know Kafka.
package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Limits of what one client can take.
const (
	maxRequestBytes = 64 << 10 // as over HTTP
	maxStreams      = 250      // calls at the same time on one connection
	idleFor         = 5 * time.Minute
	drainFor        = 20 * time.Second // calls under way, at the end
)

// Server answers by gRPC.
type Server struct {
	reader  *read.Reader
	catalog *catalog.Catalog
	ready   func() bool
	log     *slog.Logger
	schema  atomic.Pointer[schema]
	calls   *prometheus.HistogramVec
}

// New returns a server whose services follow the catalog. ready says what the health service answers.
func New(reader *read.Reader, c *catalog.Catalog, ready func() bool, log *slog.Logger, registry prometheus.Registerer) (*Server, error) {
	s := &Server{
		reader: reader, catalog: c, ready: ready, log: log,
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "counterfoil_grpc_request_seconds", Help: "Seconds from a call to its answer, by method and code.", Buckets: telemetry.Latency,
		}, []string{"method", "code"}),
	}
	registry.MustRegister(s.calls)
	if err := s.follow(c.Now()); err != nil {
		return nil, err
	}
	c.OnChange(func(now *catalog.Snapshot) {
		if err := s.follow(now); err != nil {
			log.Error("the services of gRPC stay as they were", "error", err)
		}
	})
	return s, nil
}

// follow makes the services of what is known now.
func (s *Server) follow(now *catalog.Snapshot) error {
	var services []typed
	for _, m := range now.Models {
		if describing := m.Describing(); describing.Refused == nil {
			services = append(services, newTyped(describing.Declaration, describing.Fields, false))
		}
		for _, v := range m.Versions {
			if v.State.Readable() && v.Refused == nil {
				services = append(services, newTyped(v.Declaration, v.Fields, true))
			}
		}
	}
	made, err := newSchema(context.Background(), services)
	if err != nil {
		return err
	}
	s.schema.Store(made)
	return nil
}

// Run serves until ctx ends, then lets the calls under way end.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	server := grpc.NewServer(
		grpc.UnknownServiceHandler(s.handle),
		grpc.MaxRecvMsgSize(maxRequestBytes), grpc.MaxConcurrentStreams(maxStreams), grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleFor, Time: time.Minute, Timeout: 20 * time.Second}),
	)
	healthpb.RegisterHealthServer(server, health{Server: s, stopping: ctx.Done()})
	options := reflection.ServerOptions{Services: shown{s}, DescriptorResolver: shown{s}}
	reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(options))
	reflectionv1alpha.RegisterServerReflectionServer(server, reflection.NewServer(options))

	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	s.log.Info("listening", "part", "grpc", "address", listener.Addr().String())
	select {
	case err := <-serving:
		return fmt.Errorf("serve gRPC: %w", err)
	case <-ctx.Done():
		stop(server)
		return <-serving
	}
}

// stop ends the server when all calls ended, and after a while without regard to them.
func stop(server *grpc.Server) {
	late := time.AfterFunc(drainFor, server.Stop)
	defer late.Stop()
	server.GracefulStop()
}
