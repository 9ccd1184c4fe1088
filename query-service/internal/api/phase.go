package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// phaseBody says how far a version is, in words that clients of Dozer know, and in ours.
type phaseBody struct {
	Phase     string         `json:"phase"` // Snapshotting, Streaming or Stopped
	ReadModel string         `json:"read_model"`
	Version   int            `json:"version"`
	State     string         `json:"state"`
	Since     string         `json:"since"` // when it came into the state
	Serving   bool           `json:"serving"`
	CaughtUp  bool           `json:"caught_up"` // every next_offset has reached its target
	Positions []positionBody `json:"positions"`
	Versions  []versionBody  `json:"versions"` // all that the model has
}

type positionBody struct {
	Topic      string `json:"topic"`
	Partition  int32  `json:"partition"`
	NextOffset *int64 `json:"next_offset"` // the next to apply; null where it has not begun with the partition
	Target     *int64 `json:"target"`      // what it has to reach; null where there is nothing
}

type versionBody struct {
	Version int32  `json:"version"`
	State   string `json:"state"`
}

// phase answers GET and POST /trips/phase.
func (a API) phase(t catalog.Target) echo.HandlerFunc {
	return func(c echo.Context) error {
		p, err := a.Reader.Phase(c.Request().Context(), t)
		if err != nil {
			return a.failed(t, "/phase", err)
		}
		header := c.Response().Header()
		header.Set(readModelHeader, p.Version.Label())
		header.Set("Cache-Control", "no-store")
		return c.JSON(http.StatusOK, newPhaseBody(p))
	}
}

func newPhaseBody(p read.Phase) phaseBody {
	body := phaseBody{
		Phase: "Snapshotting", ReadModel: p.Version.Label(), Version: p.Version.Number, State: string(p.State),
		Since: command.FormatTimestamp(p.Since.UTC()), Serving: p.State == readmodel.Serving, CaughtUp: p.CaughtUp(),
		Positions: []positionBody{}, Versions: []versionBody{},
	}
	switch {
	case p.State.Kept() && p.State.Readable():
		body.Phase = "Streaming"
	case p.State.Readable():
		body.Phase = "Stopped"
	}
	for _, at := range p.Positions {
		body.Positions = append(body.Positions, positionBody{at.Topic, at.Partition, at.Next, at.Target})
	}
	for i, number := range p.Numbers {
		body.Versions = append(body.Versions, versionBody{number, p.States[i]})
	}
	return body
}
