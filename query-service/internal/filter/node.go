package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// maxDepth is how deep objects and lists may be nested.
const maxDepth = 32

// node is a JSON value with the order of its members, which $order_by needs, and with its source text.
type node struct {
	raw     string // without the space around it
	open    json.Delim
	members []member // of an object, where open is {
	items   []node   // of a list, where open is [
}

type member struct {
	name  string
	value node
}

func (n node) object() bool { return n.open == '{' }
func (n node) list() bool   { return n.open == '[' }
func (n node) null() bool   { return n.raw == "null" }

// text returns the value of a string.
func (n node) text() (string, bool) {
	var text string
	if n.raw == "" || n.raw[0] != '"' || json.Unmarshal([]byte(n.raw), &text) != nil {
		return "", false
	}
	return text, true
}

// invalid returns the fault of a query at a place such as $filter.fare.
func invalid(place, format string, args ...any) error {
	return fault.New(fault.CodeInvalidQuery, place+" "+fmt.Sprintf(format, args...)+".", nil)
}

// reader reads JSON token by token.
type reader struct {
	source  []byte
	decoder *json.Decoder
}

// parse reads the source as one object, in which no name may stand twice.
func parse(source []byte) (node, error) {
	if !utf8.Valid(source) {
		return node{}, invalid("The body", "is not UTF-8")
	}
	if err := json.Unmarshal(source, new(json.RawMessage)); err != nil {
		return node{}, invalid("The body", "is not JSON: %v", err)
	}
	r := &reader{source: source, decoder: json.NewDecoder(bytes.NewReader(source))}
	r.decoder.UseNumber()
	top, err := r.value("", 0)
	if err == nil && !top.object() {
		err = invalid("The body", "is not an object such as {\"$filter\": {…}}")
	}
	return top, err
}

// value reads the next value, which stands at the place.
func (r *reader) value(place string, depth int) (n node, err error) {
	if depth > maxDepth {
		return node{}, invalid(place, "is nested more than %d deep", maxDepth)
	}
	begin := r.decoder.InputOffset()
	token, err := r.decoder.Token()
	if err != nil {
		return node{}, invalid(place, "is not JSON")
	}
	for begin < int64(len(r.source)) && bytes.IndexByte([]byte(" \t\r\n,:"), r.source[begin]) >= 0 {
		begin++
	}
	if n.open, _ = token.(json.Delim); n.open != 0 {
		if err := r.content(&n, place, depth); err != nil {
			return node{}, err
		}
	}
	n.raw = string(r.source[begin:r.decoder.InputOffset()])
	return n, nil
}

// content reads what an object or a list holds, with its end.
func (r *reader) content(n *node, place string, depth int) error {
	names := map[string]bool{}
	for r.decoder.More() {
		if n.list() {
			item, err := r.value(fmt.Sprintf("%s[%d]", place, len(n.items)), depth+1)
			if err != nil {
				return err
			}
			n.items = append(n.items, item)
			continue
		}
		token, err := r.decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return invalid(place, "is not JSON")
		}
		at := join(place, name)
		if names[name] {
			return invalid(at, "is given twice")
		}
		names[name] = true
		value, err := r.value(at, depth+1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name, value})
	}
	_, err := r.decoder.Token()
	return err
}

// join returns the place of a member.
func join(place, name string) string {
	if place == "" {
		return name
	}
	return place + "." + name
}
