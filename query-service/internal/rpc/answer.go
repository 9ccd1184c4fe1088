package rpc

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// answer returns the message that the method answers with.
func (s *Server) answer(ctx context.Context, name string, m method, request *dynamicpb.Message) (proto.Message, error) {
	if asked := target(m, request).Model; m.verb != "getEndpoints" && s.catalog.Now().Lacks(asked) {
		return nil, fault.New(fault.CodeNoSuchVersion, fmt.Sprintf("There is no read model %q; getEndpoints names those that there are.", asked), nil)
	}
	switch m.verb {
	case "count":
		n, v, err := s.reader.Count(ctx, target(m, request), []byte(text(request, "query")))
		if err != nil {
			return nil, err
		}
		answer := dynamicpb.NewMessage(m.output)
		set(answer, "count", uint64(n))
		set(answer, "read_model", v.Label())
		return answer, nil
	case "query":
		return s.query(ctx, name, m, request)
	case "getFields":
		v, err := s.catalog.Now().Find(target(m, request))
		if err != nil {
			return nil, err
		}
		answer := dynamicpb.NewMessage(m.output)
		keys := answer.Mutable(m.output.Fields().ByName("primary_key")).List()
		for _, key := range v.Declaration.PrimaryKey {
			keys.Append(protoreflect.ValueOfString(key))
		}
		define(answer, v)
		return answer, nil
	default: // getEndpoints
		answer := dynamicpb.NewMessage(m.output)
		endpoints := answer.Mutable(m.output.Fields().ByName("endpoints")).List()
		for _, model := range s.catalog.Now().Models {
			endpoints.Append(protoreflect.ValueOfString(model.Name))
		}
		return answer, nil
	}
}

// target returns what the request asks: its endpoint and version, or those of the typed service.
func target(m method, request *dynamicpb.Message) catalog.Target {
	if m.typed != nil {
		return catalog.Target{Model: m.typed.declaration.Name, Number: m.typed.version}
	}
	fields := m.input.Fields()
	if fields.ByName("endpoint") == nil {
		return catalog.Target{}
	}
	return catalog.Target{Model: text(request, "endpoint"), Number: int(request.Get(fields.ByName("version")).Uint())}
}

// query returns the rows as records. The version that answers may be newer than the schema that the call came in with, so
// the schema of the answer is looked up when the first row is there.
func (s *Server) query(ctx context.Context, name string, m method, request *dynamicpb.Message) (proto.Message, error) {
	var answer *dynamicpb.Message
	begin := func(v *catalog.Version) error {
		now, ok := s.schema.Load().methods[name]
		if !ok || now.typed != nil && now.typed.declaration.Version != v.Number {
			return fault.New(fault.CodeReadModelMissing, fmt.Sprintf("%s answers since a moment ago. Call again.", v.Label()), nil)
		}
		answer = dynamicpb.NewMessage(now.output)
		return nil
	}
	got, err := s.reader.Query(ctx, target(m, request), []byte(text(request, "query")), func(v *catalog.Version, row []any) (int, error) {
		if answer == nil {
			if err := begin(v); err != nil {
				return 0, err
			}
		}
		return appendRecord(answer, v.Declaration, row), nil
	})
	if err == nil && answer == nil {
		err = begin(got.Version)
	}
	if err != nil {
		return nil, err
	}
	if m.typed == nil {
		define(answer, got.Version)
	}
	set(answer, "read_model", got.Version.Label())
	if got.Next != "" {
		set(answer, "next", got.Next)
	}
	return answer, nil
}

// appendRecord appends a row to the answer's records, and returns its size.
func appendRecord(answer *dynamicpb.Message, d *readmodel.Declaration, row []any) (bytes int) {
	records := answer.Mutable(answer.Descriptor().Fields().ByName("records")).List()
	record := records.NewElement().Message()
	fields := record.Descriptor().Fields()
	if values := fields.ByName("values"); record.Descriptor().FullName() == "counterfoil.common.Record" {
		list := record.Mutable(values).List()
		for i, column := range d.Columns {
			value := list.NewElement()
			setValue(value.Message(), column, row[i])
			list.Append(value)
		}
	} else {
		for i, column := range d.Columns {
			setField(record, fields.ByName(protoreflect.Name(column.Name)), column, row[i])
		}
	}
	records.Append(protoreflect.ValueOfMessage(record))
	return proto.Size(record.Interface())
}

// define says which columns the version has.
func define(answer *dynamicpb.Message, v *catalog.Version) {
	list := answer.Mutable(answer.Descriptor().Fields().ByName("fields")).List()
	for _, column := range v.Declaration.Columns {
		field := list.NewElement().Message()
		set(field, "name", column.Name)
		set(field, "type", column.Type)
		set(field, "nullable", column.Nullable)
		list.Append(protoreflect.ValueOfMessage(field))
	}
	set(answer, "read_model", v.Label())
}

func set(message protoreflect.Message, name protoreflect.Name, value any) {
	message.Set(message.Descriptor().Fields().ByName(name), protoreflect.ValueOf(value))
}

func text(message protoreflect.Message, name protoreflect.Name) string {
	return message.Get(message.Descriptor().Fields().ByName(name)).String()
}
