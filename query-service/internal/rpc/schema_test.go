package rpc

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func declared(version int, columns ...readmodel.Column) *readmodel.Declaration {
	return &readmodel.Declaration{Name: "taxi_trips", Version: version, Columns: columns}
}

// Every type of a column, with names that are words of the protobuf language.
var everyType = []readmodel.Column{
	{Name: "message", Type: "text"}, {Name: "optional", Type: "bool", Nullable: true}, {Name: "a_1", Type: "int4"},
	{Name: "b1", Type: "int8"}, {Name: "repeated", Type: "float8"}, {Name: "fare", Type: "numeric(8,2)"},
	{Name: "string", Type: "uuid"}, {Name: "at", Type: "timestamptz", Nullable: true}, {Name: "day", Type: "date"},
	{Name: "map", Type: "jsonb"}, {Name: "bytes", Type: "bytea", Nullable: true},
}

func TestSchema_EveryDeclarationHasServices(t *testing.T) {
	t.Parallel()
	numbers := map[string]int32{}
	for i, c := range everyType {
		numbers[c.Name] = int32(3 * (i + 1))
	}
	d := declared(2, everyType...)
	s, err := newSchema(t.Context(), []typed{newTyped(d, numbers, true), newTyped(d, numbers, false)})
	if err != nil {
		t.Fatal(err)
	}
	names := s.services()
	slices.Sort(names)
	want := []string{"counterfoil.common.CommonGrpcService", "counterfoil.generated.taxi_trips.TaxiTrips", "counterfoil.generated.taxi_trips.TaxiTripsV2"}
	if !slices.Equal(names, want) {
		t.Errorf("the services are %q", names)
	}
	m, ok := s.methods["/counterfoil.generated.taxi_trips.TaxiTripsV2/query"]
	if !ok || m.typed.version != 2 {
		t.Fatalf("the methods are %v", s.methods)
	}
	record := m.output.Fields().ByName("records").Message()
	for _, c := range everyType {
		field := record.Fields().ByName(protoreflect.Name(c.Name))
		if field == nil || field.Number() != protoreflect.FieldNumber(numbers[c.Name]) || field.JSONName() != c.Name {
			t.Errorf("%s is %v", c.Name, field)
		} else if c.Nullable && !field.HasPresence() {
			t.Errorf("%s cannot be null", c.Name)
		}
	}
}
