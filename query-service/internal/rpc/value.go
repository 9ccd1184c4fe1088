package rpc

import (
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// setField sets the field of a record's message; null leaves it unset.
func setField(record protoreflect.Message, field protoreflect.FieldDescriptor, column readmodel.Column, scanned any) {
	switch v := column.Plain(scanned).(type) {
	case nil:
	case time.Time:
		setTime(record, field, v)
	default:
		record.Set(field, protoreflect.ValueOf(v))
	}
}

// setValue sets the alternative of a counterfoil.common.Value; null sets none.
func setValue(value protoreflect.Message, column readmodel.Column, scanned any) {
	set := func(name protoreflect.Name, v any) {
		value.Set(value.Descriptor().Fields().ByName(name), protoreflect.ValueOf(v))
	}
	switch v := column.Plain(scanned).(type) {
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
