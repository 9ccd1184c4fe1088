package apply

// Waiting returns how many batches wait to be committed together.
func (a *Applier) Waiting() int {
	a.together.mu.Lock()
	defer a.together.mu.Unlock()
	return len(a.together.waiting)
}

// TakeTurn has batches wait to be committed together until the function that it returns is called.
func (a *Applier) TakeTurn() (end func()) {
	a.together.turn <- struct{}{}
	return func() { <-a.together.turn }
}
