package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token"
)

func (c *cli) fob() *cobra.Command {
	return group("fob", "Fobs: take one from the box, press its button, read its LCD",
		append([]*cobra.Command{c.fobNew(), c.fobList(), c.fobShow(), c.fobPress(), c.fobPeek(), c.fobDrift(), c.fobProfiles(), c.fobPlot(), c.fobImport(), c.fobExport()},
			c.treatments()...)...)
}

func (c *cli) fobNew() *cobra.Command {
	var spec live.FobSpec
	var seed string
	var ppm float64
	var count int
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Take a fob from the box; its serial is known to the lab's IAM from then on",
		Example: `  mfalab fob new                        one as the factory makes it
  mfalab fob new --serial GAHT00000001 --ppm 20
  mfalab fob new -n 500                 a box of them, all or none
  mfalab fob new --profile rsa60        another product: ` + "`mfalab fob profiles`" + ` lists them`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&spec.Profile, "profile", live.DefaultProfile, "the product")
	cmd.Flags().StringVar(&spec.Serial, "serial", "", "the serial number (default: the factory's next)")
	cmd.Flags().StringVar(&seed, "seed-hex", "", "the seed in hexadecimal (default: drawn)")
	cmd.Flags().Float64Var(&ppm, "ppm", 0, "how wrong its crystal is at 25 degrees, in parts per million (default: drawn)")
	cmd.Flags().IntVarP(&count, "count", "n", 1, "how many")
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := spec.Seed.UnmarshalText([]byte(seed)); err != nil {
			return usage{err}
		}
		if _, err := token.ProfileNamed(spec.Profile); err != nil {
			return usage{err} // before a lab is made for it
		}
		switch {
		case count < 1 || count > live.MaxBox:
			return usage{fmt.Errorf("--count %d: give 1 to %d", count, live.MaxBox)}
		case count > 1 && (spec.Serial != "" || seed != ""):
			return usage{fmt.Errorf("--count makes fobs with serials and seeds of their own: leave --serial and --seed-hex out")}
		}
		if cmd.Flags().Changed("ppm") {
			if err := finite("--ppm", ppm, "20 or -4.5"); err != nil {
				return err
			}
			spec.PPM = &ppm
		}
		return c.with(cmd, mayMake, func(ctx context.Context, lab *control.Client) error {
			return c.fobsNew(ctx, lab, spec, count)
		})
	}
	return cmd
}

func (c *cli) fobsNew(ctx context.Context, lab *control.Client, spec live.FobSpec, count int) error {
	var made []live.Shown
	stop := func() {}
	if count > 1 {
		stop = c.counting(ctx, lab)
	}
	err := lab.Post(ctx, "/v1/boxes", control.Box{FobSpec: spec, Count: count}, &made)
	stop()
	if err != nil {
		return err
	}
	return c.print(made, func(w io.Writer) {
		for _, s := range made {
			fmt.Fprintln(w, s.Serial)
		}
	})
}

func (c *cli) fobList() *cobra.Command {
	return c.list("/v1/fobs", "list", "List the fobs on the bench", "  mfalab fob list --json")
}

// list prints the devices of a shelf.
func (c *cli) list(path, use, short, example string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var all []live.Shown
			if err := lab.Get(ctx, path, &all); err != nil {
				return err
			}
			return c.print(all, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
				fmt.Fprintln(t, "SERIAL\tPROFILE\tLCD\tDRIFT\tBATTERY")
				for _, s := range all {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Serial, s.Profile, lcd(s), drift(s), battery(s))
				}
				_ = t.Flush() // to standard output, where an error has no reader
			})
		})
	}
	return cmd
}

func lcd(s live.Shown) string {
	switch {
	case s.Dead:
		return "dead"
	case s.Lit:
		return s.Code
	default:
		return "dark"
	}
}

func drift(s live.Shown) string {
	if s.Dead {
		return "-"
	}
	return fmt.Sprintf("%+.3fs", time.Duration(s.Drift).Seconds())
}

func battery(s live.Shown) string { return fmt.Sprintf("%.0f%%", s.Battery*100) }

func (c *cli) fobShow() *cobra.Command {
	var svg, back bool
	cmd := &cobra.Command{
		Use: "show SERIAL", Short: "Show a fob as it lies there, without touching it",
		Example: "  mfalab fob show GAHT12345678\n  mfalab fob show GAHT12345678 --svg > fob.svg", Args: cobra.ExactArgs(1),
		ValidArgsFunction: c.serials,
	}
	cmd.Flags().BoolVar(&svg, "svg", false, "draw it as SVG")
	cmd.Flags().BoolVar(&back, "back", false, "with --svg: its back, with serial and bar code")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			if svg || back {
				return c.picture(ctx, lab, args[0], back)
			}
			var s live.Shown
			if err := lab.Get(ctx, "/v1/fobs/"+url.PathEscape(args[0]), &s); err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) {
				fmt.Fprintf(w, "%s  %s\n%s", s.Serial, s.Profile, s.Art)
				if s.Dead {
					fmt.Fprintln(w, "dead: the battery is gone, and clock and seed with it")
					return
				}
				fmt.Fprintf(w, "clock %s from the lab's, %g degrees Celsius, battery %s\n", drift(s), s.Celsius, battery(s))
			})
		})
	}
	return cmd
}

// picture prints a fob as SVG.
func (c *cli) picture(ctx context.Context, lab *control.Client, serial string, back bool) error {
	var p live.Picture
	if err := lab.Get(ctx, "/v1/fobs/"+url.PathEscape(serial)+"/picture", &p); err != nil {
		return err
	}
	return c.print(p, func(w io.Writer) {
		if back {
			fmt.Fprint(w, p.Back)
			return
		}
		fmt.Fprint(w, p.Front)
	})
}

func (c *cli) fobPress() *cobra.Command {
	cmd := c.press("press SERIAL", "Press the button and print what the LCD shows", "/v1/fobs/%s/press",
		`  mfalab fob press GAHT12345678               what it shows now
  mfalab fob press GAHT12345678 --next        move the clock to the next code that nobody has got
  mfalab fob press GAHT12345678 --wait        wait for it instead
  mfalab fob press GAHT12345678 --min-left 10s`)
	cmd.ValidArgsFunction = c.serials
	return cmd
}

// press is the command of both shelves that gets a code.
func (c *cli) press(use, short, path, example string) *cobra.Command {
	var opt live.PressOptions
	var left time.Duration
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.ExactArgs(1)}
	cmd.Flags().BoolVar(&opt.Next, "next", false, "move the lab's clock to the first moment at which a new code is shown")
	cmd.Flags().BoolVar(&opt.Wait, "wait", false, "wait for that moment")
	cmd.Flags().DurationVar(&left, "min-left", 0, "only a code that is good for so long; waits, or moves the clock with --next")
	cmd.MarkFlagsMutuallyExclusive("next", "wait")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		opt.MinLeft = live.Span(left)
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var s live.Shown
			if err := lab.Post(ctx, fmt.Sprintf(path, url.PathEscape(args[0])), opt, &s); err != nil {
				return err
			}
			c.warnOtherTime(ctx, lab)
			return c.print(s, func(w io.Writer) { fmt.Fprintln(w, s.Code) })
		})
	}
	return cmd
}

// warnOtherTime says on a terminal that a code is for the lab's clock: somebody else's server goes by the wall's.
func (c *cli) warnOtherTime(ctx context.Context, lab *control.Client) {
	var clock control.Clock
	if !terminal(c.err) || lab.Get(ctx, "/v1/clock", &clock) != nil {
		return
	}
	if off := clock.Lab.Sub(clock.Wall).Round(time.Second); off.Abs() > 15*time.Second {
		fmt.Fprintf(c.err, "mfalab: hint: the lab's clock is %s off the wall's: a server outside the lab will not take this code\n",
			strings.TrimPrefix(off.String(), "-"))
	}
}

func (c *cli) fobPeek() *cobra.Command {
	var step string
	cmd := &cobra.Command{
		Use: "peek SERIAL", Short: "Print the code of any step, without a press",
		Example: `  mfalab fob peek GAHT12345678 --step 59061240
  mfalab fob peek GAHT12345678 --step +1      the one after the present one`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.serials,
	}
	cmd.Flags().StringVar(&step, "step", "+0", "the step: counted from 1970, or with a sign from the present one")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var s live.Shown
			query := url.Values{"step": {step}}
			if err := lab.Get(ctx, "/v1/fobs/"+url.PathEscape(args[0])+"/peek?"+query.Encode(), &s); err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) { fmt.Fprintln(w, s.Code) })
		})
	}
	return cmd
}
