package postgres

import (
	"context"
	"log/slog"
	"time"
)

// relistenAfter is how long Listen waits before it connects again.
const relistenAfter = 500 * time.Millisecond

// Listen calls notified with the payload of every notification on the channel until ctx ends, over a connection of its
// own. It connects again by itself, and calls connected each time that it listens: notifications may have been missed
// before that. It logs that it lost them once, however often it tries.
func Listen(ctx context.Context, cfg Config, name, channel string, log *slog.Logger, connected func(), notified func(payload string)) {
	told := false
	listening := func() {
		told = false
		log.InfoContext(ctx, "listening for notifications", "channel", channel)
		connected()
	}
	for ctx.Err() == nil {
		err := listenOnce(ctx, cfg, name, channel, listening, notified)
		if ctx.Err() != nil {
			return
		}
		if !told {
			told = true
			log.WarnContext(ctx, "no notifications, trying to listen again", "channel", channel, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(relistenAfter):
		}
	}
}

func listenOnce(ctx context.Context, cfg Config, name, channel string, connected func(), notified func(string)) error {
	conn, err := ConnectOne(ctx, cfg, name)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+Identifier(channel)); err != nil {
		return err
	}
	connected()
	for {
		notification, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		notified(notification.Payload)
	}
}
