package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/console/internal/live"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// The size of a line chart, in pixels, and the time that it shows.
const (
	lineWidth, lineHeight = 120, 24
	lineSpan              = 10 * time.Minute
)

// lineGap is the time between two points from which the line is interrupted, because the console
// did not read the fleet.
const lineGap = 15 * time.Second

// lineChart returns rates as a line, in SVG. The line ends now.
func lineChart(rates []live.Rate, now time.Time) template.HTML {
	highest := 0.0
	for _, r := range rates {
		highest = max(highest, r.PerSecond)
	}
	if len(rates) < 2 {
		return ""
	}
	var path strings.Builder
	var last time.Time
	for _, r := range rates {
		x := lineWidth * (1 - float64(now.Sub(r.At))/float64(lineSpan))
		y := float64(lineHeight - 2)
		if highest > 0 {
			y -= (lineHeight - 4) * r.PerSecond / highest
		}
		command := "L"
		if r.At.Sub(last) > lineGap {
			command = "M"
		}
		if last = r.At; x < 0 {
			last = time.Time{}
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
	}
	label := "hits per second in the last 10 minutes, at most " + plain.Rate(highest)
	return template.HTML(fmt.Sprintf(`<svg class="line" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+
		`<path class="axis" d="M0 %d.5H%d"/><path d="%s"/></svg>`,
		lineWidth, lineHeight, lineWidth, lineHeight, label, lineHeight-1, lineWidth, path.String()))
}

// bar is a bar of a histogram.
type bar struct {
	Label string
	Count int
}

// histogram returns bars as SVG, each with its count and label.
func histogram(bars []bar, title string) template.HTML {
	const width, height, barHeight = 64, 120, 84
	most := 1
	for _, b := range bars {
		most = max(most, b.Count)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="histogram" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		width*len(bars), height, width*len(bars), height, template.HTMLEscapeString(title))
	for i, b := range bars {
		h := barHeight * b.Count / most
		if b.Count > 0 {
			h = max(h, 1)
		}
		x := i * width
		fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%d" height="%d"/>`, x+4, barHeight+14-h, width-8, h)
		if b.Count > 0 {
			fmt.Fprintf(&out, `<text x="%d" y="%d">%d</text>`, x+width/2, barHeight+10-h, b.Count)
		}
		fmt.Fprintf(&out, `<text x="%d" y="%d">%s</text>`, x+width/2, height-4, template.HTMLEscapeString(b.Label))
	}
	out.WriteString("</svg>")
	return template.HTML(out.String())
}
