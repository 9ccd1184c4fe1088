package await

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type final struct{}

func (final) Error() string   { return "final" }
func (final) Permanent() bool { return true }

func TestTry_EndsAtTheFirstRightAnswerOrAtOneThatIsFinalOrWithPatience(t *testing.T) {
	t.Parallel()
	notYet := errors.New("not yet")
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			answers []error // the last one is repeated
			tries   int     // 0 where patience ends it
			want    error
		}{
			"at once":          {[]error{nil}, 1, nil},
			"later":            {[]error{notYet, notYet, nil, notYet}, 3, nil},
			"final":            {[]error{notYet, final{}, nil}, 2, final{}},
			"final within":     {[]error{errors.Join(notYet, final{}), nil}, 1, final{}},
			"never":            {[]error{notYet}, 0, notYet},
			"the last one, so": {[]error{errors.New("another"), notYet}, 0, notYet},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), Patience)
			tries, began := 0, time.Now()
			err := Try(ctx, func(context.Context) error {
				answer := c.answers[min(tries, len(c.answers)-1)]
				tries++
				return answer
			})
			cancel()
			if !errors.Is(err, c.want) || c.tries > 0 && tries != c.tries {
				t.Errorf("%s: %d tries ended with %v", name, tries, err)
			}
			if waited := time.Since(began); (waited == Patience) != (c.tries == 0) {
				t.Errorf("%s: it took %s", name, waited)
			}
		}
	})
}
