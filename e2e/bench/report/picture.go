package report

import (
	"fmt"
	"html"
	"io"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// These are the sizes of a picture, in its own units.
const (
	panelWidth, panelHeight         = 420, 300
	marginLeft, marginTop, plotSide = 60, 50, 40
)

// colours are those of the contestants in a picture.
var colours = []struct{ who, colour string }{{measure.Ours, "#0b62d6"}, {measure.Peer, "#d9730d"}}

// draw writes a picture of the slopes (SVG), two beside each other.
func draw(out io.Writer, slopes [][]measure.Result) {
	rows := (len(slopes) + 1) / 2
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", 2*panelWidth, rows*panelHeight)
	fmt.Fprintf(out, `<rect width="%d" height="%d" fill="white"/>`+"\n", 2*panelWidth, rows*panelHeight)
	for i, points := range slopes {
		fmt.Fprintf(out, `<g transform="translate(%d,%d)">`+"\n", i%2*panelWidth, i/2*panelHeight)
		drawPanel(out, points)
		fmt.Fprintln(out, "</g>")
	}
	fmt.Fprintln(out, "</svg>")
}

// drawPanel draws one slope. Both axes are linear and begin at 0.
func drawPanel(out io.Writer, points []measure.Result) {
	last, most := points[len(points)-1].Point, 0.0
	for _, r := range points {
		most = max(most, r.Median[measure.Ours], r.Median[measure.Peer])
	}
	right, bottom := float64(panelWidth-plotSide), float64(panelHeight-plotSide)
	x := func(n int) float64 { return marginLeft + (right-marginLeft)*float64(n)/float64(last.At) }
	y := func(ms float64) float64 { return bottom - (bottom-marginTop)*ms/most }
	fmt.Fprintf(out, `<text x="%d" y="20" font-weight="bold">%s</text>`+"\n", marginLeft, html.EscapeString(last.Slope))
	fmt.Fprintf(out, `<path d="M%d %d V%.0f H%.0f" fill="none" stroke="black"/>`+"\n", marginLeft, marginTop, bottom, right)
	fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="end">%.0f ms</text>`+"\n", marginLeft-5, marginTop+5, most)
	fmt.Fprintf(out, `<text x="%.0f" y="%.0f" text-anchor="end">%s</text>`+"\n", right, bottom+32, html.EscapeString(last.Quantity))
	for _, r := range points {
		fmt.Fprintf(out, `<text x="%.0f" y="%.0f" text-anchor="middle">%d</text>`+"\n", x(r.Point.At), bottom+16, r.Point.At)
	}
	for i, c := range colours {
		var line string
		for _, r := range points {
			line += fmt.Sprintf("%.1f,%.1f ", x(r.Point.At), y(r.Median[c.who]))
			fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(r.Point.At), y(r.Median[c.who]), c.colour)
		}
		fmt.Fprintf(out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", line, c.colour)
		fmt.Fprintf(out, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", marginLeft+10+60*i, marginTop-10, c.colour, c.who)
	}
}
