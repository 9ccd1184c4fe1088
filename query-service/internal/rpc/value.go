package rpc

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// plain returns what was scanned of a column as a bool, int32, int64, float64, string, []byte or time.Time, or nil for null.
// Decimals, UUIDs, dates and JSON are strings.
func plain(scanned any) any {
	switch v := scanned.(type) {
	case *pgtype.Text:
		return unlessNull(v.Valid, v.String)
	case *pgtype.Bool:
		return unlessNull(v.Valid, v.Bool)
	case *pgtype.Int4:
		return unlessNull(v.Valid, v.Int32)
	case *pgtype.Int8:
		return unlessNull(v.Valid, v.Int64)
	case *pgtype.Float8:
		return unlessNull(v.Valid, v.Float64)
	case *pgtype.UUID:
		return unlessNull(v.Valid, v.String())
	case *pgtype.Timestamptz:
		return unlessNull(v.Valid, v.Time)
	case *pgtype.Date:
		return unlessNull(v.Valid, v.Time.Format(time.DateOnly))
	case *pgtype.Numeric:
		text, err := v.MarshalJSON()
		return unlessNull(v.Valid && err == nil, string(text))
	case *[]byte:
		return unlessNull(*v != nil, *v)
	}
	return nil
}

func unlessNull[T any](valid bool, value T) any {
	if !valid {
		return nil
	}
	return value
}

// setField sets the field of a record's message; null leaves it unset.
func setField(record protoreflect.Message, field protoreflect.FieldDescriptor, scanned any) {
	switch v := plain(scanned).(type) {
	case nil:
	case time.Time:
		setTime(record, field, v)
	default:
		record.Set(field, protoreflect.ValueOf(v))
	}
}

// setValue sets the alternative of a counterfoil.common.Value; null sets none.
func setValue(value protoreflect.Message, scanned any) {
	set := func(name protoreflect.Name, v any) {
		value.Set(value.Descriptor().Fields().ByName(name), protoreflect.ValueOf(v))
	}
	switch v := plain(scanned).(type) {
	case bool:
		set("bool_value", v)
	case int32:
		set("int_value", int64(v))
	case int64:
		set("int_value", v)
	case float64:
		set("float_value", v)
	case string:
		set("string_value", v)
	case []byte:
		set("bytes_value", v)
	case time.Time:
		setTime(value, value.Descriptor().Fields().ByName("timestamp_value"), v)
	}
}

func setTime(message protoreflect.Message, field protoreflect.FieldDescriptor, at time.Time) {
	stamp := timestamppb.New(at)
	inner := message.Mutable(field).Message()
	fields := inner.Descriptor().Fields()
	inner.Set(fields.ByName("seconds"), protoreflect.ValueOfInt64(stamp.Seconds))
	inner.Set(fields.ByName("nanos"), protoreflect.ValueOfInt32(stamp.Nanos))
}
