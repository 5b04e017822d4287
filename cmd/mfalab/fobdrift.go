package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

func (c *cli) fobDrift() *cobra.Command {
	var by time.Duration
	var ppm float64
	cmd := &cobra.Command{
		Use:   "drift SERIAL",
		Short: "Say how far a fob's clock is off and when servers will refuse its codes, or set its drift",
		Long: "Say how far a fob's clock is off, how fast that changes, and when servers will refuse its codes, if the fob stays\n" +
			"where it is. With a flag its clock is set first, or its crystal exchanged: the lab's hand, which reaches into\n" +
			"sealed fobs, too.",
		Example: `  mfalab fob drift GAHT12345678                 what its clock does, and will do
  mfalab fob drift GAHT12345678 --by 90s        its clock is 90 seconds ahead from now on
  mfalab fob drift GAHT12345678 --by -45s --ppm 20`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.serials,
	}
	cmd.Flags().DurationVar(&by, "by", 0, "put its clock so far ahead of the lab's, or behind with a minus")
	cmd.Flags().Float64Var(&ppm, "ppm", 0, "give it a crystal so wrong at 25 degrees, in parts per million")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var change live.DriftChange
		if cmd.Flags().Changed("by") {
			span := live.Span(by)
			change.By = &span
		}
		if cmd.Flags().Changed("ppm") {
			if err := finite("--ppm", ppm, "20 or -4.5"); err != nil {
				return err
			}
			change.PPM = &ppm
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) (err error) {
			var d live.Drift
			path := "/v1/fobs/" + url.PathEscape(args[0]) + "/drift"
			if change == (live.DriftChange{}) {
				err = lab.Get(ctx, path, &d)
			} else {
				err = lab.Post(ctx, path, change, &d)
			}
			if err != nil {
				return err
			}
			return c.print(d, func(w io.Writer) { printDrift(w, d) })
		})
	}
	return cmd
}

// finite refuses a number that is none, which JSON cannot carry either.
func finite(name string, v float64, example string) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return usage{fmt.Errorf("%s %v is no number of the kind that is wanted: give one such as %s", name, v, example)}
	}
	return nil
}

func printDrift(w io.Writer, d live.Drift) {
	fmt.Fprintf(w, "%s  %s, %g degrees Celsius\n", d.Serial, d.Profile, d.Celsius)
	fmt.Fprintf(w, "clock  %+.3f s from the lab's; its present code is %s\n", time.Duration(d.Drift).Seconds(), stepsOff(d.Steps))
	fmt.Fprintf(w, "rate   %+.3f ppm, %+.3f s a day: crystal %+.3f, ageing %+.3f, temperature %+.3f\n\n",
		d.PPM, time.Duration(d.PerDay).Seconds(), d.Crystal, d.Ageing, d.Temperature)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "WINDOW\tNOW\tFIRST CODE REFUSED\tLAST ACCEPTED\tSERVERS")
	for _, v := range d.Windows {
		now := "refuses"
		if v.Accepts {
			now = "accepts"
		}
		fmt.Fprintf(t, "±%d, %.0f s\t%s\t%s\t%s\t%s\n", v.Steps, time.Duration(v.Window).Seconds(), now, when(v.From, d.Time), when(v.Lost, d.Time), v.Servers)
	}
	_ = t.Flush() // to standard output, where an error has no reader
}

// stepsOff words how many steps a code is ahead of the server's.
func stepsOff(n int64) string {
	switch {
	case n == 0:
		return "the lab's, too"
	case n > 0:
		return fmt.Sprintf("%d ahead", n)
	}
	return fmt.Sprintf("%d behind", -n)
}

// when words a moment that a forecast names; zero is one that the fob does not live to see.
func when(t, now time.Time) string {
	switch days := t.Sub(now).Hours() / 24; {
	case t.IsZero():
		return "not in its life"
	case !t.After(now):
		return "already"
	case days < 2:
		return t.Format("2006-01-02 15:04:05")
	default:
		return fmt.Sprintf("%s, in %.0f days", t.Format(time.DateOnly), math.Floor(days))
	}
}

// serials completes the serial of a fob in a shell. Where there is no lab there is nothing to offer.
func (c *cli) serials(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var fobs []live.Shown
	// An error has no place to go in the middle of somebody's typing.
	_ = c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error { return lab.Get(ctx, "/v1/fobs", &fobs) })
	offers := make([]cobra.Completion, len(fobs))
	for i, f := range fobs {
		offers[i] = cobra.CompletionWithDesc(f.Serial, f.Profile)
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}
