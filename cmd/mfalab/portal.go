package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/sim/portal"
)

func (c *cli) portal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "portal",
		Short: "Print where the portal is, and who can sign in; its users and rules",
		Long: `Print where the portal is, its rules, and its users with the passwords that the lab gave them. Where it has no users it gets
one. The portal is that of IAM Identity Center, or with theme=tenant that of a tenant elsewhere, which knows SMS codes,
60-second fobs and recovery codes as well.`,
		Example: `  mfalab portal
  mfalab portal --json`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var p live.Portal
			if err := lab.Post(ctx, "/v1/portal", struct{}{}, &p); err != nil {
				return err
			}
			return c.print(p, func(w io.Writer) { printPortal(w, p) })
		})
	}
	user := group("user", "Users of the portal", c.portalUserAdd())
	cmd.AddCommand(user, c.portalSet())
	return cmd
}

func printPortal(w io.Writer, p live.Portal) {
	if p.URL == "" {
		fmt.Fprintln(w, "the lab is not running: start it with `mfalab up`")
	} else {
		fmt.Fprintln(w, p.URL)
	}
	fmt.Fprintln(w, rulesLine(p.Rules))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, u := range p.Users {
		fmt.Fprintf(t, "%s\t%s\t%s\n", u.Name, orSet(u.Password), devicesOf(u.User))
	}
	_ = t.Flush() // what w says it says again
}

// orSet is a password, or that the lab does not know it.
func orSet(password string) string {
	if password == "" {
		return "(as it was given)"
	}
	return password
}

// devicesOf says what a user can answer with.
func devicesOf(u portal.User) string {
	var list []string
	for _, d := range u.Devices {
		list = append(list, d.Kind+" "+d.Name)
	}
	if len(list) == 0 {
		return "no devices"
	}
	return strings.Join(list, ", ")
}

// rulesLine is the rules as `mfalab portal set` takes them.
func rulesLine(r portal.Rules) string {
	return fmt.Sprintf("mode=%s unenrolled=%s idp=%s theme=%s", r.Mode, r.Unenrolled, r.IDP, r.Theme)
}

func (c *cli) portalUserAdd() *cobra.Command {
	var in portal.NewUser
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a user of the portal, and print the password",
		Example: `  mfalab portal user add kim --email kim@example.com
  mfalab portal user add kim --phone +15550102 --password Open-Sesame-1`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&in.Email, "email", "", "where codes by e-mail go")
	cmd.Flags().StringVar(&in.Phone, "phone", "", "where SMS codes go, with theme=tenant")
	cmd.Flags().StringVar(&in.Password, "password", "", "the password (default: one of the lab's)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		in.Name = args[0]
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var u live.PortalDoor
			if err := lab.Post(ctx, "/v1/portal/users", in, &u); err != nil {
				return err
			}
			return c.print(u, func(w io.Writer) { fmt.Fprintf(w, "%s  %s\n", u.Name, u.Password) })
		})
	}
	return cmd
}

func (c *cli) portalSet() *cobra.Command {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, r := range portal.AllRules() {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", r.Name, strings.Join(r.Values, ", "), r.Doc)
	}
	_ = t.Flush() // into memory
	cmd := &cobra.Command{
		Use:   "set NAME=VALUE...",
		Short: "Change how people sign in at the portal, from now on",
		Long:  "Change how people sign in at the portal, from now on. The first value of each is what a new lab has:\n\n" + b.String(),
		Example: `  mfalab portal set mode=context-aware unenrolled=email
  mfalab portal set idp=external
  mfalab portal set theme=tenant`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, err := portal.DefaultRules().Changed(args); err != nil {
			return usage{err}
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var r portal.Rules
			if err := lab.Post(ctx, "/v1/portal/rules", control.PortalRules{Set: args}, &r); err != nil {
				return err
			}
			return c.print(r, func(w io.Writer) { fmt.Fprintln(w, rulesLine(r)) })
		})
	}
	return cmd
}
