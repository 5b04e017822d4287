package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// certificateIn reads a certificate, PEM or DER; no name is no certificate.
func (c *cli) certificateIn(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	der, err := os.ReadFile(c.path(name))
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("%s holds no certificate: %w", name, err)
	}
	return der, nil
}

func (c *cli) mdsRogue() *cobra.Command {
	var since string
	var clear bool
	cmd := &cobra.Command{Use: "rogue MODEL [KEY]", Short: "Write an authenticator into its model's list of rogues, or empty the list",
		Long: `A list of rogues names authenticators that are not to be trusted by the secret key that somebody took out of them, in base64url. The
BLOB has the list's address and hash.`,
		Example: "  mfalab mds rogue ctap2.3 30efcdaa8a9e3a9e3a\n  mfalab mds rogue ctap2.3 --clear", Args: cobra.RangeArgs(1, 2)}
	cmd.Flags().StringVar(&since, "since", "", "the `DAY` from which on it is one (default: today)")
	cmd.Flags().BoolVar(&clear, "clear", false, "empty the list")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if clear != (len(args) == 1) {
			return usage{fmt.Errorf("give the rogue's key, or --clear")}
		}
		in := control.ModelRogue{Rogue: metadata.Rogue{Date: since}}
		if !clear {
			in.Key = args[1]
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var m live.Model
			if err := lab.Post(ctx, "/v1/models/"+url.PathEscape(args[0])+"/rogues", in, &m); err != nil {
				return err
			}
			return c.print(m, func(w io.Writer) { tellHistory(w, m) })
		})
	}
	return cmd
}

func (c *cli) mdsCertificates() *cobra.Command {
	var asPEM bool
	cmd := &cobra.Command{Use: "certificates [NAME...]", Short: "List the lab's certificates and which of them are revoked, or print them",
		Long: `List the root, the chain of who signs the metadata, the certificates with which keys attest, and those that single keys have of their
own. Names choose among them: a role, a profile, a key's serial number, or the number of a certificate.`,
		Example: "  mfalab mds certificates\n  mfalab mds certificates --pem metadata-issuer > issuer.pem\n  mfalab mds certificates ctap2.3"}
	cmd.Flags().BoolVar(&asPEM, "pem", false, "print the certificates")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var list []live.Certificate
			if err := lab.Get(ctx, "/v1/certificates", &list); err != nil {
				return err
			}
			for _, name := range args {
				if !slices.ContainsFunc(list, func(x live.Certificate) bool { return goesBy(x, name) }) {
					return fmt.Errorf("no certificate is called %.60q: `mfalab mds certificates` lists them", name)
				}
			}
			list = slices.DeleteFunc(list, func(x live.Certificate) bool {
				return len(args) > 0 && !slices.ContainsFunc(args, func(name string) bool { return goesBy(x, name) })
			})
			return c.print(list, func(w io.Writer) { tellCertificates(w, list, asPEM) })
		})
	}
	return cmd
}

func goesBy(x live.Certificate, name string) bool {
	return name == x.Role || name == x.Of || strings.EqualFold(name, x.Number)
}

func tellCertificates(w io.Writer, list []live.Certificate, asPEM bool) {
	if asPEM {
		for _, x := range list {
			fmt.Fprint(w, x.PEM)
		}
		return
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ROLE\tOF\tNUMBER\tFROM\tTO\tREVOKED")
	for _, x := range list {
		revoked := ""
		if x.Revoked != nil {
			revoked = fmt.Sprintf("%s: %s", x.Revoked.At.Format("2006-01-02 15:04:05"), x.Revoked.Reason)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Role, x.Of, x.Number, x.NotBefore.Format("2006-01-02"), x.NotAfter.Format("2006-01-02"), revoked)
	}
	_ = t.Flush() // to standard output, where an error has no reader
}

func (c *cli) mdsRevoke() *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "revoke NAME", Short: "Revoke certificates: a batch's, a key's own, the metadata signer's, or one by its number",
		Long: `Revoke the certificates of all keys of a profile (or AAGUID), the one that a key has of its own, named by the key's serial number, that
of the metadata's signer (metadata-signer) or of who issued it (metadata-issuer), or one by its number. From now on, by the
lab's clock, they stand in /mds/root.crl or /mds/metadata.crl.`,
		Example: "  mfalab mds revoke ctap2.3 --reason keyCompromise\n  mfalab mds revoke metadata-signer\n  mfalab mds revoke 4f2c6d0a7be1938855aa01f0c3d2e4b6 --reason certificateHold",
		Args:    cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`: keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, certificateHold, ...")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.relist(cmd, args[0], "/revoke", control.Revoke{Reason: reason})
	}
	return cmd
}

func (c *cli) mdsRestore() *cobra.Command {
	cmd := &cobra.Command{Use: "restore NAME", Short: "Take back the revocation of certificates that were only held",
		Example: "  mfalab mds restore 4f2c6d0a7be1938855aa01f0c3d2e4b6", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.relist(cmd, args[0], "/restore", control.Restore{})
	}
	return cmd
}

// relist revokes or restores certificates, and tells of them.
func (c *cli) relist(cmd *cobra.Command, what, how string, in any) error {
	return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
		var list []live.Certificate
		if err := lab.Post(ctx, "/v1/certificates/"+url.PathEscape(what)+how, in, &list); err != nil {
			return err
		}
		return c.print(list, func(w io.Writer) { tellCertificates(w, list, false) })
	})
}
