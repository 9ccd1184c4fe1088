package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Update replaces the section of that name in a page of Markdown, which is everything between the lines
//
//	<!-- bench name -->
//	<!-- end name -->
//
// by the report, and writes the plots beside the page, into a folder of the page's name. What people wrote around stays.
func Update(page, name string, r Report) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	plots := strings.TrimSuffix(page, filepath.Ext(page))
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	section, err := r.markdown(plots)
	if err != nil {
		return err
	}
	text, err = replace(text, name, section)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, text, 0o644)
}

func replace(page []byte, name string, section []byte) ([]byte, error) {
	begin, end := fmt.Appendf(nil, "<!-- bench %s -->\n", name), fmt.Appendf(nil, "<!-- end %s -->", name)
	before, rest, found := bytes.Cut(page, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !found || !closed {
		return nil, fmt.Errorf("there is no section %q", name)
	}
	return bytes.Join([][]byte{before, begin, section, end, after}, nil), nil
}

// markdown returns the section's text and writes its plots.
func (r Report) markdown(plots string) ([]byte, error) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "\n%s\n", r.Where())
	for _, t := range r.Tables {
		fmt.Fprintf(&text, "\n### %s\n\n", t.Title)
		table(&text, cells(t))
		for _, row := range t.Rows {
			if row.Note != "" {
				fmt.Fprintf(&text, "\n- *%s*: %s", row.Name, row.Note)
			}
			if row.Failed != "" {
				fmt.Fprintf(&text, "\n- *%s* dropped out: %s", row.Name, firstLine(row.Failed))
			}
		}
		if t.Note != "" {
			fmt.Fprintf(&text, "\n\n%s", t.Note)
		}
		fmt.Fprintf(&text, "\n\n`%s`; median, lowest … highest of %s.\n", r.command(t.ID, t.Rounds), rounds(t.Rounds))
		if err := r.plot(&text, plots, t.ID, t.Title, func() ([]byte, error) { return bars(t) }); err != nil {
			return nil, err
		}
	}
	for _, c := range r.Curves {
		fmt.Fprintf(&text, "\n### %s\n\n%s.\n\n", c.Title, c.Y)
		table(&text, points(c))
		if c.Failed != "" {
			fmt.Fprintf(&text, "\nThere is no more: %s\n", firstLine(c.Failed))
		}
		fmt.Fprintf(&text, "\n`%s`; median, lowest … highest of %s.\n", r.command(c.ID, c.Rounds()), rounds(c.Rounds()))
		if err := r.plot(&text, plots, c.ID, c.Title, func() ([]byte, error) { return lines(c) }); err != nil {
			return nil, err
		}
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(&text, "\n**Failed**: %s\n", firstLine(failure))
	}
	text.WriteString("\n")
	return text.Bytes(), nil
}

// command is what measures one figure again.
func (r Report) command(id string, rounds int) string {
	return fmt.Sprintf("%s --contests %s --rounds %d", r.Command, id, rounds)
}

func (r Report) plot(text *bytes.Buffer, folder, id, title string, draw func() ([]byte, error)) error {
	svg, err := draw()
	if err != nil || svg == nil {
		return err
	}
	fmt.Fprintf(text, "\n![%s](%s/%s.svg)\n", title, filepath.Base(folder), id)
	return os.WriteFile(filepath.Join(folder, id+".svg"), svg, 0o644)
}

func table(text *bytes.Buffer, lines [][]string) {
	for i, line := range lines {
		for len(line) < len(lines[0]) {
			line = append(line, "")
		}
		fmt.Fprintf(text, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			text.WriteString("|---|" + strings.Repeat("---:|", len(line)-1) + "\n")
		}
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
