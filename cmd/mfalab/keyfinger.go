package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

func (c *cli) keyFinger() *cobra.Command {
	var serial string
	var in control.KeyFingers
	cmd := &cobra.Command{Use: "finger [FINGER[:SAMPLE]]...",
		Short: "Put fingers on a key, one each time that it blinks",
		Long: `Put fingers on a key, one each time that it blinks: now if it does, or later. Each is a touch; where the key has a
sensor and looks, it matters which finger it is and how it lies.

FINGER is a name of yours: right-index, which ` + "`mfalab key touch`" + ` touches with, left-thumb, mallory-1. Those that are
enrolled are recognised. SAMPLE is how it lies: ` + strings.Join(u2f.Samples(), ", ") + `;
:none is nobody, until the key stops waiting.`,
		Example: `  mfalab key finger right-index
  mfalab key finger left-thumb:too-fast left-thumb left-thumb
  mfalab key finger left-little left-little left-little --key 12345678     three that it does not know
  mfalab key finger --anew                                                 forget what was said before`}
	cmd.Flags().StringVar(&serial, "key", "", "the key's serial (default: the only one)")
	cmd.Flags().BoolVar(&in.Anew, "anew", false, "instead of what was said before, not behind it")
	cmd.RunE = func(_ *cobra.Command, args []string) (err error) {
		if len(args) == 0 && !in.Anew {
			return usage{fmt.Errorf("say which finger, as in `mfalab key finger %s`", u2f.UsualFinger)}
		}
		if in.Fingers, err = parseFingers(args); err != nil {
			return err
		}
		return c.postKey(cmd, serial, "finger", in)
	}
	return cmd
}

// parseFingers reads FINGER or FINGER:SAMPLE.
func parseFingers(args []string) ([]u2f.Finger, error) {
	list := []u2f.Finger{}
	for _, arg := range args {
		name, sample, said := strings.Cut(arg, ":")
		f := u2f.Finger{Name: name}
		if said {
			if err := f.Sample.UnmarshalText([]byte(sample)); err != nil {
				return nil, usage{err}
			}
		}
		if err := f.Check(); err != nil {
			return nil, usage{err}
		}
		list = append(list, f)
	}
	return list, nil
}

// fingerWords writes fingers as parseFingers reads them.
func fingerWords(list []u2f.Finger) (words []string) {
	for _, f := range list {
		word := f.Name
		if f.Sample != 0 {
			word += ":" + f.Sample.String()
		}
		words = append(words, word)
	}
	return words
}

func (c *cli) keyEnrol() *cobra.Command {
	var serial, pin, name string
	cmd := &cobra.Command{Use: "enrol FINGER", Short: "Enrol a finger on a key with a sensor, as a platform does that has the PIN",
		Example: `  mfalab key new --profile bio --touch auto && mfalab key pin --new 1234
  mfalab key enrol right-index --pin 1234
  mfalab key enrol left-thumb --pin 1234 --name Daumen`, Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&serial, "key", "", "the key's serial (default: the only one)")
	cmd.Flags().StringVar(&pin, "pin", "", "the key's PIN")
	cmd.Flags().StringVar(&name, "name", "", "the fingerprint's name, which platforms show (default: none)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if pin == "" {
			return usage{errors.New("a finger is enrolled by who knows the PIN: --pin PIN")}
		}
		return c.postKey(cmd, serial, "enrol", map[string]string{"pin": pin, "finger": args[0], "name": name})
	}
	return cmd
}

// postKey does something to the key with that serial, or to the only one.
func (c *cli) postKey(cmd *cobra.Command, serial, verb string, in any) error {
	return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
		var args []string
		if serial != "" {
			args = append(args, serial)
		}
		serial, err := c.oneKey(ctx, lab, args)
		if err != nil {
			return err
		}
		var s live.KeyShown
		if err := lab.Post(ctx, "/v1/keys/"+url.PathEscape(serial)+"/"+verb, in, &s); err != nil {
			return err
		}
		return c.print(s, func(w io.Writer) { tellKey(w, s) })
	})
}

// tellSensor describes a key's fingerprints for people.
func tellSensor(w io.Writer, s live.KeyShown) {
	if s.Sensor == nil {
		return
	}
	tries := "blocked until a PIN is right"
	if s.Sensor.Retries > 0 {
		tries = fmt.Sprintf("%d tries", s.Sensor.Retries)
	}
	fmt.Fprintf(w, "sensor       %s\nfingers      %d of %d\n", tries, len(s.Sensor.Fingerprints), s.Sensor.Templates)
	for _, f := range s.Sensor.Fingerprints {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s  %s  %s", f.ID, f.Finger, f.Name), " "))
	}
}
