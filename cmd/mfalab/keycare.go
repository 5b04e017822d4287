package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

func (c *cli) keyRemove() *cobra.Command {
	cmd := &cobra.Command{Use: "remove SERIAL...", Short: "Take keys off the bench for good, with all that is in them", Aliases: []string{"rm"},
		Example: "  mfalab key remove 12345678", Args: cobra.MinimumNArgs(1), ValidArgsFunction: c.keySerials}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			gone := []live.KeyShown{}
			for _, serial := range args { // all of them or none
				if err := lab.Get(ctx, "/v1/keys/"+url.PathEscape(serial), new(live.KeyShown)); err != nil {
					return err
				}
			}
			for _, serial := range args {
				var s live.KeyShown
				if err := lab.Delete(ctx, "/v1/keys/"+url.PathEscape(serial), &s); err != nil {
					return err
				}
				gone = append(gone, s)
			}
			return c.print(gone, func(w io.Writer) {
				for _, s := range gone {
					fmt.Fprintf(w, "%s is gone\n", s.Serial)
				}
			})
		})
	}
	return cmd
}

func (c *cli) keyCredentials() *cobra.Command {
	cmd := &cobra.Command{Use: "credentials [SERIAL]", Short: "List the credentials that lie in a key",
		Long: "Lists the credentials that lie in a key, the oldest first: those that are discoverable, and those that were imported. A key keeps\n" +
			"nothing of the others, which relying parties keep for it. Their secrets are not shown: `mfalab key export --credentials` has them.",
		Example: "  mfalab key credentials\n  mfalab key credentials 12345678 --json", Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.keySerials}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			serial, err := c.oneKey(ctx, lab, args)
			if err != nil {
				return err
			}
			var list []u2f.CredentialSummary
			if err := lab.Get(ctx, "/v1/keys/"+url.PathEscape(serial)+"/credentials", &list); err != nil {
				return err
			}
			return c.print(list, func(w io.Writer) { tellCredentials(w, list) })
		})
	}
	return cmd
}

// shownOfID is how much of a credential id stands in a line. Our choice: the rest is in --json.
const shownOfID = 20

// tellCredentials writes one credential a line.
func tellCredentials(w io.Writer, list []u2f.CredentialSummary) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "RELYING PARTY\tUSER\tCREDENTIAL\tALGORITHM\tPROTECTION\tCOUNTER\tMADE WITH")
	for _, v := range list {
		id, _ := v.ID.MarshalText() // bytes always can
		if len(id) > shownOfID {
			id = append(id[:shownOfID:shownOfID], "..."...)
		}
		with := v.Extensions
		if v.CredBlob > 0 {
			with = append(with, "credBlob")
		}
		if !v.Discoverable {
			with = append(with, "not discoverable")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", printable(v.RP), printable(v.User), id, v.Algorithm, v.Protect, v.Counter, strings.Join(with, ", "))
	}
	_ = t.Flush() // to standard output, where an error has no reader
}

// printable keeps what a relying party has called somebody from moving a terminal's cursor.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name)
}

// eventWords says what happened in a key, with what there is to know of it.
func eventWords(e *u2f.Event) string {
	words := []string{e.Name, e.Command, e.RP, e.Finger, e.Sample}
	switch e.Name {
	case u2f.Registered, u2f.Signed:
		words = append(words, fmt.Sprintf("counter %d", e.Counter))
	case u2f.PINWrong, u2f.PINBlocked, u2f.NotVerified:
		words = append(words, fmt.Sprintf("%d tries left", e.Left))
	case u2f.SampleTaken:
		words = append(words, fmt.Sprintf("%d more", e.Left))
	}
	return strings.Join(strings.Fields(strings.Join(append(words, e.Why), " ")), " ")
}

// howMany counts credentials in words.
func howMany(n int) string {
	if n == 1 {
		return "1 credential"
	}
	return fmt.Sprintf("%d credentials", n)
}
