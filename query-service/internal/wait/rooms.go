package wait

import (
	"context"
	"sync"
)

// Rooms are rooms for one kind of question, each with a name, made when they are first entered. One that is slow does not
// hold the others.
type Rooms[K comparable, V any] struct {
	open func(name string) *Room[K, V]

	mu     sync.Mutex
	rooms  map[string]*Room[K, V]
	during context.Context // that of Run; nil before it, and when it has ended
	all    sync.WaitGroup
}

// NewRooms returns rooms that open makes. Their names must not be made up by clients: no room is ever closed.
func NewRooms[K comparable, V any](open func(name string) *Room[K, V]) *Rooms[K, V] {
	return &Rooms[K, V]{open: open, rooms: map[string]*Room[K, V]{}}
}

// Run runs all rooms until ctx ends, those that are opened later included.
func (r *Rooms[K, V]) Run(ctx context.Context) error {
	r.mu.Lock()
	r.during = ctx
	for _, room := range r.rooms {
		r.run(room)
	}
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.during = nil
	r.mu.Unlock()
	r.all.Wait()
	return nil
}

func (r *Rooms[K, V]) run(room *Room[K, V]) {
	ctx := r.during
	r.all.Go(func() { _ = room.Run(ctx) })
}

// Room returns the room of that name.
func (r *Rooms[K, V]) Room(name string) *Room[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.rooms[name]
	if room == nil {
		room = r.open(name)
		r.rooms[name] = room
		if r.during != nil {
			r.run(room)
		}
	}
	return room
}

// Wake wakes the room of that name, or all where the name is "".
func (r *Rooms[K, V]) Wake(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for of, room := range r.rooms {
		if name == "" || of == name {
			room.Wake()
		}
	}
}
