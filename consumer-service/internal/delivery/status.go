package delivery

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafka"
)

// patience is how long a partition may be without progress before readiness says so.
const patience = 15 * time.Second

// Status says whether the handler keeps up: false with the reasons when a partition is refused, or has not been able to
// apply its next record for a while.
func (h *Handler) Status() (ok bool, detail string) {
	h.mu.Lock()
	preparing := h.preparing
	h.mu.Unlock()
	if preparing != "" {
		return false, preparing
	}
	var reasons []string
	for _, p := range h.assigned() {
		since, reason := p.stuck()
		switch {
		case p.refused != nil:
			reasons = append(reasons, p.refused.Error())
		case !since.IsZero() && time.Since(since) > patience:
			reasons = append(reasons, fmt.Sprintf("%s/%d stands still for %s: %s", p.Topic, p.Number, time.Since(since).Round(time.Second), reason))
		}
	}
	if len(reasons) > 0 {
		return false, strings.Join(reasons, "; ")
	}
	return true, fmt.Sprintf("%d partitions", len(h.assigned()))
}

// assigned returns the partitions of this session in order.
func (h *Handler) assigned() []*partition {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Values(h.partitions), func(a, b *partition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), int(a.Number-b.Number))
	})
}

// Joined says whether the member is in its group, and if not, since when and why.
func Joined(group *kafka.Group) (ok bool, detail string) {
	joined, since, reason := group.Status()
	if joined {
		return true, ""
	}
	return false, fmt.Sprintf("not in the group for %s: %s", time.Since(since).Round(time.Second), reason)
}
