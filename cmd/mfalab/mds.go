package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/metadata"
)

func (c *cli) metadata() *cobra.Command {
	cmd := group("mds", "What relying parties are told of keys: the metadata BLOB, statuses, revoked certificates", c.mdsShow(), c.mdsSet(),
		c.mdsFaults(), c.modelStatus("  mfalab mds status"), c.mdsRogue(), c.mdsBiometric(), c.mdsCertificates(), c.mdsRevoke(), c.mdsRestore())
	cmd.Long = `The lab publishes metadata of its keys as the FIDO Metadata Service does: a signed BLOB with a statement and a history of
statuses for each model, and lists of revoked certificates. They lie under /mds/ of the lab's address, and, for programs that use
the lab's proxy, at https://mds3.fidoalliance.org/ and https://mds.fidoalliance.org/.`
	return cmd
}

func (c *cli) mdsShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show", Short: "Show the number of the BLOB, when its next update is due, and what is wrong with it on purpose",
		Example: "  mfalab mds show", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var p live.Publication
			if err := lab.Get(ctx, "/v1/metadata", &p); err != nil {
				return err
			}
			return c.print(p, func(w io.Writer) { tellPublication(w, p) })
		})
	}
	return cmd
}

func tellPublication(w io.Writer, p live.Publication) {
	due, fault, points := p.NextUpdate, string(p.Fault), "not named in new keys' certificates"
	if due == metadata.Never {
		due = "never"
	}
	if fault == "" {
		fault = "none"
	}
	if p.Points {
		points = "named in new keys' certificates"
	}
	at := p.URL
	if at == "" {
		at = "/mds of a lab that is up"
	}
	fmt.Fprintf(w, "at           %s/\nnumber       %d\nchanged      %s\nnext update  %s\nfault        %s\nlists        %s\n", at, p.Number,
		p.Changed.Format("2006-01-02 15:04:05 UTC"), due, fault, points)
}

func (c *cli) mdsSet() *cobra.Command {
	var due, fault string
	var points bool
	cmd := &cobra.Command{Use: "set", Short: "Change when the BLOB's next update is due, and what is wrong with it",
		Long: `Change how the metadata are published. The next update is due on a day, which may be over, or never. Until then programs that obey
HTTP's headers keep their copy; without a day they ask each time. A fault breaks one rule of the BLOB: ` + "`mfalab mds faults`" + ` lists
them. With --distribution-points the certificates of keys made from then on name the list of revoked certificates that they
would stand in, at the lab's present address.`,
		Example: "  mfalab mds set --next-update 2026-01-31\n  mfalab mds set --fault other-root\n  mfalab mds set --fault none --next-update never\n" +
			"  mfalab mds set --distribution-points",
		Args: cobra.NoArgs}
	cmd.Flags().StringVar(&due, "next-update", "", "a `DAY` such as 2026-01-31, or never")
	cmd.Flags().StringVar(&fault, "fault", "", "the `NAME` of what is wrong with the BLOB, or none")
	cmd.Flags().BoolVar(&points, "distribution-points", false, "have the certificates of new keys say where lists of revoked ones lie")
	cmd.RunE = func(*cobra.Command, []string) error {
		var in live.PublicationChange
		if cmd.Flags().Changed("next-update") {
			in.NextUpdate = &due
		}
		if cmd.Flags().Changed("fault") {
			in.Fault = &fault
		}
		if cmd.Flags().Changed("distribution-points") {
			in.Points = &points
		}
		if in == (live.PublicationChange{}) {
			return usage{fmt.Errorf("say what changes: --next-update, --fault or --distribution-points")}
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var p live.Publication
			if err := lab.Post(ctx, "/v1/metadata", in, &p); err != nil {
				return err
			}
			return c.print(p, func(w io.Writer) { tellPublication(w, p) })
		})
	}
	return cmd
}

func (c *cli) mdsFaults() *cobra.Command {
	cmd := &cobra.Command{Use: "faults", Short: "List what can be wrong with a BLOB on purpose, and the rule that each breaks",
		Example: "  mfalab mds faults", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		list := metadata.Faults()
		return c.print(list, func(w io.Writer) {
			t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "FAULT\tWHAT IS WRONG\tRULE")
			for _, f := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\n", f.Name, f.What, f.Rule)
			}
			_ = t.Flush() // to standard output, where an error has no reader
		})
	}
	return cmd
}

// modelStatus is `mfalab mds status` and `mfalab key status`.
func (c *cli) modelStatus(path string) *cobra.Command {
	var r metadata.Report
	var number, drop int
	var files struct{ certificate, batch string }
	var words []string
	for _, s := range metadata.Statuses() {
		words = append(words, string(s))
	}
	cmd := &cobra.Command{Use: "status [MODEL [STATUS]]", Short: "List what relying parties are told of models of keys, show a model's history, or add to it",
		Long: `List what the lab's metadata, served under /mds/, tell relying parties of models of keys; show the history of one, named by its
profile or AAGUID; or report that it is REVOKED, or whatever else there is: ` + strings.Join(words, ", ") + `.
Reports are numbered from 1; the first, number 0, is that the model is not certified.`,
		Example: path + "\n" + path + " ctap2.3 revoked\n" + path + " ctap2.3 fido-certified-l2 --certificate-number FIDO200202601001 --policy-version 1.4.0\n" +
			path + " 9c5d401e-6a27-4b3c-8e61-2fd073b51a23 update-available --since 2026-03-01 --url https://example.com/update\n" +
			path + " ctap2.3 revoked --number 1\n" + path + " ctap2.3 --drop 1",
		Args: cobra.MaximumNArgs(2)}
	f := cmd.Flags()
	f.StringVar(&r.Since, "since", "", "the `DAY` from which on it is so (default: today)")
	f.StringVar(&r.Sunset, "sunset", "", "the `DAY` from which on it is so no more")
	f.Uint32Var(&r.Version, "authenticator-version", 0, "the firmware from which on it is so")
	f.StringVar(&files.certificate, "certificate", "", "the `FILE` with the attestation certificate that this is about, PEM or DER")
	f.StringVar(&files.batch, "batch-certificate", "", "the `FILE` with the certificate of the batch that this is about, PEM or DER")
	f.StringVar(&r.URL, "url", "", "where more is to be read: https")
	f.StringVar(&r.Descriptor, "descriptor", "", "what was evaluated")
	f.StringVar(&r.Number, "certificate-number", "", "of the certification")
	f.StringVar(&r.Policy, "policy-version", "", "the edition of the certification policy")
	f.StringVar(&r.Requirements, "requirements-version", "", "the edition of the security requirements")
	f.StringSliceVar(&r.Profiles, "certification-profile", nil, "consumer, enterprise")
	f.Uint32Var(&r.FIPSRevision, "fips-revision", 0, "of FIPS 140: 2 or 3 (default: 3)")
	f.Uint32Var(&r.FIPSLevel, "fips-physical-level", 0, "of FIPS 140 (default: the overall one)")
	f.IntVar(&number, "number", 0, "put it in the place of the report with this `NUMBER`")
	f.IntVar(&drop, "drop", 0, "take the report with this `NUMBER` back, or all with -1")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		own := false
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { own = own || f.Changed })
		if dropping := cmd.Flags().Changed("drop"); dropping && (len(args) != 1 || drop == 0) || !dropping && own && len(args) != 2 {
			return usage{fmt.Errorf("name a model and a status, or a model and --drop NUMBER")}
		}
		var err error
		if r.Certificate, err = c.certificateIn(files.certificate); err != nil {
			return err
		}
		if r.Batch, err = c.certificateIn(files.batch); err != nil {
			return err
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			return c.tellOrReport(ctx, lab, args, control.ModelStatus{Number: number, Report: r}, drop)
		})
	}
	return cmd
}

// tellOrReport does what the arguments of modelStatus say.
func (c *cli) tellOrReport(ctx context.Context, lab *control.Client, args []string, in control.ModelStatus, drop int) error {
	list := []live.Model{{}}
	if len(args) == 2 || drop != 0 {
		path := "/v1/models/" + url.PathEscape(args[0])
		var err error
		if drop != 0 {
			err = lab.Post(ctx, path+"/drop", control.ModelReport{Number: max(drop, 0)}, &list[0])
		} else {
			in.Status = metadata.Status(args[1])
			err = lab.Post(ctx, path+"/status", in, &list[0])
		}
		if err != nil {
			return err
		}
		return c.print(list, func(w io.Writer) { tellModels(w, list) })
	}
	if err := lab.Get(ctx, "/v1/models", &list); err != nil {
		return err
	}
	if len(args) == 0 {
		return c.print(list, func(w io.Writer) { tellModels(w, list) })
	}
	i := slices.IndexFunc(list, func(m live.Model) bool {
		return m.Profile == args[0] || m.AAGUID != "" && strings.EqualFold(m.AAGUID, args[0])
	})
	if i < 0 {
		return fmt.Errorf("there is no model %.60q: `mfalab mds status` lists them", args[0])
	}
	return c.print(list[i], func(w io.Writer) { tellHistory(w, list[i]) })
}

func tellModels(w io.Writer, list []live.Model) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "PROFILE\tAAGUID\tSTATUS\tSINCE")
	for _, m := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.Profile, m.AAGUID, m.Status, m.Since)
	}
	_ = t.Flush() // to standard output, where an error has no reader
}

func tellHistory(w io.Writer, m live.Model) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NUMBER\tSTATUS\tSINCE\tUNTIL\tBESIDES")
	for i, r := range m.Reports {
		var more []string
		for _, part := range [][2]string{{"certificate", r.Number}, {"policy", r.Policy}, {"requirements", r.Requirements}, {"of", r.Descriptor},
			{"for", strings.Join(r.Profiles, ", ")}, {"see", r.URL}} {
			if part[1] != "" {
				more = append(more, part[0]+" "+part[1])
			}
		}
		if r.Version != 0 {
			more = append(more, fmt.Sprintf("from version %d on", r.Version))
		}
		if r.FIPSRevision != 0 {
			more = append(more, fmt.Sprintf("FIPS 140-%d, physical level %d", r.FIPSRevision, r.FIPSLevel))
		}
		if r.Certificate != nil || r.Batch != nil {
			more = append(more, "with a certificate")
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", i, r.Status, r.Since, r.Sunset, strings.Join(more, "; "))
	}
	_ = t.Flush() // to standard output, where an error has no reader
	for _, r := range m.Biometrics {
		fmt.Fprintf(w, "biometric certification of level %d since %s: %s\n", r.Level, r.Since,
			strings.TrimSpace(strings.Join([]string{r.Modality, r.Number, r.Descriptor}, " ")))
	}
	for _, r := range m.Rogues {
		fmt.Fprintf(w, "rogue since %s: %s\n", r.Date, r.Key)
	}
}
