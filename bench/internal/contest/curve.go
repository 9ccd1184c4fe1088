package contest

// A Curve shows how a cost grows with what causes it.
type Curve struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	X     string `json:"x"` // what grows, with its unit
	Y     string `json:"y"` // what it costs, with its unit
	Lines []Line `json:"lines"`

	Failed string `json:"failed,omitempty"` // why it has no more points
}

// Rounds returns how many rounds the curve's first point has.
func (c Curve) Rounds() int {
	if len(c.Lines) == 0 || len(c.Lines[0].Points) == 0 {
		return 0
	}
	return len(c.Lines[0].Points[0].Values)
}

// Line is one of the costs of a curve.
type Line struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
	Aside  bool    `json:"aside,omitempty"` // of another unit: stands in the table, and is not drawn
}

// Point holds what the rounds at one X showed.
type Point struct {
	X      float64   `json:"x"`
	Values []float64 `json:"values"`
}

// Growth returns how many times the median at the last point is that at the first.
func (l Line) Growth() float64 {
	if len(l.Points) == 0 {
		return 0
	}
	first, _ := Of(l.Points[0].Values)
	last, ok := Of(l.Points[len(l.Points)-1].Values)
	if !ok || first.Median == 0 {
		return 0
	}
	return last.Median / first.Median
}
