// Package client is a client of the services, as anybody could write one: it sends what it is told to and returns what
// came back. Every answer is checked by package contract.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/integration/internal/contract"
)

// requestLimit is longer than the longest wait that a client may ask for.
const requestLimit = 60 * time.Second

// A Service is one service at one address.
type Service struct {
	URL string

	transport *http.Transport
	http      *http.Client
}

// New returns the service at the URL, such as http://localhost:7080.
func New(url string) *Service {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	url = strings.TrimSuffix(url, "/")
	return &Service{URL: url, transport: transport, http: &http.Client{
		Transport:     contract.New(url, transport),
		Timeout:       requestLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes the connections that are not in use.
func (s *Service) Close() { s.transport.CloseIdleConnections() }

// An Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request without a body. The header's names and values come in turn. It returns an error where there is no
// answer, or one that the service's OpenAPI document does not allow.
func (s *Service) Do(ctx context.Context, method, path string, header ...string) (Answer, error) {
	return s.Send(ctx, method, path, "", header...)
}

// Get is Do with the method GET.
func (s *Service) Get(ctx context.Context, path string, header ...string) (Answer, error) {
	return s.Do(ctx, http.MethodGet, path, header...)
}

// Send is Do with a body.
func (s *Service) Send(ctx context.Context, method, path, body string, header ...string) (Answer, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, content)
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header[header[i]] = append(request.Header[header[i]], header[i+1]) // as written, which HTTP does not care about
	}
	response, err := s.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(read)}, nil
}

// Want returns an error that shows the answer unless it has that status.
func (a Answer) Want(status int) error {
	if a.Status != status {
		return fmt.Errorf("the status is %d, want %d: %s", a.Status, status, a.Body)
	}
	return nil
}

// Strings returns the members of the answer's JSON object, all of which have to be strings.
func (a Answer) Strings() (map[string]string, error) {
	var members map[string]string
	if err := json.Unmarshal([]byte(a.Body), &members); err != nil {
		return nil, fmt.Errorf("the body is not an object of strings: %w: %s", err, a.Body)
	}
	return members, nil
}

// Text returns the string member of the answer's JSON object, "" where there is none.
func (a Answer) Text(member string) string {
	var members map[string]any
	if json.Unmarshal([]byte(a.Body), &members) != nil {
		return ""
	}
	text, _ := members[member].(string)
	return text
}
