package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

func (c *cli) keyProfile() *cobra.Command {
	return group("profile", "Products that a key can be: list them, write one of your own, check it",
		c.keyProfileList(), c.keyProfileShow(), c.keyProfileCheck())
}

func (c *cli) keyProfileList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the products that a key can be", Example: "  mfalab key profile list", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.print(live.KeyProfiles(), func(w io.Writer) {
			t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			for _, p := range live.KeyProfiles() {
				fmt.Fprintf(t, "%s\t%s\t%s\n", p.Key.Name, strings.Join(p.Key.Versions, ", "), p.Key.AAGUID)
			}
			_ = t.Flush() // to standard output, where an error has no reader
		})
	}
	return cmd
}

func (c *cli) keyProfileShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME|FILE", Short: "Print a product as a file to change: what a file of your own leaves out included",
		Example: "  mfalab key profile show ctap2.3 > mine.json\n  mfalab key profile show ./mine.json", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		p, err := c.keyProfileOf(args[0])
		if err != nil {
			return err
		}
		c.json = true // it is a file, whoever reads it
		return c.print(p, nil)
	}
	return cmd
}

func (c *cli) keyProfileCheck() *cobra.Command {
	cmd := &cobra.Command{Use: "check FILE", Short: "Say whether a key can be made of a profile, and if not in which line to change what",
		Example: "  mfalab key profile check ./mine.json", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		p, err := c.readKeyProfile(args[0])
		if err != nil {
			return err
		}
		set := live.Quirks(p.Key.Quirks)
		return c.print(p, func(w io.Writer) {
			fmt.Fprintf(w, "%s is a profile: %s, %s, %d quirks\n", args[0], p.Key.Name, strings.Join(p.Key.Versions, ", "), len(set))
		})
	}
	return cmd
}

// isFile reports whether a profile is meant to be read from a file: no name of one has a slash or ends so.
func isFile(profile string) bool {
	return strings.ContainsAny(profile, `/\`) || strings.HasSuffix(profile, ".json")
}

// keyProfileOf returns the profile of that name, or in that file.
func (c *cli) keyProfileOf(name string) (live.KeyProfile, error) {
	if !isFile(name) {
		return live.KeyProfileNamed(name)
	}
	p, err := c.readKeyProfile(name)
	if err != nil {
		return live.KeyProfile{}, err
	}
	return *p, nil
}

func (c *cli) readKeyProfile(name string) (*live.KeyProfile, error) {
	b, err := os.ReadFile(c.path(name))
	if err != nil {
		return nil, err
	}
	p, err := live.ParseKeyProfile(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (c *cli) keyQuirk() *cobra.Command {
	cmd := &cobra.Command{Use: "quirk [SERIAL] [NAME=VALUE...]",
		Short: "Change what a key does that others do not, or another field of its profile, while it runs; without a change show its quirks",
		Example: "  mfalab key quirk reject_all_extensions=true\n  mfalab key quirk 12345678 transports=usb,nfc touch_timeout=5s\n" +
			"  mfalab key quirk reject_all_extensions=            takes it away\n  mfalab key quirk --json\n" +
			"  mfalab key quirk --all                             the other fields of its profile as well", ValidArgsFunction: c.keySerials}
	var all bool
	cmd.Flags().BoolVar(&all, "all", false, "show the other fields that can be changed, too")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var serial []string
		if len(args) > 0 && !strings.Contains(args[0], "=") {
			serial, args = args[:1], args[1:]
		}
		set := map[string]string{}
		for _, a := range args {
			name, value, found := strings.Cut(a, "=")
			if !found {
				return usage{fmt.Errorf("%q is no change: give NAME=VALUE", a)}
			}
			set[name] = value
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			s, err := c.oneKey(ctx, lab, serial)
			if err != nil {
				return err
			}
			path := "/v1/keys/" + url.PathEscape(s)
			if len(set) > 0 {
				if err := lab.Post(ctx, path+"/quirk", map[string]any{"set": set}, &live.KeyShown{}); err != nil {
					return err
				}
			}
			var p live.KeyProfile
			if err := lab.Get(ctx, path+"/profile", &p); err != nil {
				return err
			}
			shown, fields := live.Quirks(p.Key.Quirks), live.Fields(p.Key)
			names, others := u2f.Settable()
			for _, name := range others {
				if _, changed := set[name]; all || changed {
					names = append(names, name)
					if v, there := fields[name]; there {
						shown[name] = v
					}
				}
			}
			if len(set) > 0 && !all {
				names = slices.Sorted(maps.Keys(set))
			}
			return c.print(shown, func(w io.Writer) { tellQuirks(w, names, shown) })
		})
	}
	return cmd
}

// tellQuirks lists quirks and other fields of a profile, with the values of those that are set.
func tellQuirks(w io.Writer, names []string, set map[string]json.RawMessage) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, name := range names {
		value := "-"
		if v, there := set[name]; there {
			value = string(v)
		}
		fmt.Fprintf(t, "%s\t%s\n", name, value)
	}
	_ = t.Flush() // to standard output, where an error has no reader
}

// tellInfo says what authenticatorGetInfo answers, one member a line.
func tellInfo(w io.Writer, info []ctap.Member) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, m := range info {
		fmt.Fprintf(t, "0x%02x\t%s\t%s\n", m.Number, m.Name, inWords(m.Value))
	}
	_ = t.Flush() // to standard output, where an error has no reader
}

// inWords writes a list without brackets, and options with their values.
func inWords(v any) string {
	var parts []string
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			parts = append(parts, inWords(e))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+"="+inWords(v[name]))
		}
	case string:
		return v
	default:
		text, _ := json.Marshal(v) // numbers and bools always can
		return string(text)
	}
	return strings.Join(parts, ", ")
}
