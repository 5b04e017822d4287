package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

// copyFlags are the options that say what a copy of a key is called.
func copyFlags(cmd *cobra.Command, c *live.KeyCopy) {
	cmd.Flags().StringVar(&c.Serial, "serial", "", "the serial number of the copy")
	cmd.Flags().BoolVar(&c.Unplugged, "unplugged", false, "leave it in the drawer")
}

func (c *cli) keyClone() *cobra.Command {
	var copy live.KeyCopy
	cmd := &cobra.Command{Use: "clone [SERIAL]", Short: "Make a second key with the same secrets: credentials, PIN, counters, attestation",
		Example: "  mfalab key clone 12345678 --serial CLONE001", Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.keySerials}
	copyFlags(cmd, &copy)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			serial, err := c.oneKey(ctx, lab, args)
			if err != nil {
				return err
			}
			var s live.KeyShown
			if err := lab.Post(ctx, "/v1/keys/"+url.PathEscape(serial)+"/clone", copy, &s); err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) { fmt.Fprintln(w, s.Serial) })
		})
	}
	return cmd
}

func (c *cli) keySnapshot() *cobra.Command {
	return c.onKey("snapshot [SERIAL]", "Remember what is in a key's flash, for `mfalab key rollback`", "  mfalab key snapshot 12345678")
}

func (c *cli) keyRollback() *cobra.Command {
	return c.onKey("rollback [SERIAL]", "Take a key back to its snapshot: newer credentials are gone, and the counter falls",
		"  mfalab key rollback 12345678")
}

func (c *cli) keyExport() *cobra.Command {
	cmd := &cobra.Command{Use: "export SERIAL FILE", Short: "Write a key, or its credentials, with all secrets to a file that only you can read",
		Long: "Writes a key with all its secrets to a file that only you can read; - is standard output.\n\n" + credentialsHelp,
		Example: "  mfalab key export 12345678 ./key.json\n  mfalab key export 12345678 ./credentials.json --credentials\n" +
			"  mfalab key export 12345678 - --credentials=cdp", Args: cobra.ExactArgs(2), ValidArgsFunction: c.keySerials}
	var which credentialFlags
	which.of(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if which.asked() {
			return c.exportCredentials(cmd, args[0], args[1], which)
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var f live.KeyFile
			if err := lab.Get(ctx, "/v1/keys/"+url.PathEscape(args[0])+"/export", &f); err != nil {
				return err
			}
			text, err := json.MarshalIndent(f, "", "  ")
			if err != nil {
				return err
			}
			return c.hand(args[0], args[1], append(text, '\n'), args[0]+" is in %s, with all its secrets\n")
		})
	}
	return cmd
}

// writeSecret writes a file that only its owner can read, also where it was there before.
func writeSecret(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err == nil {
		_, err = f.Write(text)
	}
	return errors.Join(err, f.Close())
}

func (c *cli) keyImport() *cobra.Command {
	var copy live.KeyCopy
	var into string
	cmd := &cobra.Command{Use: "import FILE", Short: "Put a key on the bench that was exported, or credentials into a key",
		Long: "Puts a key on the bench that was exported, here or elsewhere; with --into, credentials into a key that is there. The file - is\n" +
			"standard input.\n\n" + credentialsHelp,
		Example: "  mfalab key import ./key.json\n  mfalab key import ./key.json --serial 00000002\n" +
			"  mfalab key import ./credentials.json --into 12345678", Args: cobra.ExactArgs(1)}
	copyFlags(cmd, &copy)
	cmd.Flags().StringVar(&into, "into", "", "the key, by its serial number, that is given the file's credentials")
	cmd.MarkFlagsMutuallyExclusive("into", "serial")
	cmd.MarkFlagsMutuallyExclusive("into", "unplugged")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		text, err := c.readSecret(args[0])
		if err != nil {
			return err
		}
		if into != "" {
			return c.importCredentials(cmd, args[0], text, into)
		}
		in := control.KeyImport{KeyCopy: copy}
		if in.File, err = live.ParseKeyFile(text); err != nil {
			err = fmt.Errorf("%s: %w", args[0], err)
			if _, other := u2f.ParseVirtualCredentials(text); other == nil {
				return hinted{err, "it holds credentials: say which key is given them with --into SERIAL"}
			}
			return err
		}
		return c.with(cmd, mayMake, func(ctx context.Context, lab *control.Client) error {
			var s live.KeyShown
			if err := lab.Post(ctx, "/v1/import-key", in, &s); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return c.print(s, func(w io.Writer) { fmt.Fprintln(w, s.Serial) })
		})
	}
	return cmd
}
