package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asCurl makes this test binary do what curl does with the arguments that dev suggests.
const asCurl = "COUNTERFOIL_TEST_AS_CURL"

// paste runs lines as if somebody had pasted them into a shell. Where the machine has no curl, this binary is one.
func paste(t *testing.T, lines []string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", strings.Join(lines, "\n"))
	if _, err := exec.LookPath("curl"); err != nil {
		cmd.Env = append(os.Environ(), "PATH="+standIn(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return string(output)
}

// standIn returns a directory with a program named curl.
func standIn(t *testing.T) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", asCurl, binary)
	if err := os.WriteFile(filepath.Join(dir, "curl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// curl knows -sS and -X METHOD, and writes the answer's body.
func curl(args []string) int {
	method, address := http.MethodGet, ""
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-X":
			i++
			method = args[i]
		case args[i] != "-sS":
			address = args[i]
		}
	}
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		return 3
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 7
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(os.Stdout, response.Body)
	return 0
}
