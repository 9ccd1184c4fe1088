package rpc

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthEvery is how often the health of a service is looked at for those who watch it.
const healthEvery = 500 * time.Millisecond

// health answers by the protocol of health checks (grpc/grpc, doc/health-checking.md), for the services of this moment.
type health struct {
	healthpb.UnimplementedHealthServer
	*Server
	stopping <-chan struct{}
}

// status returns SERVICE_UNKNOWN for a service that is not there. The empty name means the whole server.
func (h health) status(service string) healthpb.HealthCheckResponse_ServingStatus {
	switch {
	case service != "" && !slices.Contains(h.schema.Load().services(), service):
		return healthpb.HealthCheckResponse_SERVICE_UNKNOWN
	case h.ready():
		return healthpb.HealthCheckResponse_SERVING
	default:
		return healthpb.HealthCheckResponse_NOT_SERVING
	}
}

// Check answers once.
func (h health) Check(_ context.Context, request *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	now := h.status(request.GetService())
	if now == healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return &healthpb.HealthCheckResponse{Status: now}, nil
}

// Watch answers at once and after each change.
func (h health) Watch(request *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	told := healthpb.HealthCheckResponse_ServingStatus(-1)
	for {
		if now := h.status(request.GetService()); now != told {
			told = now
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-stream.Context().Done():
			return nil
		case <-h.stopping:
			return stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING})
		}
	}
}
