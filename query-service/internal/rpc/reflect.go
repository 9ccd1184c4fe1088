package rpc

import (
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

// shown is what reflection shows: the services of this moment, beside health and reflection, which are always there.
type shown struct{ *Server }

func (s shown) GetServiceInfo() map[string]grpc.ServiceInfo {
	info := map[string]grpc.ServiceInfo{
		healthpb.Health_ServiceDesc.ServiceName:                    {},
		reflectionv1.ServerReflection_ServiceDesc.ServiceName:      {},
		reflectionv1alpha.ServerReflection_ServiceDesc.ServiceName: {},
	}
	for _, name := range s.schema.Load().services() {
		info[name] = grpc.ServiceInfo{}
	}
	return info
}

func (s shown) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	file, err := s.schema.Load().files.FindFileByPath(path)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindFileByPath(path)
	}
	return file, err
}

func (s shown) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	d, err := s.schema.Load().files.FindDescriptorByName(name)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalFiles.FindDescriptorByName(name)
	}
	return d, err
}
