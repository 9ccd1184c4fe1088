package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/readmodel"
	"github.com/counterfoil/counterfoil/shared/web"
)

// nextPageHeader holds the token of the next page: bodies are plain lists.
const nextPageHeader = "Next-Page-Token"

// model adds the routes of one version of a read model, or of whichever its unscoped path means, at the path.
func (a API) model(r *web.Router, path string, t catalog.Target) {
	reads := []string{http.MethodGet, http.MethodHead}
	// People, reports and replicas that go through all rows in the order of the primary key.
	r.Match(reads, path, a.list(t, path))
	// Clients that know a row's key: /trips/42, with a composite key /fares/2009-09-28/42.
	r.Match(reads, path+"/*", a.row(t, path))
	// Clients that say what they look for.
	r.POST(path+"/count", a.count(t))
	r.POST(path+"/query", a.query(t))
	// Tools that make clients.
	r.Match(append(reads, http.MethodPost), path+"/oapi", a.oapi(t, path))
	// Operators who wait for a version to be complete.
	r.Match(append(reads, http.MethodPost), path+"/phase", a.phase(t))
}

// list answers GET /trips?limit=&page_token=.
func (a API) list(t catalog.Target, path string) echo.HandlerFunc {
	return func(c echo.Context) error {
		query, err := parametersOf(c.Request())
		if err != nil {
			return err
		}
		if err := onlyParameters(query, "limit", "page_token", "position", "wait"); err != nil {
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
		asked := map[string]any{"$limit": limit}
		if given {
			if token == "" {
				return fault.New(fault.CodeInvalidPageToken, "The page token is empty. Leave page_token out to begin.", nil)
			}
			asked["$after"] = token
		}
		source, err := json.Marshal(asked)
		if err != nil {
			return err
		}
		return a.rows(c, t, "", source, func(token string) {
			next := url.Values{"page_token": {token}}
			if text := query.Get("limit"); text != "" {
				next.Set("limit", text)
			}
			c.Response().Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, path, next.Encode()))
		})
	}
}

// query answers POST /trips/query.
func (a API) query(t catalog.Target) echo.HandlerFunc {
	return func(c echo.Context) error {
		source, err := queryBody(c)
		if err != nil {
			return err
		}
		return a.rows(c, t, "/query", source, func(string) {})
	}
}

// rows answers with the rows that the query asks for, as a list. suffix is what stands behind the model's path; next is told the
// token of the page behind them.
func (a API) rows(c echo.Context, t catalog.Target, suffix string, source []byte, next func(token string)) error {
	if _, err := a.await(c, t, suffix); err != nil {
		return err
	}
	body := []byte{'['}
	answer, err := a.Reader.Query(c.Request().Context(), t, source, func(v *catalog.Version, row []any) (int, error) {
		before := len(body)
		if before > 1 {
			body = append(body, ',', '\n')
		}
		body = appendRow(body, v, row)
		return len(body) - before, nil
	})
	header := c.Response().Header()
	if answer.Version != nil { // a refusal is of a version too
		header.Set(readModelHeader, answer.Version.Label())
	}
	if err != nil {
		return a.failed(t, suffix, err)
	}
	header.Set("Cache-Control", "no-store")
	if answer.Next != "" {
		header.Set(nextPageHeader, answer.Next)
		next(answer.Next)
	}
	return c.JSONBlob(http.StatusOK, append(body, ']', '\n'))
}

// count answers POST /trips/count with a number.
func (a API) count(t catalog.Target) echo.HandlerFunc {
	return func(c echo.Context) error {
		source, err := queryBody(c)
		if err != nil {
			return err
		}
		if _, err := a.await(c, t, "/count"); err != nil {
			return err
		}
		n, v, err := a.Reader.Count(c.Request().Context(), t, source)
		header := c.Response().Header()
		if v != nil {
			header.Set(readModelHeader, v.Label())
		}
		if err != nil {
			return a.failed(t, "/count", err)
		}
		header.Set("Cache-Control", "no-store")
		return c.JSON(http.StatusOK, n)
	}
}

// row answers GET /trips/{pk}, each column of the primary key as a step of its own.
func (a API) row(t catalog.Target, path string) echo.HandlerFunc {
	list := a.list(t, path)
	return func(c echo.Context) error {
		steps, err := stepsOf(c)
		if err != nil {
			return err
		}
		if steps == "" {
			return list(c)
		}
		query, err := parametersOf(c.Request())
		if err == nil {
			err = onlyParameters(query, "position", "wait")
		}
		if err != nil {
			return err
		}
		key, room := read.Key{Version: t.Number, Steps: steps}, a.Rows.Room(t.Model)
		waited, err := a.await(c, t, "")
		if err != nil {
			return err
		}
		var answer read.Keyed
		if waited {
			answer, err = room.Look(c.Request().Context(), key)
		} else {
			answer, err = ask(c, a.Lobby, room, key)
		}
		if err = errors.Join(err, answer.Err); err != nil {
			return a.failed(t, "", err)
		}
		header := c.Response().Header()
		header.Set(readModelHeader, answer.Version.Label())
		if answer.Row == nil {
			return &web.Failure{RetryAfter: retryAfter, Err: fault.New(fault.CodeNotFound, answer.Version.Label()+
				" has no row with this key, or not yet. Ask again, or add ?wait=10s.", nil)}
		}
		body := append(appendRow(nil, answer.Version, answer.Row), '\n')
		tag := entityTag(answer.Version.Label(), body)
		header.Set("Etag", tag)
		header.Set("Cache-Control", "private, no-cache")
		if t.Number > 0 && answer.Version.Declaration.Write == readmodel.Insert {
			header.Set("Cache-Control", immutable) // G7: the first record wins, and one version has one shape
		}
		if noneMatch(c.Request().Header.Values("If-None-Match"), tag) {
			return c.NoContent(http.StatusNotModified)
		}
		return c.JSONBlob(http.StatusOK, body)
	}
}

// stepsOf returns what stands behind the model's path, step by step decoded, as read.Key holds it.
func stepsOf(c echo.Context) (string, error) {
	steps := strings.Split(c.Param("*"), "/")
	for i, step := range steps {
		if c.Request().URL.RawPath != "" {
			decoded, err := url.PathUnescape(step)
			if err != nil {
				return "", fault.New(fault.CodeInvalidParameter, "The address has a broken escape.", err)
			}
			steps[i] = decoded
		}
		if strings.Contains(steps[i], read.Joint) {
			return "", fault.New(fault.CodeInvalidParameter, "The address has a NUL, which no key has.", nil)
		}
	}
	return strings.Join(steps, read.Joint), nil
}

// await waits, as long as the request says, until the version is past the position that the request gives. given reports
// that it gives one.
func (a API) await(c echo.Context, t catalog.Target, suffix string) (given bool, err error) {
	at, given, err := positionOf(c)
	if err != nil || !given {
		return false, err
	}
	passage, err := ask(c, a.Lobby, a.Passages.Room(t.Model), read.Until{Version: t.Number, At: at})
	if err = errors.Join(err, passage.Err); err != nil {
		return true, a.failed(t, suffix, err)
	}
	c.Response().Header().Set(readModelHeader, passage.ReadModel)
	switch {
	case passage.Foreign:
		return true, fault.New(fault.CodeInvalidPosition, fmt.Sprintf("%s does not read the topic %q; give a position of one that it reads.",
			passage.ReadModel, at.Topic), nil)
	case !passage.Passed && passage.Next == nil:
		return true, fault.New(fault.CodePositionNotReached, fmt.Sprintf(
			"%s has not begun with partition %d of %s. If the topic has no such partition, it never will.", passage.ReadModel, at.Partition, at.Topic), nil)
	case !passage.Passed:
		return true, fault.New(fault.CodePositionNotReached, fmt.Sprintf(
			"%s has %d records of the partition to apply before it is past %s. If the partition ends before that, it never will be. Ask again, or add ?wait=10s.",
			passage.ReadModel, at.Offset-*passage.Next+1, at), nil)
	}
	return true, nil
}

// failed adds to an error what a client of a version that was dropped needs: where to go on. suffix is what stands behind
// the model's path.
func (a API) failed(t catalog.Target, suffix string, err error) error {
	if fault.Of(err).Code != fault.CodeVersionDropped {
		return err
	}
	v := a.Catalog.Now().Successor(t.Model)
	if v == nil {
		return err
	}
	return &web.Failure{Err: err, Successor: fmt.Sprintf("/v%d%s%s", v.Number, v.Declaration.Path, suffix)}
}

// queryBody reads the body of a query.
func queryBody(c echo.Context) ([]byte, error) {
	parameters, err := parametersOf(c.Request())
	if err == nil {
		err = onlyParameters(parameters, "position", "wait")
	}
	if err != nil {
		return nil, err
	}
	if given := c.Request().Header.Get("Content-Type"); given != "" {
		if kind, _, err := mime.ParseMediaType(given); err != nil || kind != "application/json" {
			return nil, fault.New(fault.CodeBrokenRequest, "Send the query with Content-Type: application/json.", err)
		}
	}
	source, err := io.ReadAll(c.Request().Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, fault.New(fault.CodeBrokenRequest, "The body ended before it was complete. Send the request again.", err)
	}
	return source, nil
}

// appendRow appends a row as a JSON object, its columns in the order of the declaration.
func appendRow(dst []byte, v *catalog.Version, row []any) []byte {
	separator := byte('{')
	for i, column := range v.Declaration.Columns {
		dst = append(dst, separator, '"')
		separator = ','
		dst = append(dst, column.Name...)
		dst = append(dst, '"', ':')
		dst = column.AppendJSON(dst, row[i])
	}
	return append(dst, '}')
}
