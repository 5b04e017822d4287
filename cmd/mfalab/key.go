package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

func (c *cli) key() *cobra.Command {
	return group("key", "Security keys: plug them in, touch them, watch what programs say to them",
		c.keyNew(), c.keyList(), c.keyShow(), c.keyPlug(), c.keyUnplug(), c.keyTouch(), c.keyDeny(), c.keyPresence(), c.keyPIN(),
		c.keyFinger(), c.keyEnrol(), c.keyReset(), c.keyWatch(), c.keyProfile(), c.keyQuirk(),
		c.keyCredentials(), c.keyRemove(), c.keyClone(), c.keySnapshot(), c.keyRollback(), c.keyExport(), c.keyImport(), c.keyCapture(), c.keyRoot(), c.modelStatus("  mfalab key status"), c.keyRule())
}

// presenceFlags are the options that say who touches a key.
type presenceFlags struct {
	mode  string
	delay time.Duration
}

func (f *presenceFlags) of(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.mode, "touch", "manual", "who touches it, a `WORD`: manual (mfalab key touch), auto, never, deny")
	cmd.Flags().DurationVar(&f.delay, "delay", 0, "how long after it begins to blink, for auto and deny")
}

func (f *presenceFlags) presence() (p u2f.Presence, err error) {
	if err := p.Mode.UnmarshalText([]byte(f.mode)); err != nil {
		return p, usage{fmt.Errorf("--touch %q is not known: give manual, auto, never or deny", f.mode)}
	}
	if f.delay < 0 || f.delay > time.Hour {
		return p, usage{fmt.Errorf("--delay %s: give up to an hour", f.delay)}
	}
	if f.delay > 0 && p.Mode != u2f.Auto && p.Mode != u2f.Deny {
		return p, usage{fmt.Errorf("--delay %s: with --touch %s nobody acts by himself; give --touch auto or deny too", f.delay, f.mode)}
	}
	p.Delay = f.delay
	return p, nil
}

func (c *cli) keyNew() *cobra.Command {
	var spec live.KeySpec
	var touch presenceFlags
	var profile string
	cmd := &cobra.Command{Use: "new", Short: "Make a security key and plug it in",
		Example: `  mfalab key new                        touched by ` + "`mfalab key touch`" + `
  mfalab key new --touch auto --delay 200ms
  mfalab key new --profile u2f --serial 00000001
  mfalab key new --element tpm:///dev/tpmrm0`, Args: cobra.NoArgs}
	cmd.Flags().StringVar(&profile, "profile", "", "the product, a `NAME` of mfalab key profile list (default "+live.DefaultKeyProfile+"), or a file with one of your own")
	cmd.Flags().StringVar(&spec.Serial, "serial", "", "the serial number (default: eight digits)")
	cmd.Flags().BoolVar(&spec.Unplugged, "unplugged", false, "leave it in the drawer")
	cmd.Flags().StringVar(&spec.Element, "element", "", "the TPM in which its secrets are: tpm:///dev/tpmrm0, tpm+unix:///PATH or tpm://HOST:PORT of a swtpm (docs/tpm.md)")
	elementAuthFlag(cmd, &spec.ElementAuthFile)
	touch.of(cmd)
	cmd.RunE = func(*cobra.Command, []string) (err error) {
		spec.ElementAuthFile = c.absolute(spec.ElementAuthFile)
		if spec.Presence, err = touch.presence(); err != nil {
			return err
		}
		if spec.Profile = profile; isFile(profile) {
			spec.Profile = ""
			if spec.Custom, err = c.readKeyProfile(profile); err != nil {
				return err
			}
		}
		return c.with(cmd, mayMake, func(ctx context.Context, lab *control.Client) error {
			var s live.KeyShown
			if err := lab.Post(ctx, "/v1/keys", spec, &s); err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) { fmt.Fprintln(w, s.Serial) })
		})
	}
	return cmd
}

func (c *cli) keyList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the keys on the bench", Example: "  mfalab key list --json", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var all []live.KeyShown
			if err := lab.Get(ctx, "/v1/keys", &all); err != nil {
				return err
			}
			return c.print(all, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
				fmt.Fprintln(t, "SERIAL\tPROFILE\tPLUGGED IN\tTOUCH\tPIN\tCREDENTIALS\tCOUNTER")
				for _, s := range all {
					holds := fmt.Sprintf("%d of %d\t%d", s.Credentials, s.Slots, s.Counter)
					if s.Unpowered || s.Trouble != "" {
						holds = "unknown\tunknown"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Serial, s.Profile, plugged(s), s.Presence.Mode, pin(s), holds)
				}
				_ = t.Flush() // to standard output, where an error has no reader
			})
		})
	}
	return cmd
}

func plugged(s live.KeyShown) string {
	switch {
	case s.Trouble != "":
		return "does not start"
	case !s.Plugged:
		return "no"
	case s.Unpowered:
		return s.Node + " (no power: nobody has attached it)"
	case s.Waiting != nil:
		return "blinks"
	case s.Node != "":
		return s.Node
	}
	return "yes"
}

func pin(s live.KeyShown) string {
	switch {
	case s.Unpowered, s.Trouble != "":
		return "unknown"
	case !s.PIN:
		return "none"
	case s.PINRetries == 0:
		return "blocked"
	}
	text := fmt.Sprintf("set, %d tries", s.PINRetries)
	if s.ForcePINChange {
		text += ", must be changed"
	}
	return text
}

// onKey is a verb that does something to one key.
func (c *cli) onKey(use, short, example string, more ...func(cmd *cobra.Command) (body func() (any, error))) *cobra.Command {
	verb, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.keySerials}
	body := func() (any, error) { return nil, nil }
	for _, m := range more {
		body = m(cmd)
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		in, err := body()
		if err != nil {
			return err
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			serial, err := c.oneKey(ctx, lab, args)
			if err != nil {
				return err
			}
			var s live.KeyShown
			if err := lab.Post(ctx, "/v1/keys/"+url.PathEscape(serial)+"/"+verb, in, &s); err != nil {
				return ruled(err)
			}
			return c.print(s, func(w io.Writer) { tellKey(w, s) })
		})
	}
	return cmd
}

// oneKey returns the serial that was given, or that of the only key.
func (c *cli) oneKey(ctx context.Context, lab *control.Client, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	var all []live.KeyShown
	if err := lab.Get(ctx, "/v1/keys", &all); err != nil {
		return "", err
	}
	switch len(all) {
	case 0:
		return "", hinted{errors.New("there is no key on the bench"), "`mfalab key new` makes one"}
	case 1:
		return all[0].Serial, nil
	}
	return "", usage{fmt.Errorf("there are %d keys: say which by its serial: %s", len(all), serialsOf(all))}
}

// mostNamed is how many keys a message names. Our choice: one line.
const mostNamed = 8

// serialsOf names keys, the first of them where there are many.
func serialsOf(all []live.KeyShown) string {
	var list []string
	for _, s := range all[:min(len(all), mostNamed)] {
		list = append(list, s.Serial)
	}
	if len(all) > mostNamed {
		list = append(list, "...")
	}
	return strings.Join(list, ", ")
}

// tellKey describes a key for people.
func tellKey(w io.Writer, s live.KeyShown) {
	fmt.Fprintf(w, "%s  %s (%s)\n", s.Serial, s.Name, s.Profile)
	fmt.Fprintf(w, "plugged in   %s\n", plugged(s))
	if s.Trouble != "" {
		fmt.Fprintf(w, "trouble      %s\n", s.Trouble)
	}
	touch := s.Presence.Mode.String()
	if s.Presence.Delay > 0 {
		touch += " after " + s.Presence.Delay.String()
	}
	fmt.Fprintf(w, "touch        %s\n", touch)
	if len(s.Fingers) > 0 {
		fmt.Fprintf(w, "before that  %s\n", strings.Join(fingerWords(s.Fingers), ", "))
	}
	if s.Waiting != nil {
		what := strings.Fields(fmt.Sprintf("%s %s %s", s.Waiting.Command, s.Waiting.RP, s.Waiting.Wants))
		if s.Waiting.Hold > 0 {
			what = append(what, "for "+time.Duration(s.Waiting.Hold).String())
		}
		fmt.Fprintf(w, "waits for    %s\n", strings.Join(what, " "))
	}
	tellElement(w, s.Element)
	if s.Plugged && !s.Unpowered {
		fmt.Fprintf(w, "PIN          %s\ncredentials  %d of %d\ncounter      %d\n", pin(s), s.Credentials, s.Slots, s.Counter)
		tellSensor(w, s)
		showSettings(w, s)
	}
}

func (c *cli) keyShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show [SERIAL]", Short: "Show how a key stands, and what it says of itself", Example: "  mfalab key show 12345678",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.keySerials}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			serial, err := c.oneKey(ctx, lab, args)
			if err != nil {
				return err
			}
			var s live.KeyShown
			if err := lab.Get(ctx, "/v1/keys/"+url.PathEscape(serial), &s); err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) {
				tellKey(w, s)
				tellInfo(w, s.Info)
			})
		})
	}
	return cmd
}

func (c *cli) keyPlug() *cobra.Command {
	return c.onKey("plug [SERIAL]", "Plug a key in: it has power, and ten seconds in which it can be reset",
		"  mfalab key plug\n  mfalab key plug 12345678 --via tcp:127.0.0.1:8112\n  sudo mfalab key plug --via uhid           with `mfalab key rule` without sudo",
		func(cmd *cobra.Command) func() (any, error) {
			var in control.KeyPlug
			cmd.Flags().StringVar(&in.Via, "via", "", "uhid, for every program on a Linux host; usbip, for usbip attach; tcp, udp or sock for raw reports; "+
				"all but uhid with :ADDRESS if you like (default: the lab's bus)")
			var file string
			elementAuthFlag(cmd, &file)
			return func() (any, error) {
				if cmd.Flags().Changed("element-auth-file") {
					file = c.absolute(file)
					in.ElementAuthFile = &file
				}
				return in, nil
			}
		})
}

func (c *cli) keyUnplug() *cobra.Command {
	return c.onKey("unplug [SERIAL]", "Pull a key out: what it has not in its flash is lost", "  mfalab key unplug 12345678")
}

func (c *cli) keyPresence() *cobra.Command {
	return c.onKey("presence [SERIAL]", "Say who touches a key from now on, also for a request that waits already",
		"  mfalab key presence --touch auto --delay 1s", func(cmd *cobra.Command) func() (any, error) {
			var f presenceFlags
			f.of(cmd)
			return func() (any, error) {
				p, err := f.presence()
				return control.KeyPresence{Mode: p.Mode, Delay: live.Span(p.Delay)}, err
			}
		})
}

func (c *cli) keyPIN() *cobra.Command {
	return c.onKey("pin [SERIAL]", "Set a key's PIN, or change it", "  mfalab key pin --new 1234\n  mfalab key pin --old 1234 --new 567890",
		func(cmd *cobra.Command) func() (any, error) {
			var old, pin string
			cmd.Flags().StringVar(&old, "old", "", "the PIN that it has")
			cmd.Flags().StringVar(&pin, "new", "", "the PIN that it gets")
			return func() (any, error) {
				if pin == "" {
					return nil, usage{errors.New("say which PIN it gets: --new PIN")}
				}
				return map[string]string{"old": old, "pin": pin}, nil
			}
		})
}

func (c *cli) keyReset() *cobra.Command {
	return c.onKey("reset [SERIAL]", "Pull a key out, plug it in and reset it: credentials and PIN are gone", "  mfalab key reset 12345678")
}

func (c *cli) keyTouch() *cobra.Command {
	var hold, wait time.Duration
	cmd := &cobra.Command{Use: "touch [SERIAL]", Short: "Touch a key that blinks; with nothing waiting the status is 1",
		Example: "  mfalab key touch\n  mfalab key touch --wait 10s           the next one that blinks\n  mfalab key touch --hold 5s            a reset of a key that wants a long touch", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: c.keySerials}
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for a key to blink")
	cmd.Flags().DurationVar(&hold, "hold", 0, "how long the finger rests on the key, in the lab's time (default: a touch)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if wait < 0 {
			return usage{fmt.Errorf("--wait %s: give a time such as 10s", wait)}
		}
		if hold < 0 {
			return usage{fmt.Errorf("--hold %s: give a time such as 5s", hold)}
		}
		return c.touchOrDeny(cmd, "/v1/touch", "touched for", control.KeyTouch{Serial: strings.Join(args, ""),
			Hold: live.Span(hold), Wait: live.Span(wait)})
	}
	return cmd
}

func (c *cli) keyDeny() *cobra.Command {
	cmd := &cobra.Command{Use: "deny [SERIAL]", Short: "Decline what a key blinks for", Example: "  mfalab key deny",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.keySerials}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.touchOrDeny(cmd, "/v1/deny", "declined", control.KeyTouch{Serial: strings.Join(args, "")})
	}
	return cmd
}

func (c *cli) touchOrDeny(cmd *cobra.Command, path, done string, in control.KeyTouch) error {
	return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
		var t live.Touch
		if err := lab.Post(ctx, path, in, &t); err != nil {
			return err
		}
		return c.print(t, func(w io.Writer) {
			fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s %s %s %s", t.Serial, done, t.Command, t.RP), " "))
		})
	})
}

func (c *cli) keyWatch() *cobra.Command {
	cmd := &cobra.Command{Use: "watch [SERIAL]", Short: "Follow what programs say to a key, decoded",
		Example: "  mfalab key watch\n  mfalab key watch 12345678 --json", Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.keySerials}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var st control.Status
			if err := lab.Get(ctx, "/v1/status", &st); err != nil {
				return err
			}
			if st.URL == "" {
				return hinted{errors.New("no lab is running whose keys could be watched"), "`mfalab up` or `mfalab exec` runs one"}
			}
			serial, err := c.oneKey(ctx, lab, args)
			if err != nil {
				return err
			}
			err = lab.Stream(ctx, "/v1/keys/"+url.PathEscape(serial)+"/watch", func(line []byte) error {
				if c.json {
					_, err := fmt.Fprintf(c.out, "%s\n", line)
					return err
				}
				var f live.Frame
				if err := json.Unmarshal(line, &f); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.out, frame(f))
				return err
			})
			if ctx.Err() != nil {
				return nil // whoever watches stops by interrupting
			}
			return err
		})
	}
	return cmd
}

// frame is one line of `mfalab key watch`.
func frame(f live.Frame) string {
	at := f.At.Format("15:04:05.000")
	if lost := f.Lost; lost > 0 {
		f.Lost = 0
		return fmt.Sprintf("%s  --  %d lines were not taken in time\n%s", at, lost, frame(f))
	}
	if f.Event != nil {
		return at + "  --  " + eventWords(f.Event)
	}
	way := "->"
	if f.ToHost {
		way = "<-"
	}
	return strings.TrimRight(fmt.Sprintf("%s  %s  %08x %s %d bytes  %s", at, way, f.Channel,
		strings.TrimPrefix(f.Command, "CTAPHID_"), f.Length, f.Text), " ")
}

// keySerials completes the serial of a key.
func (c *cli) keySerials(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var serials []string
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_ = c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error { // without a lab there is nothing to complete
		var all []live.KeyShown
		err := lab.Get(ctx, "/v1/keys", &all)
		for _, s := range all {
			serials = append(serials, s.Serial+"\t"+s.Profile)
		}
		return err
	})
	return serials, cobra.ShellCompDirectiveNoFileComp
}
