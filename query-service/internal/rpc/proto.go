package rpc

import (
	"fmt"
	"strings"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// typed is a read model, or one version of it, that has a service of its own.
type typed struct {
	name        string // of the service: Trips, or TripsV2
	version     int    // 0 means the one that serves
	declaration *readmodel.Declaration
	numbers     map[string]int32 // of the columns' fields
}

// newTyped returns what the version's own service is made of, or that of the version that serves.
func newTyped(d *readmodel.Declaration, numbers map[string]int32, scoped bool) typed {
	t := typed{name: pascal(d.Name), declaration: d, numbers: numbers}
	if scoped {
		t.version = d.Version
		t.name += fmt.Sprintf("V%d", d.Version)
	}
	return t
}

// pascal writes taxi_trips as TaxiTrips.
func pascal(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// pkg returns the protobuf package that all services of the model are in.
func (t typed) pkg() string { return "counterfoil.generated." + t.declaration.Name }

// file returns the path under which the service's definition is known.
func (t typed) file() string {
	return fmt.Sprintf("counterfoil/generated/%s/%s.proto", t.declaration.Name, strings.ToLower(t.name))
}

// definition returns the service in the protobuf language (proto3). The field of a column has the number that the control
// tables keep for it, so that messages of all versions understand each other.
func (t typed) definition() string {
	var b strings.Builder
	fmt.Fprintf(&b, `syntax = "proto3";
package %[2]s;
import "google/protobuf/timestamp.proto";

service %[1]s {
  rpc count(Query%[1]sRequest) returns (Count%[1]sResponse);
  rpc query(Query%[1]sRequest) returns (Query%[1]sResponse);
}

message Query%[1]sRequest {
  // A query in JSON; without it, everything is meant.
  optional string query = 1;
}

message Count%[1]sResponse {
  uint64 count = 1;
  // The version that answered.
  string read_model = 2;
}

message Query%[1]sResponse {
  repeated %[1]sRecord records = 1;
  string read_model = 2;
  // Where the next page begins: the value of $after. Absent on the last page.
  optional string next = 3;
}

message %[1]sRecord {
`, t.name, t.pkg())
	for _, c := range t.declaration.Columns {
		label := ""
		if c.Nullable {
			label = "optional "
		}
		fmt.Fprintf(&b, "  %s%s %s = %d [json_name = %q];\n", label, protoTypes[c.TypeName()], c.Name, t.numbers[c.Name], c.Name)
	}
	b.WriteString("}\n")
	return b.String()
}

// protoTypes says how the types of columns are written on the wire. Decimals are texts, so that no digit is lost.
var protoTypes = map[string]string{
	"text": "string", "bool": "bool", "int4": "int32", "int8": "int64", "float8": "double", "numeric": "string",
	"uuid": "string", "timestamptz": "google.protobuf.Timestamp", "date": "string", "jsonb": "string", "bytea": "bytes",
}
