package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// healthPatience is how long checkHealth waits for an answer. It is shorter than the patience of those who run --health,
// so that they get its reason.
const healthPatience = 3 * time.Second

// checkHealth asks the service on this machine that has the settings of the struct that cfg points to whether it is
// ready, and returns why it is not. A container of the service's image has no other program that could ask.
func checkHealth(ctx context.Context, cfg any) error {
	port, err := serverPort(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz?verbose", port), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 2<<10))
	return fmt.Errorf("not ready: %s: %s", response.Status, body)
}

// serverPort returns the port that SERVER_PORT, or its default, gives to the service. The other settings are not read:
// they are the running service's business.
func serverPort(cfg any) (int, error) {
	for field, value := range settings(cfg) {
		if field.Tag.Get("envconfig") != "SERVER_PORT" {
			continue
		}
		if err := readSetting(field, value); err != nil {
			return 0, err
		}
		if value.Int() == 0 {
			return 0, errors.New("SERVER_PORT is 0, and which port the service took is in its log only")
		}
		return int(value.Int()), nil
	}
	return 0, errors.New("the service has no SERVER_PORT")
}
