package versions

import (
	"context"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/client"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// explain says what the consumer-service has to say of a build that stands still.
func (c *Build) explain(ctx context.Context, p *show.Printer, o *operation, v readmodel.Version) {
	p.Alert(show.Warning, "warning", v.Label()+" stands still")
	at, err := o.finder.FindURL(target.ConsumerURL, "")
	if err != nil {
		return
	}
	readiness, err := client.New(at).Ready(ctx)
	if err != nil {
		p.Say("  %v; is a consumer-service running? CONSUMER_URL names another", err)
		return
	}
	for _, check := range readiness.Checks {
		if !check.OK && (strings.Contains(check.Name, v.Label()) || strings.Contains(check.Name, v.Group)) {
			p.Say("  %s: %s", check.Name, check.Detail)
		}
	}
	p.Say("  %s/readyz?verbose and its log say more", at.Value)
}
