package park

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// net/http is the judge: what it reads from the bytes is what was written to the answer, and nothing is left over.
func TestAnswer_IsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	const row = `{"id":"1"}`
	for _, test := range []struct {
		method string
		status int // 0 where the handler sets none
		body   string
		want   int
		length int64
		read   string
	}{
		{"GET", 0, row, 200, int64(len(row)), row},
		{"GET", 404, row, 404, int64(len(row)), row},
		{"GET", 0, "", 200, 0, ""},
		{"GET", 304, "", 304, 0, ""},
		{"GET", 204, "", 204, 0, ""},
		{"HEAD", 200, row, 200, int64(len(row)), ""},
		{"HEAD", 404, "", 404, -1, ""},
	} {
		t.Run(fmt.Sprint(test.method, test.status, len(test.body)), func(t *testing.T) {
			t.Parallel()
			a := &answer{header: http.Header{"X": {"one\r\nSet-Cookie: two"}}}
			if test.status != 0 {
				a.WriteHeader(test.status)
				a.WriteHeader(500) // too late
			}
			_, _ = io.WriteString(a, test.body)
			wire := bufio.NewReader(bytes.NewReader(a.bytes(test.method == "HEAD")))
			got, err := http.ReadResponse(wire, &http.Request{Method: test.method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(io.LimitReader(got.Body, int64(len(test.read))))
			if err != nil || got.StatusCode != test.want || got.ContentLength != test.length || string(body) != test.read {
				t.Errorf("got %d, length %d, %q, %v", got.StatusCode, got.ContentLength, body, err)
			}
			if rest := wire.Buffered(); rest != 0 {
				t.Errorf("%d bytes are left for the next answer", rest)
			}
			if len(got.Header["Set-Cookie"]) != 0 || got.Header.Get("Date") == "" {
				t.Errorf("headers %v", got.Header)
			}
		})
	}
}

func TestMayWait_OnlyWhatCanComeAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(*http.Request)
		want   bool
	}{
		{func(*http.Request) {}, true},
		{func(r *http.Request) { r.URL.RawQuery = "" }, false},
		{func(r *http.Request) { r.URL.RawQuery, r.Header = "", http.Header{"Prefer": {"wait=3"}} }, true},
		{func(r *http.Request) { r.ProtoMinor = 0 }, false},
		{func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, false},
		{func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader(nil)) }, false},
	} {
		request, err := http.NewRequest(http.MethodGet, "/timestamps/1?wait=3s", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		test.change(request)
		if got := mayWait(request); got != test.want {
			t.Errorf("got %t for %s %q %v", got, request.Proto, request.URL.RawQuery, request.Header)
		}
	}
}
