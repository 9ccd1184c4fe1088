package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/status"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// readModels checks that there are versions, that one of each model serves, that their topics still hold what they need,
// and that no record is parked.
func (e *examination) readModels(ctx context.Context) {
	const models, checkpoints, parked = "read models", "checkpoints", "parked records"
	if e.pool == nil {
		e.skip(models, "the database cannot be reached")
		e.skip(checkpoints, "the database cannot be reached")
		e.skip(parked, "the database cannot be reached")
		return
	}
	versions, err := readmodel.DeclaredVersions(ctx, e.pool)
	if postgres.IsMissing(err) || err == nil && len(versions) == 0 {
		e.fail(models, "there is none", "start the consumer-service, which creates those that are declared")
		e.skip(checkpoints, "there is no read model")
		e.skip(parked, "there is no read model")
		return
	}
	if err != nil {
		e.fail(models, err.Error(), "connect as "+postgres.OwnerRole)
		return
	}
	e.versions(ctx, models, versions)
	e.declarations(ctx, "declarations")
	e.checkpoints(ctx, checkpoints, versions)
	e.parked(ctx, parked)
}

func (e *examination) checkpoints(ctx context.Context, check string, versions []readmodel.Declared) {
	if e.admin == nil {
		e.skip(check, "the broker cannot be reached")
		return
	}
	all, err := status.Survey(ctx, e.pool, e.admin, versions)
	if err != nil {
		e.fail(check, err.Error(), "look at the logs of broker and database")
		return
	}
	var lag int64
	lost := 0
	for _, p := range all {
		lag += p.Lag
		if p.Lost != "" {
			lost++
			loss, cure, _ := strings.Cut(p.Lost, "; ")
			e.fail(check, fmt.Sprintf("group %s: %s", p.Group, loss), cure)
		}
	}
	switch {
	case lost > 0:
	case len(all) == 0:
		e.fail(check, "the topics of the read models do not exist", "start the command-service, which creates its topic")
	default:
		e.ok(check, "%s, %s still to be applied", plural(len(all), "partition"), plural(int(lag), "record"))
	}
}

func (e *examination) parked(ctx context.Context, check string) {
	parked, err := readmodel.ParkedRecords(ctx, e.pool)
	if err != nil {
		e.fail(check, err.Error(), "connect as "+postgres.OwnerRole)
		return
	}
	for _, p := range parked {
		what := fmt.Sprintf("%s of %s %s with code %s, the latest since %s",
			plural(int(p.Records), "record"), readmodel.Label(p.ReadModel, p.Version), p.State, p.Code, p.Latest.UTC().Format(time.RFC3339))
		e.warn(check, what, "counterfoil parked list shows them; then retry or discard them")
	}
	if len(parked) == 0 {
		e.ok(check, "none")
	}
}
