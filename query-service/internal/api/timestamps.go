package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
)

// The number of timestamps on a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// timestamps answers GET /api/v1/timestamp?from=&to=&limit=&page_token=.
func (a API) timestamps(c echo.Context) error {
	query, err := parametersOf(c.Request())
	if err != nil {
		return err
	}
	span, err := spanOf(query)
	if err != nil {
		return err
	}
	limit, err := limitOf(query)
	if err != nil {
		return err
	}
	token, given, err := parameter(query, "page_token")
	if err != nil {
		return err
	}
	var behind *read.Place
	if given {
		place, err := parsePageToken(token, span)
		if err != nil {
			return err
		}
		behind = &place
	}
	page, err := a.Reader.ByTime(c.Request().Context(), span, behind, limit)
	if err != nil {
		return a.failed(catalog.Target{Model: read.TimestampModel}, "", err)
	}
	body := append(make([]byte, 0, (1+len(page.Rows))*timestampBytes), `{"timestamps":[`...)
	for i, row := range page.Rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendTimestamp(body, row)
	}
	body = append(body, ']')
	header := c.Response().Header()
	header.Set(readModelHeader, page.ReadModel)
	header.Set("Cache-Control", "no-store")
	if page.Last != nil {
		token := pageToken(*page.Last, span)
		header.Set("Link", fmt.Sprintf(`<%s>; rel="next"`, nextPage(c.Path(), query, span, token)))
		body = append(append(append(body, `,"next_page_token":"`...), token...), '"') // base64url, which JSON does not escape
	}
	return c.JSONBlob(http.StatusOK, append(body, '}', '\n'))
}

func spanOf(query url.Values) (span read.Span, err error) {
	if span.From, err = instantOf(query, "from"); err != nil {
		return span, err
	}
	if span.To, err = instantOf(query, "to"); err != nil {
		return span, err
	}
	if span.From != nil && span.To != nil && span.To.Before(*span.From) {
		return span, fault.New(fault.CodeInvalidParameter, "from is later than to, so that nothing can be between them.", nil)
	}
	return span, nil
}

// instantOf reads a timestamp, nil where there is none. A + that was not written as %2B arrives as a space (WHATWG URL,
// application/x-www-form-urlencoded parsing); no other space can be in a timestamp, so it is taken for the + of the offset.
func instantOf(query url.Values, name string) (*time.Time, error) {
	text, given, err := parameter(query, name)
	if err != nil || !given {
		return nil, err
	}
	if i := len(text) - len(" 02:00"); i > 0 && text[i] == ' ' {
		text = text[:i] + "+" + text[i+1:]
	}
	at, err := command.ParseTimestamp(text)
	if err != nil {
		return nil, fault.New(fault.CodeInvalidTimestamp, name+": "+err.Error()+".", nil)
	}
	return &at, nil
}

// limitOf reads the page's size. More than a page can hold is not a fault: the page is as large as pages get.
func limitOf(query url.Values) (int, error) {
	text, given, err := parameter(query, "limit")
	if err != nil || !given {
		return defaultLimit, err
	}
	limit, err := strconv.Atoi(text)
	if err != nil && isDigits(text) {
		return maxLimit, nil // a number too large for an int
	}
	if err != nil || limit < 1 {
		return 0, fault.New(fault.CodeInvalidParameter, fmt.Sprintf("limit is a number from 1 to %d.", maxLimit), nil)
	}
	return min(limit, maxLimit), nil
}

// nextPage returns the address of the next page, with the span written so that it is read as the same instants.
func nextPage(path string, query url.Values, span read.Span, token string) string {
	next := url.Values{"page_token": {token}}
	if span.From != nil {
		next.Set("from", command.FormatTimestamp(*span.From))
	}
	if span.To != nil {
		next.Set("to", command.FormatTimestamp(*span.To))
	}
	if limit := query.Get("limit"); limit != "" {
		next.Set("limit", limit)
	}
	return path + "?" + next.Encode()
}

// parametersOf returns the query parameters. What cannot be read is refused, since leaving it out would ask something else.
func parametersOf(request *http.Request) (url.Values, error) {
	if request.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		return nil, fault.New(fault.CodeInvalidParameter,
			"The parameters behind the ? cannot be read. Separate them by &, and write ; as %3B and % as %25.", err)
	}
	return query, nil
}

// onlyParameters refuses parameters that mean nothing here: a condition that was silently left out would give other rows.
func onlyParameters(query url.Values, known ...string) error {
	for name := range query {
		if !slices.Contains(known, name) {
			return fault.New(fault.CodeInvalidParameter, strconv.Quote(name)+" means nothing here. There are "+strings.Join(known, ", ")+
				"; conditions on columns are sent to /query.", nil)
		}
	}
	return nil
}

// parameter returns the value of a query parameter, which may be given once.
func parameter(query url.Values, name string) (value string, given bool, err error) {
	values := query[name]
	if len(values) > 1 {
		return "", true, fault.New(fault.CodeInvalidParameter, name+" is given "+strconv.Itoa(len(values))+" times; give it once.", nil)
	}
	if len(values) == 0 {
		return "", false, nil
	}
	return values[0], true, nil
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
