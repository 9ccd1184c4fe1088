package apply

// Waiting returns how many batches wait to be committed together.
func (a *Applier) Waiting() int {
	a.together.mu.Lock()
	defer a.together.mu.Unlock()
	return len(a.together.waiting)
}
