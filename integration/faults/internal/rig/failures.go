package rig

import (
	"context"
	"fmt"
)

// AwaitFailures waits until the consumers together had that many batches fail with the code.
func (r *Rig) AwaitFailures(code string, least float64) {
	r.t.Helper()
	r.await(func(ctx context.Context) error {
		sum := 0.0
		for _, s := range r.Consumers {
			n, err := s.Metric(ctx, "counterfoil_batch_failures_total", fmt.Sprintf("code=%q", code))
			if err != nil {
				return err
			}
			sum += n
		}
		if sum < least {
			return fmt.Errorf("%v batches failed with %s", sum, code)
		}
		return nil
	})
}
