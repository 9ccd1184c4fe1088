package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/park"
	"github.com/counterfoil/counterfoil/query-service/internal/wait"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/web"
)

// ask looks the key up, and waits for it as long as the request says.
func ask[K comparable, V any](c echo.Context, lobby *wait.Lobby, room *wait.Room[K, V], key K) (answer V, err error) {
	longest, preferred, err := longestWait(c.Request())
	if err != nil {
		return answer, err
	}
	if longest == 0 {
		answer, err = room.Look(c.Request().Context(), key)
	} else {
		answer, err = linger(c.Request().Context(), room, key, longest)
		if lobby.Closing() {
			c.Response().Header().Set("Connection", "close")
		}
	}
	if preferred && err == nil {
		c.Response().Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(longest.Seconds())))
	}
	return answer, err
}

// linger waits for the key, for a moment where the request can park. Then it parks it, and is called again for its answer.
func linger[K comparable, V any](ctx context.Context, room *wait.Room[K, V], key K, longest time.Duration) (V, error) {
	spot := park.Of(ctx)
	if spot == nil {
		return room.Wait(ctx, key, longest)
	}
	if before := spot.Sitting(); before != nil {
		if sitting, same := before.(*wait.Sitting[K, V]); same {
			return sitting.Rise(ctx)
		}
		return room.Look(ctx, key) // the routes are others since it parked
	}
	until := time.Now().Add(longest)
	sitting, answer, err := room.Sit(ctx, key)
	if sitting == nil {
		return answer, err
	}
	if sitting.Soon(ctx, until) {
		return sitting.Rise(ctx)
	}
	return answer, spot.Park(sitting, until)
}

// longestWait returns how long the request wants to wait, at most web.MaxWait. The parameter wait counts before the
// header Prefer; preferred reports that the header decided.
func longestWait(request *http.Request) (longest time.Duration, preferred bool, err error) {
	query, err := parametersOf(request)
	if err != nil {
		return 0, false, err
	}
	text, given, err := parameter(query, "wait")
	if err != nil {
		return 0, false, err
	}
	if given {
		longest, err = parseWait(text)
		return longest, false, err
	}
	longest, preferred = preferredWait(request.Header)
	return longest, preferred, nil
}

// parseWait reads a duration of Go, such as 10s or 1m30s, or a whole number of seconds.
func parseWait(text string) (time.Duration, error) {
	if isDigits(text) {
		return wholeSeconds(text), nil
	}
	longest, err := time.ParseDuration(text)
	if err != nil || longest < 0 {
		return 0, fault.New(fault.CodeInvalidParameter,
			fmt.Sprintf("wait is a duration such as 10s or 1500ms, or a number of seconds; at most %s is waited.", web.MaxWait), nil)
	}
	return min(longest, web.MaxWait), nil
}

// wholeSeconds returns what the digits say, or the longest wait where that is less.
func wholeSeconds(digits string) time.Duration {
	seconds, err := strconv.Atoi(digits)
	if errors.Is(err, strconv.ErrRange) || seconds > int(web.MaxWait.Seconds()) {
		return web.MaxWait
	}
	return time.Duration(seconds) * time.Second
}

// preferredWait returns the value of the preference wait=seconds (RFC 7240, section 4.3). As there, one that cannot be
// understood is ignored.
func preferredWait(header http.Header) (longest time.Duration, ok bool) {
	value, _ := web.Preference(header, "wait")
	if !isDigits(value) {
		return 0, false
	}
	return wholeSeconds(value), true
}
