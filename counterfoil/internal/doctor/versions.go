package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// standsStill is after which time without a checkpoint that moved a build is looked into.
const standsStill = time.Minute

// versions checks that one version of each model serves, and that those that are filled are.
func (e *examination) versions(ctx context.Context, check string, versions []readmodel.Declared) {
	serving := map[string]bool{}
	for _, v := range versions {
		serving[v.Name] = serving[v.Name] || v.Serving()
	}
	for _, v := range versions {
		switch {
		case v.State == readmodel.Dropped:
		case !v.TableExists:
			e.fail(check, fmt.Sprintf("%s has no table %s.%s", v.Label(), v.Schema, v.Table),
				"restart the consumer-service, which creates it anew and fills it from offset 0")
		case v.State == readmodel.Planned:
			e.ok(check, "%s is planned; counterfoil readmodel build %s %d fills it", v.Label(), v.Name, v.Number)
		case v.State == readmodel.Building:
			e.building(ctx, check, v.Version)
		case v.State.Kept() && v.Group == "":
			e.fail(check, v.Label()+" was never applied to by any consumer group", "start the consumer-service with its declaration")
		case v.Serving():
			e.ok(check, "%s serves, applied by group %s", v.Label(), v.Group)
		default:
			e.ok(check, "%s is %s, applied by group %s", v.Label(), v.State, v.Group)
		}
		if !serving[v.Name] {
			serving[v.Name] = true // once for a model
			e.fail(check, fmt.Sprintf("no version of %s serves", v.Name), fmt.Sprintf("counterfoil readmodel status %s shows what there is; then counterfoil readmodel switch %s --to N", v.Name, v.Name))
		}
	}
}

// building looks whether a build goes on.
func (e *examination) building(ctx context.Context, check string, v readmodel.Version) {
	again := fmt.Sprintf("counterfoil readmodel build %s %d", v.Name, v.Number)
	gone, err := readmodel.BuilderGone(ctx, e.pool, v)
	if err == nil && gone {
		e.fail(check, fmt.Sprintf("%s is built by the process %s, which is gone", v.Label(), v.Builder), again+" gives it to the consumer-services")
		return
	}
	checkpoints, errCheckpoints := readmodel.Checkpoints(ctx, e.pool, v.Group)
	progress, errProgress := readmodel.BuildProgress(ctx, e.pool, v)
	for _, err := range []error{err, errCheckpoints, errProgress} {
		if err != nil {
			e.fail(check, err.Error(), "look at the log of the database")
			return
		}
	}
	moved := v.ChangedAt
	for _, c := range checkpoints {
		if c.ChangedAt.After(moved) {
			moved = c.ChangedAt
		}
	}
	far := fmt.Sprintf("%s is building, %d of %d records", v.Label(), progress.Applied, progress.Target)
	if still := time.Since(moved); still > standsStill && progress.Applied < progress.Target {
		e.fail(check, fmt.Sprintf("%s, and stands still since %s", far, moved.UTC().Format(time.RFC3339)),
			"start the consumer-service, or see its /readyz?verbose and its log for what stops it",
			fmt.Sprintf("give it up: counterfoil readmodel retire %s %d", v.Name, v.Number))
		return
	}
	e.ok(check, "%s", far)
}

// declarations compares the files with the versions that there are.
func (e *examination) declarations(ctx context.Context, check string) {
	dir, topic := e.finder.Find(target.ReadModels, ""), e.finder.Find(target.ConsumerTopic, "")
	all, err := readmodel.Load(dir.Value, map[string]string{topic.Key.Variable: topic.Value})
	if err != nil {
		e.fail(check, strings.ReplaceAll(err.Error(), "\n", "; "), "mend the file; a consumer-service does not start with it")
		return
	}
	var same []string
	for _, d := range all {
		plan, err := readmodel.PlanFor(ctx, e.pool, d)
		switch {
		case err != nil:
			e.fail(check, err.Error(), "look at the log of the database")
			return
		case plan.Needed && plan.First:
			e.warn(check, fmt.Sprintf("%s is declared and has no version", d.Name), "start a consumer-service that has the declaration, or: counterfoil readmodel migrate "+d.Name)
		case plan.Needed:
			e.warn(check, fmt.Sprintf("%s: the file %s", d.Name, strings.Join(plan.Reasons, "; ")),
				fmt.Sprintf("counterfoil readmodel plan %s says what a new version takes; if the consumer-service has other settings, name them: READ_MODELS_DIR, KAFKA_CONSUMER_TOPIC", d.Name))
		default:
			same = append(same, plan.Declaration.Label())
		}
	}
	if len(same) > 0 {
		slices.Sort(same)
		e.ok(check, "%s as declared", strings.Join(same, ", "))
	}
}
