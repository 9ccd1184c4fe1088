package main

import (
	"runtime"
	"runtime/debug"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

// version is the command `counterfoil version`.
type version struct{}

// build is which build a program is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run shows what the linker knows of this build.
func (version) Run(p *show.Printer) error {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Version = info.Main.Version
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				b.Revision = setting.Value
			case "vcs.time":
				b.Time = setting.Value
			case "vcs.modified":
				b.Modified = setting.Value == "true"
			}
		}
	}
	return p.Result(b, func(page *show.Page) {
		modified := ""
		if b.Modified {
			modified = " with changes that are not committed"
		}
		page.Fields(
			show.Field{Name: "version", Value: show.Text(b.Version)},
			show.Field{Name: "revision", Value: show.Text(b.Revision + modified)},
			show.Field{Name: "time", Value: show.Text(b.Time)},
			show.Field{Name: "go", Value: show.Text(b.Go + " " + b.Platform)},
		)
	})
}
