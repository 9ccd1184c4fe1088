package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/client"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
)

// services asks each service whether it is ready. One that nobody named and that does not answer is passed over.
func (e *examination) services(ctx context.Context) error {
	for _, service := range []struct {
		name string
		key  target.Key
		flag string
	}{
		{"command-service", target.CommandURL, e.CommandURL},
		{"query-service", target.QueryURL, e.QueryURL},
		{"consumer-service", target.ConsumerURL, e.ConsumerURL},
	} {
		at, err := e.finder.FindURL(service.key, service.flag)
		if err != nil {
			return err
		}
		e.service(ctx, service.name, at)
	}
	return nil
}

func (e *examination) service(ctx context.Context, check string, at target.Target) {
	ready, err := client.New(at).Ready(ctx)
	if _, away := errors.AsType[*client.Unreachable](err); away && at.Origin == target.FromStandard {
		e.skip(check, "nothing answers at %s; name it by %s or %s", at.Value, at.Key.Flag, at.Key.Variable)
		return
	}
	if err != nil {
		e.fail(check, err.Error(), "start it, or name the right address by "+at.Key.Flag+" or "+at.Key.Variable)
		return
	}
	var faults, warnings []string
	for _, s := range ready.Checks {
		text := fmt.Sprintf("%s: %s", s.Name, s.Detail)
		switch {
		case !s.OK:
			faults = append(faults, text)
		case s.Warning:
			warnings = append(warnings, text)
		}
	}
	switch {
	case !ready.Ready:
		e.fail(check, fmt.Sprintf("%s is not ready: %s", at.Value, strings.Join(faults, "; ")), "mend what the checks above found; it becomes ready by itself")
	case len(warnings) > 0:
		e.warn(check, fmt.Sprintf("%s is ready, and warns: %s", at.Value, strings.Join(warnings, "; ")))
	default:
		e.ok(check, "%s is ready", at.Value)
	}
}
