package rig

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// profiled is for how many seconds of a turn a service is profiled.
const profiled = 3

// profile writes a CPU profile of the service's next seconds, if profiles are wanted and the service has them. Turns do not
// wait for it: one that is shorter has none.
func (r *Rig) profile(p *Process) {
	admin := p.Address("admin")
	if r.cfg.Profiles == "" || admin == "" {
		return
	}
	file := filepath.Join(r.cfg.Profiles, r.Name(p.name+"-")+".pprof")
	go func() {
		if err := fetch(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", admin, profiled), file); err != nil {
			r.cfg.Say("no profile: %v", err)
			return
		}
		r.cfg.Say("go tool pprof -top %s", file)
	}()
}

func fetch(url, into string) (err error) {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	if err := os.MkdirAll(filepath.Dir(into), 0o755); err != nil {
		return err
	}
	file, err := os.Create(into)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, response.Body)
	return err
}
