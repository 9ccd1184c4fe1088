package rpc

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"
)

//go:embed common.proto
var commonProto string

const (
	commonFile    = "counterfoil/common/common.proto"
	commonService = "counterfoil.common.CommonGrpcService"
)

// schema is the services that can be called at one time, with the descriptors that reflection shows. It does not change.
type schema struct {
	files   *protoregistry.Files
	methods map[string]method // by full name: /package.Service/method
}

// method is a method of a service.
type method struct {
	verb          string // count, query, getEndpoints or getFields
	typed         *typed // nil for the common service
	input, output protoreflect.MessageDescriptor
}

// newSchema compiles the services.
func newSchema(ctx context.Context, services []typed) (*schema, error) {
	sources := map[string]string{commonFile: commonProto}
	names := []string{commonFile}
	for _, t := range services {
		sources[t.file()] = t.definition()
		names = append(names, t.file())
	}
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)}),
	}
	compiled, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("compile the services of the read models: %w", err)
	}
	s := &schema{files: &protoregistry.Files{}, methods: map[string]method{}}
	if err := s.files.RegisterFile(timestamppb.File_google_protobuf_timestamp_proto); err != nil {
		return nil, err
	}
	for i, file := range compiled {
		// A descriptor that the compiler made keeps all its sources in memory; this one does not.
		plain, err := protodesc.NewFile(protodesc.ToFileDescriptorProto(file), s.files)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", names[i], err)
		}
		if err := s.files.RegisterFile(plain); err != nil {
			return nil, err
		}
		var of *typed
		if i > 0 {
			of = &services[i-1]
		}
		s.add(plain, of)
	}
	return s, nil
}

func (s *schema) add(file protoreflect.FileDescriptor, of *typed) {
	for i := range file.Services().Len() {
		service := file.Services().Get(i)
		for j := range service.Methods().Len() {
			m := service.Methods().Get(j)
			s.methods[fmt.Sprintf("/%s/%s", service.FullName(), m.Name())] = method{
				verb: string(m.Name()), typed: of, input: m.Input(), output: m.Output(),
			}
		}
	}
}

// services returns the names of the services.
func (s *schema) services() []string {
	names := []string{}
	s.files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			names = append(names, string(file.Services().Get(i).FullName()))
		}
		return true
	})
	return names
}
