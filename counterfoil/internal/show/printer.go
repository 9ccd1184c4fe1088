// Package show writes what a command found: tables for a person, or one line of JSON for a program.
//
// Results go to standard output and everything else (progress, explanations, errors) to standard error, so that output
// can be piped. Both shapes are made from the same value. It decides nothing about the content.
package show

import (
	"encoding/json"
	"fmt"
	"io"
)

// Printer writes results in the shape that was asked for.
type Printer struct {
	out, err io.Writer
	json     bool
	verbose  bool
	terminal bool
	outStyle style
	errStyle style
}

// Options say how a Printer writes.
type Options struct {
	Out, Err             io.Writer
	JSON                 bool // results as one line of JSON
	Verbose              bool // Explain writes
	ColourOut, ColourErr bool // escape sequences for colour may be written there
	Terminal             bool // Err is a terminal, on which a line can be written again
}

// New returns a Printer.
func New(o Options) *Printer {
	return &Printer{out: o.Out, err: o.Err, json: o.JSON, verbose: o.Verbose, terminal: o.Terminal, outStyle: style(o.ColourOut), errStyle: style(o.ColourErr)}
}

// Result writes v as one line of JSON, or what person puts onto a page.
func (p *Printer) Result(v any, person func(*Page)) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(v)
	}
	page := &Page{style: p.outStyle}
	person(page)
	_, err := p.out.Write(page.bytes())
	return err
}

// Say tells a person what goes on.
func (p *Printer) Say(format string, args ...any) {
	fmt.Fprintf(p.err, format+"\n", args...)
}

// Alert tells a person of something wrong. The label is short, such as a level or a name.
func (p *Printer) Alert(tone Tone, label, message string) {
	fmt.Fprintf(p.err, "%s %s\n", p.errStyle.paint(tone, label), message)
}

// Explain tells a person who asked for it how a result came about.
func (p *Printer) Explain(format string, args ...any) {
	if p.verbose {
		fmt.Fprintln(p.err, p.errStyle.paint(Faint, fmt.Sprintf(format, args...)))
	}
}

// Failure writes why a command failed: JSON where results are JSON.
func (p *Printer) Failure(err error, code int) {
	if p.json {
		_ = json.NewEncoder(p.err).Encode(map[string]any{"error": err.Error(), "exit_code": code})
		return
	}
	p.Alert(Bad, "counterfoil:", err.Error())
}
