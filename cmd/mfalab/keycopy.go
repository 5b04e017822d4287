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
	cmd := &cobra.Command{Use: "export SERIAL FILE", Short: "Write a key with all its secrets to a file that only you can read",
		Example: "  mfalab key export 12345678 ./key.json", Args: cobra.ExactArgs(2), ValidArgsFunction: c.keySerials}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var f live.KeyFile
			if err := lab.Get(ctx, "/v1/keys/"+url.PathEscape(args[0])+"/export", &f); err != nil {
				return err
			}
			text, err := json.MarshalIndent(f, "", "  ")
			if err != nil {
				return err
			}
			if err := writeSecret(c.path(args[1]), append(text, '\n')); err != nil {
				return err
			}
			return c.print(map[string]string{"serial": args[0], "file": args[1]}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is in %s, with all its secrets\n", args[0], args[1])
			})
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
	cmd := &cobra.Command{Use: "import FILE", Short: "Put a key on the bench that was exported, here or elsewhere",
		Example: "  mfalab key import ./key.json\n  mfalab key import ./key.json --serial 00000002", Args: cobra.ExactArgs(1)}
	copyFlags(cmd, &copy)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		text, err := os.ReadFile(c.path(args[0]))
		if err != nil {
			return err
		}
		in := control.KeyImport{KeyCopy: copy}
		if err := json.Unmarshal(text, &in.File); err != nil {
			return fmt.Errorf("%s is no exported key: %w", args[0], err)
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
