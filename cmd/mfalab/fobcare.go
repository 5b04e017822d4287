package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token"
)

// treatments are the verbs that do something to a fob.
func (c *cli) treatments() []*cobra.Command {
	return []*cobra.Command{
		c.treat("leave SERIAL PLACE", "Leave a fob somewhere: its clock and battery feel the temperature",
			"  mfalab fob leave GAHT12345678 cold-car      also drawer, pocket, hot-car, 21.5, daily:-5..30, random:7",
			func(t *control.Treatment, arg string) error { t.Climate = arg; return nil }),
		c.treat("heat SERIAL CELSIUS", "Keep a fob at one temperature", "  mfalab fob heat GAHT12345678 -- -20",
			func(t *control.Treatment, arg string) error {
				celsius, err := strconv.ParseFloat(arg, 64)
				if err != nil {
					return usage{fmt.Errorf("%q is no temperature: give degrees Celsius from -40 to 85", arg)}
				}
				t.Climate = arg
				return finite("a temperature of", celsius, "21.5")
			}),
		c.treat("drain SERIAL LEFT", "Drain its battery until LEFT of it, from 0 to 1, is there", "  mfalab fob drain GAHT12345678 0.05",
			func(t *control.Treatment, arg string) (err error) {
				if t.Left, err = strconv.ParseFloat(arg, 64); err != nil {
					return usage{fmt.Errorf("%q is no part of a battery: give 0 to 1", arg)}
				}
				return finite("a charge of", t.Left, "0.05")
			}),
		c.treat("break SERIAL FAULTS", "Break its button (stuck), its LCD (weak) or segments of a digit; none mends it",
			"  mfalab fob break GAHT12345678 3g,6ad        the third digit lacks its middle bar\n  mfalab fob break GAHT12345678 none",
			func(t *control.Treatment, arg string) error { t.Faults = strings.TrimPrefix(arg, "none"); return nil }),
		c.treat("setclock SERIAL OFFSET", "Set the clock of a programmable fob, so far from the lab's", "  mfalab fob setclock PROG12345678 24h",
			func(t *control.Treatment, arg string) error {
				d, err := time.ParseDuration(arg)
				if err != nil {
					return usage{fmt.Errorf("%q is no offset: give one such as 24h, or -- -30s", arg)}
				}
				t.By = live.Span(d)
				return nil
			}),
		c.treat("challenge SERIAL DIGITS", "Type a challenge into a card's keypad and print its answer", "  mfalab fob challenge OCRA12345678 12345678",
			func(t *control.Treatment, arg string) error { t.Challenge = arg; return nil }),
		c.treat("tamper SERIAL", "Break its case open: it forgets its seed", "  mfalab fob tamper GAHT12345678", nil),
		c.treat("kill SERIAL", "Take its battery out, for ever", "  mfalab fob kill GAHT12345678", nil),
	}
}

// treat is one verb that does something to a fob; read takes the verb's argument, nil where it has none.
func (c *cli) treat(use, short, example string, read func(t *control.Treatment, arg string) error) *cobra.Command {
	verb, _, _ := strings.Cut(use, " ")
	path := verb
	if verb == "heat" {
		path = "leave"
	}
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.ExactArgs(strings.Count(use, " ")),
		ValidArgsFunction: c.serials}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var t control.Treatment
		if read != nil {
			if err := read(&t, args[1]); err != nil {
				return err
			}
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var s live.Shown
			if err := lab.Post(ctx, "/v1/fobs/"+url.PathEscape(args[0])+"/"+path, t, &s); err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) {
				if verb == "challenge" {
					fmt.Fprintln(w, s.Code)
				}
			})
		})
	}
	return cmd
}

func (c *cli) fobProfiles() *cobra.Command {
	cmd := &cobra.Command{Use: "profiles [NAME]", Short: "List the products that a fob can be, or describe one",
		Example: "  mfalab fob profiles\n  mfalab fob profiles ezio", Args: cobra.MaximumNArgs(1)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.print(token.Profiles(), func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
				for _, p := range token.Profiles() {
					fmt.Fprintf(t, "%s\t%s\n", p.Name, p.Title)
				}
				_ = t.Flush() // to standard output, where an error has no reader
			})
		}
		p, err := token.ProfileNamed(args[0])
		if err != nil {
			return err
		}
		return c.print(p, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s\nserials %s, %d digits, %s-based, %s\n%s\n", p.Name, p.Title, p.SerialFormat, p.Digits,
				p.Factor, p.Algorithm, p.Source)
		})
	}
	return cmd
}
