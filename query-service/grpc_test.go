package queryservice_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	queryservice "github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// everything has a column of each type.
const everything = `name: everything
path: /everything
sources: [{topic: everything.v1, format: json}]
columns:
  - {name: id, type: int8, from: $.id}
  - {name: label, type: text, from: $.label, nullable: true}
  - {name: good, type: bool, from: $.good, nullable: true}
  - {name: small, type: int4, from: $.small, nullable: true}
  - {name: real, type: float8, from: $.real, nullable: true}
  - {name: price, type: "numeric(20,4)", from: $.price, nullable: true}
  - {name: ref, type: uuid, from: $.ref, nullable: true}
  - {name: at, type: timestamptz, from: $.at, nullable: true}
  - {name: day, type: date, from: $.day, nullable: true}
  - {name: extra, type: jsonb, from: $.extra, nullable: true}
  - {name: raw, type: bytea, from: $.raw, nullable: true}
primary_key: [id]
write: upsert
`

// declare makes the versions of a model that the YAML texts declare, of which the first serves.
func (db *database) declare(texts ...string) {
	db.t.Helper()
	for i, text := range texts {
		dir := db.t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(text), 0o600); err != nil {
			db.t.Fatal(err)
		}
		declarations, err := readmodel.Load(dir, nil)
		if err != nil {
			db.t.Fatal(err)
		}
		db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
			return ensure(ctx, conn, declarations[0].Numbered(i+1))
		})
	}
}

const everythingRows = `INSERT INTO everything_v1.everything_state VALUES
	(1, 'one', true, -7, 0.5, 1234567890123456.7890, '7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01', '2009-09-28T19:03:12.5Z', '2009-09-28',
		'{"b": [1, 2]}', '\x00ff', 0, 0, 1, now(), false),
	(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 2, now(), false),
	(3, 'gone', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 3, now(), true)`

// caller calls methods that it knows by reflection only, as grpcurl does.
type caller struct {
	t    *testing.T
	conn *grpc.ClientConn
}

func startWithGRPC(t *testing.T, db *database) (*running, *caller) {
	t.Helper()
	var listener net.Listener
	s := start(t, db, func(cfg *queryservice.Config) {
		listener, _ = listen(t)
		cfg.GRPCListener = listener
	})
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return s, &caller{t, conn}
}

// reflect asks the reflection service one question.
func (c *caller) reflect(request *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	stream, err := reflectionpb.NewServerReflectionClient(c.conn).ServerReflectionInfo(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := stream.Send(request); err != nil {
		c.t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		c.t.Fatal(err)
	}
	return response
}

func (c *caller) services() []string {
	c.t.Helper()
	response := c.reflect(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	var names []string
	for _, s := range response.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	slices.Sort(names)
	return names
}

// method returns the descriptor of a method, as reflection describes it.
func (c *caller) method(service, name string) protoreflect.MethodDescriptor {
	c.t.Helper()
	response := c.reflect(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	files := &descriptorpb.FileDescriptorSet{}
	for _, raw := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(raw, file); err != nil {
			c.t.Fatal(err)
		}
		files.File = append(files.File, file)
	}
	registry, err := protodesc.FileOptions{}.NewFiles(files)
	if err != nil {
		c.t.Fatalf("describe %s: %v", service, err)
	}
	found, err := registry.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		c.t.Fatal(err)
	}
	return found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
}

// call calls a method with a request in JSON and returns the answer in JSON.
func (c *caller) call(service, name, request string) (map[string]any, error) {
	c.t.Helper()
	return c.callWith(c.t.Context(), service, name, request)
}

func (c *caller) callWith(ctx context.Context, service, name, request string) (map[string]any, error) {
	c.t.Helper()
	method := c.method(service, name)
	in, out := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
	if err := protojson.Unmarshal([]byte(request), in); err != nil {
		c.t.Fatal(err)
	}
	if err := c.conn.Invoke(ctx, "/"+service+"/"+name, in, out); err != nil {
		return nil, err
	}
	raw, err := protojson.Marshal(out)
	if err != nil {
		c.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(raw, &answer); err != nil {
		c.t.Fatal(err)
	}
	return answer, nil
}

func (c *caller) must(service, name, request string) map[string]any {
	c.t.Helper()
	answer, err := c.call(service, name, request)
	if err != nil {
		c.t.Fatalf("%s/%s %s: %v", service, name, request, err)
	}
	return answer
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const (
	common = "counterfoil.common.CommonGrpcService"
	typedV = "counterfoil.generated.everything.Everything"
)

func TestGRPC_EveryTypeIsAnswered(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.declare(everything)
	db.exec(db.OwnerURL, everythingRows)
	_, c := startWithGRPC(t, db)

	want := `{"readModel":"everything/v1","records":[` +
		`{"at":"2009-09-28T19:03:12.500Z","day":"2009-09-28","extra":"{\"b\": [1, 2]}","good":true,"id":"1","label":"one","price":"1234567890123456.7890",` +
		`"raw":"AP8=","real":0.5,"ref":"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01","small":-7},{"id":"2"}]}`
	for _, service := range []string{typedV, typedV + "V1"} {
		if got := asJSON(t, c.must(service, "query", `{"query":"{\"$order_by\":{\"id\":\"asc\"}}"}`)); got != want {
			t.Errorf("%s answers\n%s, want\n%s", service, got, want)
		}
		if got := asJSON(t, c.must(service, "count", `{"query":"{\"$filter\":{\"good\":true}}"}`)); got != `{"count":"1","readModel":"everything/v1"}` {
			t.Errorf("%s counts %s", service, got)
		}
	}
	plain := c.must(common, "query", `{"endpoint":"everything","version":1,"query":"{\"$filter\":{\"id\":1}}"}`)
	values := plain["records"].([]any)[0].(map[string]any)["values"]
	if got := asJSON(t, values); !strings.HasPrefix(got, `[{"intValue":"1"},{"stringValue":"one"},{"boolValue":true},{"intValue":"-7"},{"floatValue":0.5}`) {
		t.Errorf("the common service answers %s", got)
	}
	if fields := plain["fields"].([]any); len(fields) != 11 || asJSON(t, fields[5]) != `{"name":"price","nullable":true,"type":"numeric(20,4)"}` {
		t.Errorf("the fields are %v", fields)
	}
	if got := asJSON(t, c.must(common, "getEndpoints", `{}`)); got != `{"endpoints":["everything","timestamp"]}` {
		t.Errorf("the endpoints are %s", got)
	}
	if got := c.must(common, "getFields", `{"endpoint":"everything"}`); asJSON(t, got["primaryKey"]) != `["id"]` {
		t.Errorf("the fields are %v", got)
	}
}

func TestGRPC_PagesGoOn(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.declare(everything)
	db.exec(db.OwnerURL, everythingRows)
	_, c := startWithGRPC(t, db)
	first := c.must(typedV, "query", `{"query":"{\"$limit\":1}"}`)
	next, _ := json.Marshal(map[string]string{"query": `{"$limit":1,"$after":"` + first["next"].(string) + `"}`})
	second := c.must(typedV, "query", string(next))
	if got := asJSON(t, second["records"]); got != `[{"id":"2"}]` || second["next"] != nil {
		t.Errorf("the second page is %v", second)
	}
}

func TestGRPC_RefusalsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.declare(everything)
	_, c := startWithGRPC(t, db)
	for _, r := range []struct {
		service, request string
		code             codes.Code
		says             string
	}{
		{common, `{"endpoint":"nothing"}`, codes.NotFound, "no read model \"nothing\""},
		{common, `{"endpoint":"everything","version":9}`, codes.NotFound, "no version 9"},
		{common, `{"endpoint":"everything","query":"{\"$fliter\":{}}"}`, codes.InvalidArgument, "$fliter"},
		{typedV, `{"query":"{\"$filter\":{\"price\":{\"$gt\":\"x\"}}}"}`, codes.InvalidArgument, "$filter.price.$gt"},
		{typedV, `{"query":"` + strings.Repeat("x", 100<<10) + `"}`, codes.ResourceExhausted, ""},
	} {
		_, err := c.call(r.service, "query", r.request)
		if status.Code(err) != r.code || !strings.Contains(err.Error(), r.says) {
			t.Errorf("%.80s is answered %v, want %s that says %q", r.request, err, r.code, r.says)
		}
	}
	err := c.conn.Invoke(t.Context(), "/"+typedV+"V7/query", &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("a method that does not exist is answered %v", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "correlationId", "not a uuid")
	if _, err := c.callWith(ctx, typedV, "count", `{}`); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a correlation id that is none is answered %v", err)
	}
}

func TestGRPC_ServicesFollowTheVersions(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.declare(everything)
	db.exec(db.OwnerURL, everythingRows)
	s, c := startWithGRPC(t, db)
	has := func(name string) bool { return slices.Contains(c.services(), name) }
	if !has(typedV) || !has(typedV+"V1") || has(typedV+"V2") || !has("grpc.health.v1.Health") || !has(common) {
		t.Fatalf("the services are %q", c.services())
	}
	before := c.method(typedV+"V1", "query").Output().Fields().ByName("records").Message().Fields()

	// Version 2 drops a column, adds one in front and renames one; all others keep their numbers.
	db.declare(everything, strings.NewReplacer("  - {name: label, type: text, from: $.label, nullable: true}\n", "",
		"columns:\n", "columns:\n  - {name: colour, type: text, from: $.colour, nullable: true}\n", "name: small", "name: little").Replace(everything))
	db.exec(db.OwnerURL, `UPDATE counterfoil.read_models SET state = 'ready' WHERE name = 'everything' AND version = 2`)
	eventually(t, "version 2 has a service", func() bool { return has(typedV + "V2") })
	after := c.method(typedV+"V2", "query").Output().Fields().ByName("records").Message().Fields()
	for i := range before.Len() {
		field := before.Get(i)
		same := after.ByName(field.Name())
		switch {
		case same == nil && after.ByNumber(field.Number()) != nil:
			t.Errorf("%s is gone, and its number %d is another's", field.Name(), field.Number())
		case same != nil && same.Number() != field.Number():
			t.Errorf("%s moved from %d to %d", field.Name(), field.Number(), same.Number())
		}
	}

	db.exec(db.OwnerURL, `UPDATE counterfoil.read_models SET state = 'ready' WHERE name = 'everything' AND version = 1;
		UPDATE counterfoil.read_models SET state = 'serving' WHERE name = 'everything' AND version = 2`)
	if got := asJSON(t, c.must(typedV, "count", `{}`)); got != `{"readModel":"everything/v2"}` {
		t.Errorf("after the switch, the serving version answers %s", got)
	}
	db.exec(db.OwnerURL, `UPDATE counterfoil.read_models SET state = 'dropped' WHERE name = 'everything' AND version = 1`)
	eventually(t, "version 1 has no service", func() bool { return !has(typedV + "V1") })

	health, err := healthpb.NewHealthClient(c.conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: typedV})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("the health of the service is %v, %v", health, err)
	}
	if len(s.logs.lines(`"msg":"call"`)) == 0 {
		t.Error("the log tells of no call")
	}
}
