package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token"
)

// A curve is one fob's life in the plot.
type curve struct {
	label, climate, colour string
	ppm                    int64
}

// curves are the lives that the plot draws unless it is told others: what a factory sells, in the places where people
// keep it.
var curves = []curve{
	{"+20 ppm, drawer", "drawer", "#b45309", 20},
	{"+4 ppm, drawer", "drawer", "#0f766e", 4},
	{"0 ppm, pocket", "pocket", "#1d4ed8", 0},
	{"-4 ppm, drawer", "drawer", "#7c3aed", -4},
	{"0 ppm, cold car", "cold-car", "#be123c", 0},
}

func (c *cli) fobPlot() *cobra.Command {
	var days int
	var out string
	cmd := &cobra.Command{Use: "plot", Short: "Draw drift against age and temperature, with real servers' windows, as SVG",
		Example: "  mfalab fob plot --out drift.svg", Args: cobra.NoArgs}
	cmd.Flags().IntVar(&days, "days", 365, "how long, in days")
	cmd.Flags().StringVar(&out, "out", "-", "the file; - is standard output")
	cmd.RunE = func(*cobra.Command, []string) error {
		if days < 2 || days > 3650 {
			return usage{fmt.Errorf("--days %d: give 2 to 3650", days)}
		}
		picture, err := plot(curves, days)
		if err != nil {
			return err
		}
		if out == "-" {
			_, err = io.WriteString(c.out, picture)
			return err
		}
		return writeFile(c.path(out), []byte(picture))
	}
	return cmd
}

// The frame of the plot, in its own units.
const (
	plotWidth, plotHeight      = 960, 600
	plotLeft, plotRight        = 70, 200
	plotTop, plotBottom        = 50, 60
	plotSeconds                = 400.0 // drawn on either side of zero
	plotPoints                 = 200
	plotStep                   = 30 * time.Second // of the fobs that it draws
	plotInnerWidth, plotInnerH = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
)

func plotY(seconds float64) float64 {
	seconds = min(max(seconds, -plotSeconds), plotSeconds)
	return plotTop + plotInnerH/2 - seconds/plotSeconds*plotInnerH/2
}

// plot draws the drift of each curve's fob from its first day on.
func plot(curves []curve, days int) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui,'DejaVu Sans',sans-serif" font-size="13" role="img" aria-label="drift of fobs against their age">`+"\n",
		plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<text x="%d" y="28" font-size="17" font-weight="bold">How far is a fob's clock off after %d days?</text>`+"\n", plotLeft, days)
	for _, w := range slices.Backward(live.Windows()) {
		seconds := w.Within(plotStep).Seconds()
		y := plotY(seconds)
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%d" height="%.1f" fill="#16a34a" fill-opacity="0.07"/>`+"\n",
			plotLeft, y, plotInnerWidth, plotY(-seconds)-y)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" font-size="11" fill="#166534" text-anchor="end">±%.0f s: %s</text>`+"\n",
			plotLeft+plotInnerWidth-6, plotY(-seconds)-4, seconds, w.Servers)
	}
	for s := -plotSeconds; s <= plotSeconds; s += 100 {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#cbd5e1" stroke-width="%d"/>`+"\n",
			plotLeft, plotLeft+plotInnerWidth, plotY(s), plotY(s), map[bool]int{true: 2, false: 1}[s == 0])
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%.0f s</text>`+"\n", plotLeft-8, plotY(s)+4, s)
	}
	for i := range 5 {
		x := plotLeft + plotInnerWidth*i/4
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">day %d</text>`+"\n", x, plotHeight-plotBottom+22, days*i/4)
	}
	for i, c := range curves {
		line, err := c.path(days)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2.5"/>`+"\n", line, c.colour)
		y := plotTop + 14 + i*24
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s" stroke-width="3"/>`+"\n", plotWidth-plotRight+12, plotWidth-plotRight+32, y-4, y-4, c.colour)
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="12">%s</text>`+"\n", plotWidth-plotRight+38, y, c.label)
	}
	b.WriteString("</svg>\n")
	return b.String(), nil
}

// path returns the curve as an SVG path, up to where it leaves the frame.
func (c curve) path(days int) (string, error) {
	profile, err := token.ProfileNamed("ezio")
	if err != nil {
		return "", err
	}
	climate, err := token.ParseClimate(c.climate)
	if err != nil {
		return "", err
	}
	born := scenarioStart
	fob, err := token.NewFob(token.Config{Profile: profile, Serial: "GAHT00000000", Seed: make(token.Seed, 20), TolerancePPB: c.ppm * 1000, Born: born})
	if err != nil {
		return "", err
	}
	fob.SetClimate(born, climate)
	var d strings.Builder
	for i := range plotPoints + 1 {
		seconds := fob.Drift(born.Add(time.Duration(i) * time.Duration(days) * 24 * time.Hour / plotPoints)).Seconds()
		fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], plotLeft+float64(plotInnerWidth*i)/plotPoints, plotY(seconds))
		if seconds < -plotSeconds || seconds > plotSeconds {
			break
		}
	}
	return d.String(), nil
}
