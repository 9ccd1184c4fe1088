package rpc

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
)

// handle answers a call to one of the services that the schema has at this moment.
func (s *Server) handle(_ any, stream grpc.ServerStream) (err error) {
	name, _ := grpc.MethodFromServerStream(stream)
	began := time.Now()
	m, known := s.schema.Load().methods[name]
	if !known {
		return status.Errorf(codes.Unimplemented, "there is no method %s; reflection lists those that there are", name)
	}
	correlation, err := correlationID(stream.Context())
	defer func() {
		if panicked := recover(); panicked != nil {
			s.log.Error("panic", "method", name, "correlation_id", correlation, "error", panicked, "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, fault.CodeInternal.Title())
		}
		took := time.Since(began)
		s.calls.WithLabelValues(name, status.Code(err).String()).Observe(took.Seconds())
		s.log.InfoContext(stream.Context(), "call", "method", name, "code", status.Code(err).String(), "seconds", took.Seconds(), "correlation_id", correlation)
	}()
	if err != nil {
		return s.refusal(stream.Context(), err)
	}
	if err := stream.SetHeader(metadata.Pairs(command.CorrelationHeader, correlation)); err != nil {
		return err
	}
	request := dynamicpb.NewMessage(m.input)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	answer, err := s.answer(stream.Context(), name, m, request)
	if err != nil {
		return s.refusal(stream.Context(), err)
	}
	return stream.SendMsg(answer)
}

// correlationID returns what the caller sent under the name that it has everywhere, or a new one.
func correlationID(ctx context.Context) (string, error) {
	given := metadata.ValueFromIncomingContext(ctx, command.CorrelationHeader)
	if len(given) == 0 {
		return uuid.NewString(), nil
	}
	id, err := uuid.Parse(given[0])
	if err != nil || len(given) > 1 {
		return uuid.NewString(), fault.New(fault.CodeInvalidCorrelationID, "correlationId is not one UUID; leave it out or send one.", nil)
	}
	return id.String(), nil
}

// grpcCodes says how a kind of failure is told (grpc.io, "Status codes and their use in gRPC").
var grpcCodes = map[fault.Kind]codes.Code{
	fault.Invalid: codes.InvalidArgument, fault.NotFound: codes.NotFound, fault.TooLarge: codes.ResourceExhausted,
	fault.Busy: codes.ResourceExhausted, fault.Away: codes.Unavailable, fault.Misconfigured: codes.Unavailable,
}

// refusal returns the status of an error. A code of ours stands in its ErrorInfo; what is not a fault stays hidden.
func (s *Server) refusal(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	f := fault.Of(err)
	code, known := grpcCodes[f.Kind()]
	switch {
	case f.Code == fault.CodeVersionDropped:
		code = codes.NotFound
	case !known:
		code = codes.Internal
		s.log.ErrorContext(ctx, "cannot answer", "error", err)
	}
	told := status.New(code, f.Message)
	detailed, detailErr := told.WithDetails(&errdetails.ErrorInfo{Reason: string(f.Code), Domain: "counterfoil"})
	if detailErr != nil {
		return errors.Join(told.Err(), detailErr)
	}
	return detailed.Err()
}
