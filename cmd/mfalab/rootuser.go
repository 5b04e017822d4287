package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

// rootUser is for what only the account's root user may do.
func (c *cli) rootUser() *cobra.Command {
	var fob string
	cmd := &cobra.Command{
		Use:   "root",
		Short: "Give the account's root user an access key, and a fob",
		Long: `Give the account's root user an access key, the same whenever it is asked for, and enrol a fob for it. Only the root
user may turn on MFA delete and delete versions under it.`,
		Example: `  mfalab root --fob GAHT12345678
  eval "$(mfalab env --user root)"`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&fob, "fob", "", "the serial number of a fob to enrol for the root user")
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var key live.Key
			if err := lab.Post(ctx, "/v1/root", control.Root{Fob: fob}, &key); err != nil {
				return err
			}
			return c.print(key, func(w io.Writer) {
				fmt.Fprintf(w, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", key.AccessKeyID, key.SecretAccessKey)
			})
		})
	}
	return cmd
}
