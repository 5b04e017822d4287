package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

func (c *cli) keyRoot() *cobra.Command {
	cmd := &cobra.Command{Use: "root", Short: "Print the certificate under which the keys attest, for relying parties to trust",
		Example: "  mfalab key root > root.pem", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var root live.Root
			if err := lab.Get(ctx, "/v1/attestation-root", &root); err != nil {
				return err
			}
			return c.print(root, func(w io.Writer) { fmt.Fprint(w, root.PEM) })
		})
	}
	return cmd
}
