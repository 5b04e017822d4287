package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

func (c *cli) mdsBiometric() *cobra.Command {
	var in control.ModelBiometric
	var clear bool
	cmd := &cobra.Command{Use: "biometric MODEL [LEVEL]", Short: "Report that a model's fingerprint sensor was certified, or take that back",
		Long: `The entry of a model whose keys verify users by a fingerprint can say how well they do: each report is a biometric certification,
of a level from 1 on.`,
		Example: "  mfalab mds biometric bio 1 --certificate-number BIO20020260102001 --policy-version 1.0.0\n  mfalab mds biometric bio --clear",
		Args:    cobra.RangeArgs(1, 2)}
	f := cmd.Flags()
	f.StringVar(&in.Since, "since", "", "the `DAY` from which on it is so (default: today)")
	f.StringVar(&in.Modality, "modality", "", "what was certified, by its `NAME` in the FIDO Registry (default: fingerprint_internal)")
	f.StringVar(&in.Descriptor, "descriptor", "", "what was evaluated")
	f.StringVar(&in.Number, "certificate-number", "", "of the certification")
	f.StringVar(&in.Policy, "policy-version", "", "the edition of the certification policy")
	f.StringVar(&in.Requirements, "requirements-version", "", "the edition of the requirements")
	f.BoolVar(&clear, "clear", false, "take all reports back")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if clear != (len(args) == 1) {
			return usage{fmt.Errorf("give the level, or --clear")}
		}
		if clear {
			in = control.ModelBiometric{}
		} else {
			level, err := strconv.ParseUint(args[1], 10, 16)
			if err != nil || level == 0 {
				return usage{fmt.Errorf("%q is no level: give a number from 1 on", args[1])}
			}
			in.Level = uint16(level)
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var m live.Model
			if err := lab.Post(ctx, "/v1/models/"+url.PathEscape(args[0])+"/biometrics", in, &m); err != nil {
				return err
			}
			return c.print(m, func(w io.Writer) { tellHistory(w, m) })
		})
	}
	return cmd
}
