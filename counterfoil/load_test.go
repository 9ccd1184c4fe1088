package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// load posts commands from several clients until the service is gone, and keeps the ids of those that were acknowledged.
type load struct {
	mu      sync.Mutex
	ids     []string
	enough  chan struct{} // closed at the wanted number
	clients sync.WaitGroup
}

// startLoad begins to post; enough is closed once want commands were acknowledged.
func startLoad(t *testing.T, commandURL string, want int) *load {
	t.Helper()
	l := &load{enough: make(chan struct{})}
	for range 8 {
		l.clients.Go(func() {
			client := &http.Client{Timeout: patience}
			for {
				id, err := post(client, commandURL)
				if err != nil {
					return // the service was killed
				}
				l.mu.Lock()
				l.ids = append(l.ids, id)
				if len(l.ids) == want {
					close(l.enough)
				}
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(l.clients.Wait)
	return l
}

func post(client *http.Client, commandURL string) (id string, err error) {
	response, err := client.Post(commandURL+"/api/v1/timestamp", "", nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", response.Status)
	}
	var ticket struct{ ID string }
	return ticket.ID, json.NewDecoder(response.Body).Decode(&ticket)
}

// requireRows fails the test unless every id can be read.
func requireRows(t *testing.T, queryURL string, ids []string) {
	t.Helper()
	left := make(chan string)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			client := &http.Client{Timeout: time.Minute}
			for id := range left {
				response, err := client.Get(queryURL + "/api/v1/timestamp/" + id + "?wait=30s")
				if err != nil {
					t.Error(err)
					continue
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("command %s was acknowledged and is answered %s", id, response.Status)
				}
			}
		})
	}
	for _, id := range ids {
		left <- id
	}
	close(left)
	readers.Wait()
}
