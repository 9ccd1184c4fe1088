package exit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
)

func TestCode_IsThatOfTheInnermostThatHasOne(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, exit.OK},
		{cause, exit.Failed},
		{exit.With(exit.NotYet, cause), exit.NotYet},
		{fmt.Errorf("while: %w", exit.With(exit.Unknown, cause)), exit.Unknown},
		{errors.Join(nil, exit.With(exit.Usage, cause)), exit.Usage},
	} {
		if got := exit.Code(c.err); got != c.code {
			t.Errorf("%v ends with %d, want %d", c.err, got, c.code)
		}
	}
	if err := exit.With(exit.NotYet, cause); !errors.Is(err, cause) || err.Error() != "cause" {
		t.Errorf("the cause is hidden in %v", err)
	}
}

func TestDocumentation_NamesEveryCode(t *testing.T) {
	t.Parallel()
	for _, code := range []int{exit.OK, exit.Failed, exit.Usage, exit.NotYet, exit.Unknown, exit.Refused, exit.State, exit.Running} {
		if !strings.Contains(exit.Documentation, fmt.Sprintf("\n  %d  ", code)) {
			t.Errorf("exit code %d is not documented", code)
		}
	}
}
