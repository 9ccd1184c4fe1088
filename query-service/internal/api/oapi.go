package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/filter"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// oapi answers GET and POST /trips/oapi with the OpenAPI document of what is served at the path.
func (a API) oapi(t catalog.Target, path string) echo.HandlerFunc {
	return func(c echo.Context) error {
		v, err := a.Catalog.Now().Described(t)
		if err == nil && v.Refused != nil {
			_, err = a.Catalog.Now().Find(t)
		}
		if err != nil {
			return a.failed(t, "/oapi", err)
		}
		document, err := json.MarshalIndent(describe(v, path), "", "  ")
		if err != nil {
			return err
		}
		header := c.Response().Header()
		header.Set(readModelHeader, v.Label())
		header.Set("Cache-Control", "no-store")
		return c.JSONBlob(http.StatusOK, append(document, '\n'))
	}
}

// object is an object of a document.
type object = map[string]any

// describe returns the OpenAPI document of a version at a path.
func describe(v *catalog.Version, path string) object {
	d := v.Declaration
	steps := path
	var keys []any
	for _, name := range d.PrimaryKey {
		column, _ := d.Column(name)
		steps += "/{" + name + "}"
		schema := schemaOf(column)
		schema["description"] = "Its text, escaped as a step of an address."
		if column.TypeName() == "numeric" || column.TypeName() == "int8" {
			schema = object{"type": "string"}
		}
		keys = append(keys, object{"name": name, "in": "path", "required": true, "schema": schema})
	}
	id := strings.NewReplacer("/", "_", "-", "_").Replace(strings.Trim(path, "/"))
	operation := func(name, summary string, parameters []any, body any, answers object) object {
		o := object{"operationId": name + "_" + id, "tags": []any{d.Name}, "summary": summary, "responses": answers}
		o["parameters"] = append(parameters, reference("parameters", "CorrelationId"))
		if body != nil {
			o["requestBody"] = object{"required": false, "content": object{"application/json": object{"schema": body}}}
		}
		return o
	}
	waiting := []any{reference("parameters", "Position"), reference("parameters", "Wait"), reference("parameters", "Prefer")}
	rows := object{"type": "array", "items": reference("schemas", "Row")}
	query := reference("schemas", "Query")
	oapi := func(name string) object {
		return operation(name, "This document", nil, nil, answers("OpenAPI 3.1", object{"type": "object"}, nil, "400", "410", "413"))
	}
	phase := func(name string) object {
		return operation(name, "How far the version is", nil, nil, answers("Snapshotting while it is built, Streaming while it is kept current, Stopped when it is retired.",
			reference("schemas", "Phase"), nil, "400", "410", "413", "500", "503"))
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": v.Label(), "version": d.Fingerprint()[:12],
			"description": "Rows of the read model " + d.Name + ". GET may be replaced by HEAD everywhere. Every failure is a problem document (RFC 9457) " +
				"whose code is stable. With a position, such as the Ticket-Position header, and a wait, an answer is given only by a version that is past it.",
		},
		"servers": []any{object{"url": "/"}},
		"paths": object{
			path: object{"get": operation("list", "Rows in the order of the primary key", append([]any{
				described("limit", "query", object{"type": "integer", "minimum": 1, "default": defaultLimit}, "The most rows on a page. More than 1000 is taken for 1000; about 3 MiB end a page too."),
				described("page_token", "query", object{"type": "string"}, "The Next-Page-Token of the page before. It goes on in the version that gave it."),
			}, waiting...), nil, answers("A page, perhaps an empty one.", rows, []string{nextPageHeader, "Link", "Preference-Applied"}, "400", "410", "413", "500", "503"))},
			steps: object{"get": operation("row", "The row with this primary key", append(append(keys, waiting...), reference("parameters", "IfNoneMatch")), nil,
				answers("The row.", reference("schemas", "Row"), []string{"ETag", "Preference-Applied"}, "304", "400", "404", "410", "413", "500", "503"))},
			path + "/count": object{"post": operation("count", "How many rows a query means", waiting, query,
				answers("Their number.", object{"type": "integer"}, []string{"Preference-Applied"}, "400", "410", "413", "500", "503"))},
			path + "/query": object{"post": operation("query", "The rows that a query means", waiting, query,
				answers("They, at most $limit.", rows, []string{nextPageHeader, "Preference-Applied"}, "400", "410", "413", "500", "503"))},
			path + "/oapi":  object{"get": oapi("oapi"), "post": oapi("oapi_post")},
			path + "/phase": object{"get": phase("phase"), "post": phase("phase_post")},
		},
		"components": components(d),
	}
}

func reference(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

func described(name, in string, schema object, description string) object {
	return object{"name": name, "in": in, "schema": schema, "description": description}
}

// answers returns the answers of an operation: success with its schema and further headers, and failures by their status.
func answers(description string, schema any, headers []string, failures ...string) object {
	named := object{}
	for _, name := range append(headers, "correlationId", readModelHeader, "Cache-Control") {
		named[name] = reference("headers", name)
	}
	all := object{"200": object{"description": description, "headers": named, "content": object{"application/json": object{"schema": schema}}}}
	for _, status := range failures {
		all[status] = reference("responses", status)
	}
	return all
}

// components returns what operations refer to.
func components(d *readmodel.Declaration) object {
	header := func(description string, required bool) object {
		return object{"description": description, "required": required, "schema": object{"type": "string"}}
	}
	problem := func(description string, headers ...string) object {
		named := object{readModelHeader: reference("headers", "Read-Model-Optional")}
		for _, name := range append(headers, "correlationId", "Cache-Control", "Preference-Applied") {
			named[name] = reference("headers", name)
		}
		return object{"description": description, "headers": named, "content": object{"application/problem+json": object{"schema": reference("schemas", "Problem")}}}
	}
	text := object{"type": "string"}
	return object{
		"parameters": object{
			"CorrelationId": described("correlationId", "header", object{"type": "string", "format": "uuid"}, "Any UUID; without it one is made."),
			"Position":      described("position", "query", text, "topic/partition@offset: answer only when the version is past it."),
			"Wait":          described("wait", "query", text, "How long to wait for that, or for a row that is not there yet, such as 10s; at most 30 seconds."),
			"Prefer":        described("Prefer", "header", text, "wait=10 waits for at most 10 seconds (RFC 7240)."),
			"IfNoneMatch":   described("If-None-Match", "header", text, "Entity tags that the client has, or *."),
		},
		"headers": object{
			"correlationId":       header("The correlation id of the request.", true),
			readModelHeader:       header("The version that answered, such as trips/v2.", true),
			"Cache-Control":       header("Rows of a version that keeps the first record are immutable; all else can be different the next time.", true),
			"ETag":                header("A strong validator.", true),
			"Link":                header("The next page with rel=\"next\"; absent on the last page.", false),
			"Successor":           header("The version that took its place with rel=\"successor-version\"; absent where none serves.", false),
			nextPageHeader:        header("The token of the next page; absent on the last page.", false),
			"Preference-Applied":  header("wait= with the seconds that Prefer was granted.", false),
			"Retry-After":         header("Seconds after which to ask again.", true),
			"Read-Model-Optional": header("The version that answered, where one did.", false),
		},
		"responses": object{
			"304": object{"description": "The client has it already.", "headers": object{
				"correlationId": reference("headers", "correlationId"), readModelHeader: reference("headers", readModelHeader),
				"ETag": reference("headers", "ETag"), "Cache-Control": reference("headers", "Cache-Control"), "Preference-Applied": reference("headers", "Preference-Applied"),
			}},
			"400": problem("The request is not acceptable: invalid-query, missing-index, invalid-parameter, invalid-page-token, invalid-position, invalid-correlation-id, broken-request."),
			"404": problem("not-found: there is no such row, or not yet.", "Retry-After", readModelHeader),
			"410": withLink(problem("version-dropped: the Link header names the successor.")),
			"413": problem("body-too-large."),
			"500": problem("internal: a defect."),
			"503": problem("database-away, read-model-missing, position-not-reached, too-many-waiting: the same request can succeed later.", "Retry-After"),
		},
		"schemas": object{
			"Row":     rowSchema(d),
			"Query":   querySchema(d),
			"Phase":   phaseSchema,
			"Problem": problemSchema,
		},
	}
}

func withLink(response object) object {
	response["headers"].(object)["Link"] = reference("headers", "Successor")
	return response
}

var problemSchema = object{
	"type": "object", "required": []any{"type", "title", "status", "detail", "code", "correlation_id"},
	"properties": object{
		"type": object{"type": "string"}, "title": object{"type": "string"}, "status": object{"type": "integer"}, "detail": object{"type": "string"},
		"code": object{"type": "string"}, "correlation_id": object{"type": "string"}, "successor": object{"type": "string"},
	},
}

var phaseSchema = closed(object{
	"phase":      object{"type": "string", "enum": []any{"Snapshotting", "Streaming", "Stopped"}},
	"read_model": object{"type": "string"}, "version": object{"type": "integer", "minimum": 1},
	"state": object{"type": "string", "enum": []any{"planned", "building", "ready", "serving", "retired"}},
	"since": object{"type": "string", "format": "date-time"}, "serving": object{"type": "boolean"},
	"caught_up": object{"type": "boolean", "description": "Every next_offset has reached its target."},
	"positions": object{"type": "array", "items": closed(object{
		"topic": object{"type": "string"}, "partition": object{"type": "integer"},
		"next_offset": object{"type": []any{"integer", "null"}, "description": "The next to apply; null where the partition is not begun."},
		"target":      object{"type": []any{"integer", "null"}, "description": "What it has to reach; null where there is nothing."},
	})},
	"versions": object{"type": "array", "items": closed(object{"version": object{"type": "integer"}, "state": object{"type": "string"}})},
})

// closed returns the schema of an object that has all of the properties and no other.
func closed(properties object) object {
	var required []any
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		required = append(required, name)
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// rowSchema is what appendRow writes.
func rowSchema(d *readmodel.Declaration) object {
	properties, required := object{}, []any{}
	for _, c := range d.Columns {
		schema := schemaOf(c)
		if kind, single := schema["type"].(string); single && c.Nullable {
			schema["type"] = []any{kind, "null"}
		}
		properties[c.Name] = schema
		required = append(required, c.Name)
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// schemaOf returns how values of the column look in JSON; null is for the caller to add.
func schemaOf(c readmodel.Column) object {
	switch c.TypeName() {
	case "bool":
		return object{"type": "boolean"}
	case "int4":
		return object{"type": "integer", "minimum": -1 << 31, "maximum": 1<<31 - 1}
	case "int8":
		return object{"type": "integer", "description": "64 bits."}
	case "float8", "numeric":
		return object{"type": "number"}
	case "uuid":
		return object{"type": "string", "format": "uuid"}
	case "timestamptz":
		return object{"type": "string", "format": "date-time"}
	case "date":
		return object{"type": "string", "format": "date"}
	case "bytea":
		return object{"type": "string", "contentEncoding": "base64"}
	case "jsonb":
		return object{"type": []any{"object", "array", "string", "number", "boolean", "null"}}
	default:
		return object{"type": "string"}
	}
}

// querySchema is the language of package filter for the version's columns.
func querySchema(d *readmodel.Declaration) object {
	columns, order := object{}, object{}
	for _, c := range d.Columns {
		columns[c.Name] = object{"description": "A value of type " + c.Type + ", null, or an object of operators: $eq $ne $lt $lte $gt $gte $in $contains $matches_any $matches_all."}
		if c.TypeName() != "jsonb" {
			order[c.Name] = object{"type": "string", "enum": []any{"asc", "desc"}}
		}
	}
	conditions := reference("schemas", "Query/properties/$filter")
	columns["$and"] = object{"type": "array", "minItems": 1, "items": conditions}
	columns["$or"] = columns["$and"]
	columns["$not"] = conditions
	return object{
		"type": "object", "additionalProperties": false,
		"properties": object{
			"$filter":   object{"type": "object", "additionalProperties": false, "properties": columns},
			"$order_by": object{"type": "object", "additionalProperties": false, "properties": order, "description": "The order of the columns counts."},
			"$limit":    object{"type": "integer", "minimum": 1, "maximum": filter.MaxLimit, "description": "Of a query, 50 where it does not say; about 3 MiB end its page too. A count counts all."},
			"$skip":     object{"type": "integer", "minimum": 0, "maximum": filter.MaxSkip},
			"$after":    object{"type": "string", "description": "The Next-Page-Token of the page before, with the same $filter and $order_by; not with $skip, and not for a count."},
		},
	}
}
