package kafka

import "sync"

// maxSessionBytes is how many bytes of records a session may hold before it asks the broker for no more. What was asked for
// already still comes: from each broker at most maxFetchBytes, or one record that is larger.
const maxSessionBytes = 24 << 20

// budget bounds what all claims of a session hold together: their queues, the batches that their handlers work on, and
// the record of each that does not fit into its queue. A bound for each claim alone would grow with the partitions.
type budget struct {
	limit         int
	pause, resume func() // stop and start fetching, for all partitions

	mu     sync.Mutex
	used   int
	paused bool
}

// take counts bytes that came.
func (b *budget) take(bytes int) { b.add(bytes) }

// give counts bytes that nobody holds any more.
func (b *budget) give(bytes int) { b.add(-bytes) }

func (b *budget) add(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += bytes
	switch full := b.used >= b.limit; {
	case full && !b.paused:
		b.pause()
	case !full && b.paused:
		b.resume()
	default:
		return
	}
	b.paused = !b.paused
}
