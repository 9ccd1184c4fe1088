package api

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/ticket"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/web"
)

type ticketBody struct {
	ID           string `json:"id"`
	Outcome      string `json:"outcome"` // applied, parked, rejected or pending
	ReadModel    string `json:"read_model"`
	Location     string `json:"location,omitempty"`      // applied: where to read it
	Code         string `json:"code,omitempty"`          // parked, rejected
	Reason       string `json:"reason,omitempty"`        // parked, rejected
	Detail       string `json:"detail,omitempty"`        // pending: what that says
	RecordsAhead *int64 `json:"records_ahead,omitempty"` // pending, where it is known
}

// What a pending ticket says, with and without its position.
const (
	pendingExact   = "The record is in Kafka, and the read model has not come to it yet."
	pendingUnbegun = "The read model has not begun with this partition. If the topic has no such partition or it ends before " +
		"the position, there is no such record, and this stays pending."
	pendingVague = "Nothing became of it so far. Without its position this cannot be told from a command that never " +
		"existed: add ?position= with the Ticket-Position header that came with the ticket, and the answer is exact."
)

// ticket answers GET /api/v1/tickets/{id}?position=.
func (a API) ticket(c echo.Context) error {
	question, err := questionOf(c)
	if err != nil {
		return err
	}
	id := question.ID.String()
	web.Log(c, slog.String("command_id", id))
	answer, err := ask(c, a.Lobby, a.Tickets, question)
	if err != nil {
		return err
	}
	if answer.Outcome == ticket.Foreign {
		return fault.New(fault.CodeInvalidPosition, "The read model "+answer.ReadModel+" does not read the topic "+
			strconv.Quote(question.At.Topic)+"; give the Ticket-Position header that came with this ticket.", nil)
	}
	header := c.Response().Header()
	header.Set(readModelHeader, answer.ReadModel)
	header.Set("Cache-Control", "no-store")
	body := ticketBody{ID: id, Outcome: string(answer.Outcome), ReadModel: answer.ReadModel}
	switch answer.Outcome {
	case ticket.Applied:
		body.Location = "/api/v1/timestamp/" + id
	case ticket.Parked, ticket.Rejected:
		body.Code, body.Reason = answer.Code, answer.Reason
	case ticket.Never:
		return &web.Failure{TicketID: id, Err: fault.New(fault.CodeNoSuchCommand,
			"The read model is past "+question.At.String()+" and holds nothing of this id.", nil)}
	default:
		header.Set("Retry-After", strconv.Itoa(retryAfter))
		body.Detail, body.RecordsAhead = pendingVague, answer.Ahead
		switch {
		case question.Exact && answer.Ahead == nil:
			body.Detail = pendingUnbegun
		case question.Exact:
			body.Detail = pendingExact
		}
	}
	return c.JSON(http.StatusOK, body)
}

func questionOf(c echo.Context) (ticket.Question, error) {
	id, err := parseID(web.Param(c, "id"))
	if err != nil {
		return ticket.Question{}, err
	}
	at, given, err := positionOf(c)
	return ticket.Question{ID: id, At: at, Exact: given}, err
}

// positionOf reads the parameter position.
func positionOf(c echo.Context) (at position.Position, given bool, err error) {
	query, err := parametersOf(c.Request())
	if err != nil {
		return at, false, err
	}
	text, given, err := parameter(query, "position")
	if err != nil || !given {
		return at, false, err
	}
	if at, err = position.Parse(text); err != nil {
		return at, false, fault.New(fault.CodeInvalidPosition, err.Error()+".", nil)
	}
	return at, true, nil
}
