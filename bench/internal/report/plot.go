package report

import (
	"bytes"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
)

// The size of a plot.
const (
	width     = 20 * vg.Centimeter
	barHeight = 1 * vg.Centimeter
)

// bars draws the median of each row's rate, or of its p99 where the rate is given, with lowest and highest.
func bars(t contest.Table) ([]byte, error) {
	key, label := contest.Rate, "per second"
	if t.Baseline == "" && t.Has(contest.P99) {
		key, label = contest.P99, "p99 in ms"
	}
	var medians plotter.Values
	var spreads horizontal
	var names []string
	for _, row := range slices.Backward(t.Rows) {
		if s, ok := row.Spread(key); ok {
			spreads.add(s, float64(len(names)))
			medians = append(medians, s.Median)
			names = append(names, row.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	p := plot.New()
	p.X.Label.Text, p.X.Min = label, 0
	chart, err := plotter.NewBarChart(medians, barHeight/2)
	if err != nil {
		return nil, err
	}
	chart.Horizontal, chart.Color = true, plotutil.SoftColors[2]
	whiskers, err := plotter.NewXErrorBars(spreads)
	if err != nil {
		return nil, err
	}
	p.Add(chart, whiskers)
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.5, float64(len(names))-0.5
	return svg(p, barHeight*vg.Length(len(names))+2*vg.Centimeter)
}

// horizontal holds points with errors to the left and right.
type horizontal struct {
	plotter.XYs
	plotter.XErrors
}

func (h *horizontal) add(s contest.Spread, y float64) {
	h.XYs = append(h.XYs, plotter.XY{X: s.Median, Y: y})
	h.XErrors = append(h.XErrors, struct{ Low, High float64 }{s.Median - s.Low, s.High - s.Median})
}

// lines draws each line of a curve over a logarithmic axis of what grows.
func lines(c contest.Curve) ([]byte, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = c.X, c.Y
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks(c)
	p.Y.Min = 0
	p.Legend.Top = true
	var drawn []any
	for _, line := range c.Lines {
		var medians plotter.XYs
		if line.Aside {
			continue
		}
		for _, point := range line.Points {
			if s, ok := contest.Of(point.Values); ok && !math.IsInf(s.Median, 0) && !math.IsNaN(s.Median) {
				medians = append(medians, plotter.XY{X: point.X, Y: s.Median})
			}
		}
		if len(medians) > 0 {
			drawn = append(drawn, line.Name, medians)
		}
	}
	if len(drawn) == 0 {
		return nil, nil
	}
	if err := plotutil.AddLinePoints(p, drawn...); err != nil {
		return nil, err
	}
	p.Y.Min, p.Y.Max = 0, 1.3*p.Y.Max // room for the legend
	return svg(p, 9*vg.Centimeter)
}

// ticks are where the curve has points.
func ticks(c contest.Curve) plot.ConstantTicks {
	var at plot.ConstantTicks
	for _, line := range c.Lines {
		for _, point := range line.Points {
			tick := plot.Tick{Value: point.X, Label: strconv.FormatFloat(point.X, 'f', -1, 64)}
			if !slices.Contains(at, tick) {
				at = append(at, tick)
			}
		}
	}
	return at
}

func svg(p *plot.Plot, height vg.Length) ([]byte, error) {
	p.BackgroundColor = color.White
	canvas := vgsvg.New(width, height)
	p.Draw(draw.New(canvas))
	var text bytes.Buffer
	_, err := canvas.WriteTo(&text)
	return text.Bytes(), err
}
