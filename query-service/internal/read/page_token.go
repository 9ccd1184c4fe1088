package read

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/filter"
	"github.com/counterfoil/counterfoil/shared/fault"
)

// pageToken is the place of a row in the order of a query, in one version of a read model. Its text form is base64url of 8
// bytes of a hash and of JSON. The hash covers the query as well: it finds tokens that were damaged, made up, or given with
// another query; it is no secret, because whoever makes a token that fits can only read from a place that a filter would
// have given as well.
type pageToken struct {
	Model   string            `json:"m"`
	Version int               `json:"v"`
	Values  []json.RawMessage `json:"k"` // of the columns that the query orders by

	sum  [tokenSum]byte
	body []byte
}

const (
	tokenSum    = 8
	tokenLength = 48 << 10 // the longest that is believed
	tokenFormat = "counterfoil page token 2\n"
)

var unusable = fault.New(fault.CodeInvalidPageToken,
	"Give the token that came with the page before, to the same address and with the same $filter and $order_by, or begin again without one.", nil)

func newPageToken(q *filter.Query, v catalog.Asked, values []json.RawMessage) string {
	t := pageToken{Model: v.Name, Version: v.Number, Values: values}
	body, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	sum := tokenHash(q, body)
	return base64.RawURLEncoding.EncodeToString(append(sum[:], body...))
}

// places returns the values of the columns that the query orders by as JSON.
func places(q *filter.Query, v catalog.Asked, row []any) (values []json.RawMessage) {
	for _, o := range q.Order() {
		for i, c := range v.Declaration.Columns {
			if c.Name == o.Column.Name {
				values = append(values, c.AppendJSON(nil, row[i]))
			}
		}
	}
	return values
}

// parsePageToken reads a token. Whether it belongs to the query is told by place.
func parsePageToken(text string) (t pageToken, err error) {
	if len(text) > tokenLength {
		return t, unusable
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= tokenSum || json.Unmarshal(raw[tokenSum:], &t) != nil || t.Version < 1 {
		return t, unusable
	}
	t.sum, t.body = [tokenSum]byte(raw), raw[tokenSum:]
	return t, nil
}

// place returns the values of the columns that the query orders by, as pgx takes them; nil is null.
func (t pageToken) place(q *filter.Query) ([]any, error) {
	order := q.Order()
	if t.sum != tokenHash(q, t.body) || len(t.Values) != len(order) {
		return nil, unusable
	}
	values := make([]any, len(order))
	for i, o := range order {
		raw := string(t.Values[i])
		if raw == "null" {
			continue
		}
		var err error
		if values[i], err = o.Column.ParseJSON(raw); err != nil {
			return nil, unusable
		}
	}
	return values, nil
}

func tokenHash(q *filter.Query, body []byte) (sum [tokenSum]byte) {
	h := sha256.New()
	h.Write([]byte(tokenFormat))
	h.Write(body)
	h.Write([]byte(q.Identity()))
	return [tokenSum]byte(h.Sum(nil))
}
