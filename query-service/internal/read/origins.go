package read

import (
	"fmt"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// TimestampModel is the name of the read model whose rows the published routes of timestamps and tickets answer from.
const TimestampModel = "timestamp"

// Origins are the columns of the timestamp model, quoted. They are known by where they come from, whatever a version calls
// them.
type Origins struct {
	ID, EventTimestamp, CreatedAt string
}

// OriginsOf returns the columns of the version. A version that lacks one is a Misconfigured fault.
func OriginsOf(v catalog.Asked) (o Origins, err error) {
	for _, column := range []struct {
		name     *string
		from, is string
	}{
		{&o.ID, "$.command_id", "uuid"},
		{&o.EventTimestamp, "$.event_timestamp", "timestamptz"},
		{&o.CreatedAt, readmodel.FromTimestamp, "timestamptz"},
	} {
		c, ok := v.Declaration.ColumnFrom(column.from)
		if !ok || c.Type != column.is {
			return o, fault.New(fault.CodeMisconfigured, fmt.Sprintf(
				"%s has no column of type %s from %s, which this route shows.", v.Label(), column.is, column.from), nil)
		}
		*column.name = postgres.Identifier(c.Name)
	}
	return o, nil
}
