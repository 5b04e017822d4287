package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

func (c *cli) clock() *cobra.Command {
	now := &cobra.Command{Use: "now", Short: "Show the lab's clock and the wall's", Example: "  mfalab clock now", Args: cobra.NoArgs}
	now.RunE = func(*cobra.Command, []string) error {
		return c.with(now, mustBe, func(ctx context.Context, lab *control.Client) error {
			var k control.Clock
			if err := lab.Get(ctx, "/v1/clock", &k); err != nil {
				return err
			}
			return c.printClock(k)
		})
	}
	advance := &cobra.Command{Use: "advance DURATION", Short: "Move the lab's clock forward, through everything that happens on the way",
		Example: "  mfalab clock advance 30s\n  mfalab clock advance 2000h", Args: cobra.ExactArgs(1)}
	advance.RunE = func(_ *cobra.Command, args []string) error {
		return c.span(advance, args[0], "/v1/clock/advance", func(d live.Span) any { return control.Advance{By: d} })
	}
	rate := &cobra.Command{Use: "rate RATE", Short: "Let RATE seconds pass in the lab for one of the wall's; 0 stands still",
		Example: "  mfalab clock rate 60", Args: cobra.ExactArgs(1)}
	rate.RunE = func(_ *cobra.Command, args []string) error {
		r, err := strconv.ParseFloat(args[0], 64)
		if err != nil {
			return usage{fmt.Errorf("%q is no rate: give a number such as 1, 60 or 0", args[0])}
		}
		if err := finite("a rate of", r, "1, 60 or 0"); err != nil {
			return err
		}
		return c.setClock(rate, "/v1/clock/rate", control.Rate{Rate: r})
	}
	reset := &cobra.Command{Use: "reset", Short: "Put the lab's clock to the wall's, the one way back",
		Example: "  mfalab clock reset", Args: cobra.NoArgs}
	reset.RunE = func(*cobra.Command, []string) error { return c.setClock(reset, "/v1/clock/reset", nil) }
	return group("clock", "The lab's clock: look at it, move it, hurry it", now, advance, rate, reset)
}

func (c *cli) wait() *cobra.Command {
	cmd := &cobra.Command{Use: "wait DURATION", Short: "Wait until DURATION has passed in the lab; costs nothing where its clock stands still",
		Example: "  mfalab wait 30s", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.span(cmd, args[0], "/v1/clock/wait", func(d live.Span) any { return control.Wait{For: d} })
	}
	return cmd
}

// span posts a duration that the user gave.
func (c *cli) span(cmd *cobra.Command, text, path string, body func(live.Span) any) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return usage{fmt.Errorf("%q is no duration: give one such as 30s, 5m or 2000h", text)}
	}
	return c.setClock(cmd, path, body(live.Span(d)))
}

func (c *cli) setClock(cmd *cobra.Command, path string, body any) error {
	return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
		var k control.Clock
		if err := lab.Post(ctx, path, body, &k); err != nil {
			return err
		}
		return c.printClock(k)
	})
}

func (c *cli) printClock(k control.Clock) error {
	return c.print(k, func(w io.Writer) {
		fmt.Fprintf(w, "lab   %s  rate %g\nwall  %s\n", k.Lab.Format("2006-01-02 15:04:05.000"), k.Rate, k.Wall.Format("2006-01-02 15:04:05.000"))
	})
}
