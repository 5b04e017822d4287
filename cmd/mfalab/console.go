package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token/seedfile"
)

func (c *cli) console() *cobra.Command {
	var reset bool
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Print where the console is, and passwords to sign in with",
		Long: `Print where the console is, and the passwords of root and of the administrator. They get one where they have none; with
--reset they get it again, whatever they have been changed to.`,
		Example: `  mfalab console
  mfalab console --reset --json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "set the passwords anew")
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var d live.Door
			if err := lab.Post(ctx, "/v1/console", control.OpenDoor{Reset: reset}, &d); err != nil {
				return err
			}
			return c.print(d, func(w io.Writer) {
				if d.URL == "" {
					fmt.Fprintln(w, "the lab is not running: start it with `mfalab up`")
				} else {
					fmt.Fprintln(w, d.URL)
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintf(t, "account\t%s\t\n", d.Account)
				for _, u := range d.Users {
					kind := "IAM user"
					if u.Root {
						kind = "root user"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\n", kind, u.Name, u.Password)
				}
				_ = t.Flush() // what w says it says again
			})
		})
	}
	return cmd
}

// A phone is the lab's app as the console's pages show it.
type phone struct{ lab *live.Lab }

// Accounts implements console.Phone. Looking at the codes presses nothing.
func (p phone) Accounts(ctx context.Context) ([]console.AppAccount, error) {
	list, err := p.lab.List(ctx, live.Apps)
	if err != nil {
		return nil, err
	}
	out := make([]console.AppAccount, len(list))
	for i, d := range list {
		now, err := p.lab.Peek(ctx, live.Apps, d.Serial, 0, true)
		if err != nil {
			return nil, err
		}
		out[i] = console.AppAccount{Name: d.Serial, Code: now.Code, Left: time.Duration(now.Left).Round(time.Second)}
	}
	return out, nil
}

// Scan implements console.Phone.
func (p phone) Scan(ctx context.Context, uri string) error {
	record, err := seedfile.ParseURI(uri)
	if err != nil {
		return errors.New("its QR code sets up no authenticator app: " + strings.TrimPrefix(err.Error(), "seedfile: "))
	}
	_, err = p.lab.AddApp(ctx, record, "")
	return err
}
