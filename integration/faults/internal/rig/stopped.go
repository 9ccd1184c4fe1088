package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
)

// AwaitStopped waits until the service has stopped itself, as STOP_AT in its environment has it do; Thaw lets it run on.
func (s *Service) AwaitStopped() {
	s.t.Helper()
	err := until(Patience, func(context.Context) error {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.PID()))
		if err != nil {
			return err
		}
		// proc(5): the state is the first field behind the name, which is in parentheses; T is stopped by a signal.
		if _, after, _ := bytes.Cut(stat, []byte(") ")); !bytes.HasPrefix(after, []byte("T")) {
			return fmt.Errorf("%s is not stopped", s.Name)
		}
		return nil
	})
	if err != nil {
		s.t.Fatalf("waited in vain: %v\n%s", err, s.show())
	}
	s.frozen = true
}

// A Batch is what a consumer-service says that it committed: the records of a partition from one offset up to another.
type Batch struct {
	Partition int32
	From, To  int64
	By        string
}

// AwaitBatch waits until the service says that it committed a batch.
func (r *Rig) AwaitBatch(s *Service) {
	r.t.Helper()
	r.await(func(context.Context) error {
		if len(r.Batches(s)) == 0 {
			return fmt.Errorf("%s has committed nothing", s.Name)
		}
		return nil
	})
}

// Batches returns what the services say that they committed of the topic in this life of theirs, in the order of their
// offsets.
func (r *Rig) Batches(services ...*Service) []Batch {
	var batches []Batch
	for _, s := range services {
		for _, line := range s.process.Find("batch", "topic", r.Topic) {
			number := func(name string) int64 {
				n, _ := line[name].(float64)
				return int64(n)
			}
			batches = append(batches, Batch{int32(number("partition")), number("offset"), number("next_offset"), s.Name})
		}
	}
	slices.SortFunc(batches, func(a, b Batch) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.From - b.From)
	})
	return batches
}
