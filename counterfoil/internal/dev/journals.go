package dev

import (
	"errors"
	"sync/atomic"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

// journals are the log files of everything that runs here.
type journals struct {
	dev, broker, command, query, consumer *journal

	started atomic.Bool // from when on warnings are shown
}

// openJournals goes on with the logs in the directory. Errors of the services are shown, and once all has started their
// warnings: before that they only say what is not there yet. The broker is a part of us, and what we have to say is said
// anyway.
func openJournals(dir string, p *show.Printer) (*journals, error) {
	all := &journals{}
	alert := func(tone show.Tone, label, message string) {
		if tone == show.Bad || all.started.Load() {
			p.Alert(tone, label, message)
		}
	}
	for _, one := range []struct {
		name  string
		place **journal
		show  func(show.Tone, string, string)
	}{
		{"dev", &all.dev, nil}, {"broker", &all.broker, nil},
		{"command-service", &all.command, alert}, {"query-service", &all.query, alert}, {"consumer-service", &all.consumer, alert},
	} {
		opened, err := openJournal(dir, one.name, one.show)
		if err != nil {
			return nil, errors.Join(err, all.close())
		}
		*one.place = opened
	}
	return all, nil
}

func (all *journals) close() error {
	var errs []error
	for _, j := range []*journal{all.dev, all.broker, all.command, all.query, all.consumer} {
		if j != nil {
			errs = append(errs, j.Close())
		}
	}
	return errors.Join(errs...)
}
