// Package ledger keeps on disk what a client of the services did and what it was promised, so that afterwards somebody can
// say whether the promises were kept.
//
// It promises that an attempt is synced to the file before it is sent, and its answer before anybody relies on it. So what
// the services hold and the ledger does not know, nobody sent.
package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// An Outcome is what an attempt came to, in the eyes of its client.
type Outcome string

// The outcomes.
const (
	Open         Outcome = ""             // no answer yet
	Acknowledged Outcome = "acknowledged" // there is a ticket
	Unknown      Outcome = "unknown"      // the service says that it cannot tell, and names the id
	Refused      Outcome = "refused"      // the service, or the lack of a connection, says that there is no command
	Broken       Outcome = "broken"       // the connection ended without an answer, or there was none in time
)

// An Attempt is one request that asked to keep one command. Attempts with one Command number carry the same
// Idempotency-Key, where there is one, and the same payload.
type Attempt struct {
	Number  int64     `json:"n"`
	Command int64     `json:"command"`
	Key     string    `json:"key,omitempty"` // the Idempotency-Key
	Payload time.Time `json:"payload"`       // the timestamp to keep; no two commands have the same
	Sent    time.Time `json:"sent"`

	Outcome  Outcome   `json:"outcome,omitempty"`
	ID       string    `json:"id,omitempty"`       // as it was answered
	Position string    `json:"position,omitempty"` // as it was answered
	Detail   string    `json:"detail,omitempty"`   // status and code, or the error
	Answered time.Time `json:"answered,omitzero"`
}

// A Ledger is a file to which attempts are appended: one line when an attempt is sent, another when it is answered. It may
// be used by many at the same time; what they write meanwhile is synced together.
type Ledger struct {
	file *os.File

	mu     sync.Mutex
	buffer []byte
	wait   *group // those whose lines are in the buffer
	err    error
	wake   chan struct{}
	done   chan struct{}
}

// group waits for one sync.
type group struct {
	synced chan struct{}
	err    error
}

// Create makes a new ledger in the file.
func Create(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create the ledger: %w", err)
	}
	l := &Ledger{file: file, wait: newGroup(), wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l, nil
}

func newGroup() *group { return &group{synced: make(chan struct{})} }

// Write appends the attempt as it is now and returns when that is on disk.
func (l *Ledger) Write(a Attempt) error {
	line, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return l.err
	}
	l.buffer = append(append(l.buffer, line...), '\n')
	mine := l.wait
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-mine.synced
	return mine.err
}

// run writes and syncs what has gathered since the last time.
func (l *Ledger) run() {
	defer close(l.done)
	for range l.wake {
		l.flush()
	}
}

func (l *Ledger) flush() {
	l.mu.Lock()
	lines, waiting := l.buffer, l.wait
	l.buffer, l.wait = nil, newGroup()
	l.mu.Unlock()
	_, err := l.file.Write(lines)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		waiting.err = fmt.Errorf("write the ledger: %w", err)
	}
	close(waiting.synced)
}

// Close closes the file. Nobody may write any more.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return nil
	}
	l.err = errors.New("the ledger is closed")
	l.mu.Unlock()
	close(l.wake)
	<-l.done
	return l.file.Close()
}

// Read returns the attempts of a ledger in the order in which they were sent, each with the last that is known of it. A
// last line that was cut off by a crash is passed over.
func Read(path string) ([]Attempt, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer func() { _ = file.Close() }()
	var attempts []Attempt
	place := map[int64]int{}
	lines := bufio.NewReader(file)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return attempts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		var a Attempt
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("read the ledger: line %d: %w", n, err)
		}
		if i, known := place[a.Number]; known {
			attempts[i] = a
			continue
		}
		place[a.Number] = len(attempts)
		attempts = append(attempts, a)
	}
}
