package show

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Page collects what a person reads.
type Page struct {
	style style
	buf   bytes.Buffer
}

func (p *Page) bytes() []byte { return p.buf.Bytes() }

// Cell is a piece of text with a tone.
type Cell struct {
	Text string
	Tone Tone
}

// Text returns a cell in the plain tone.
func Text(text string) Cell { return Cell{Text: text} }

// Line writes cells beside each other.
func (p *Page) Line(cells ...Cell) {
	for i, cell := range cells {
		if i > 0 {
			p.buf.WriteByte(' ')
		}
		p.buf.WriteString(p.style.paint(cell.Tone, cell.Text))
	}
	p.buf.WriteByte('\n')
}

// Field is a name with a value.
type Field struct {
	Name  string
	Value Cell
}

// Fields writes one field a line with their values below each other. Fields without a value are left out.
func (p *Page) Fields(fields ...Field) {
	var rows [][]Cell
	for _, f := range fields {
		if f.Value.Text != "" {
			rows = append(rows, []Cell{{f.Name, Faint}, f.Value})
		}
	}
	p.rows(rows)
}

// Table writes a header and rows in aligned columns.
func (p *Page) Table(header []string, rows [][]Cell) {
	titles := make([]Cell, len(header))
	for i, title := range header {
		titles[i] = Cell{strings.ToUpper(title), Faint}
	}
	p.rows(append([][]Cell{titles}, rows...))
}

// rows aligns columns by what is seen, which text/tabwriter cannot once there are escape sequences.
func (p *Page) rows(rows [][]Cell) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.Text))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			p.buf.WriteString(p.style.paint(cell.Tone, cell.Text))
			if i < len(row)-1 {
				p.buf.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell.Text)+2))
			}
		}
		p.buf.WriteByte('\n')
	}
}
