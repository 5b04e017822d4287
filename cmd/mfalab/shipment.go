package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token/seedfile"
)

// keyFlags are the flags of a seed file's secret, read from files so that they stand in no process list.
type keyFlags struct{ key, passphrase string }

func (k *keyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.key, "key-file", "", "a file with the pre-shared AES key in hexadecimal (pskc)")
	cmd.Flags().StringVar(&k.passphrase, "passphrase-file", "", "a file with the passphrase (pskc)")
	cmd.MarkFlagsMutuallyExclusive("key-file", "passphrase-file")
}

func (c *cli) secrets(k keyFlags) (key live.Seed, passphrase string, err error) {
	if k.key != "" {
		b, err := os.ReadFile(c.path(k.key))
		if err != nil {
			return nil, "", err
		}
		if err := key.UnmarshalText([]byte(strings.TrimSpace(string(b)))); err != nil {
			return nil, "", fmt.Errorf("--key-file %s: %w", k.key, err)
		}
	}
	if k.passphrase != "" {
		b, err := os.ReadFile(c.path(k.passphrase))
		if err != nil {
			return nil, "", err
		}
		passphrase = strings.TrimRight(string(b), "\r\n")
	}
	return key, passphrase, nil
}

func formats() string {
	var names []string
	for _, f := range seedfile.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

func (c *cli) fobImport() *cobra.Command {
	var in control.Shipment
	var keys keyFlags
	var step string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in a box of fobs with its seed file, all of it or nothing",
		Example: `  mfalab fob import box.pskc --key-file transport.key
  mfalab fob import box.csv --format oath-csv
  mfalab fob import box.csv --shift 1        the factory sent a file whose rows are one off`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&in.Format, "format", "", "the file's format (default: found): "+formats())
	cmd.Flags().StringVar(&in.Profile, "profile", live.DefaultProfile, "the product")
	keys.add(cmd)
	cmd.Flags().BoolVar(&in.HOTP, "hotp", false, "duo-csv: the fobs are event-based")
	cmd.Flags().IntVar(&in.Digits, "digits", 0, "duo-csv: how many digits (default 6)")
	cmd.Flags().StringVar(&step, "step", "0s", "duo-csv: how long a step is (default 30s)")
	cmd.Flags().IntVar(&in.Shift, "shift", 0, "a wrong box: the seeds of the file are so many rows off")
	cmd.Flags().IntSliceVar(&in.Swap, "swap", nil, "a wrong box: the serials of two rows are exchanged, as in 3,9")
	cmd.Flags().IntSliceVar(&in.Twin, "twin", nil, "a wrong box: the second of two rows has the first's seed, as in 3,9")
	cmd.RunE = func(_ *cobra.Command, args []string) (err error) {
		if err := in.Step.UnmarshalJSON([]byte(`"` + step + `"`)); err != nil {
			return usage{err}
		}
		if in.File, err = c.read(args[0]); err != nil {
			return err
		}
		if in.Key, in.Passphrase, err = c.secrets(keys); err != nil {
			return err
		}
		return c.with(cmd, mayMake, func(ctx context.Context, lab *control.Client) error {
			var out control.Shipped
			stop := c.counting(ctx, lab)
			err := lab.Post(ctx, "/v1/shipments", in, &out)
			stop()
			if err != nil {
				return err
			}
			for _, w := range out.Warnings {
				fmt.Fprintln(c.err, "mfalab: hint:", w)
			}
			return c.print(out, func(w io.Writer) { fmt.Fprintf(w, "%d fobs from %s\n", out.Fobs, out.Format) })
		})
	}
	return cmd
}

// read reads a file, or standard input for "-", up to what a seed file may have.
func (c *cli) read(name string) ([]byte, error) {
	in := c.in
	if name != "-" {
		f, err := os.Open(c.path(name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, seedfile.MaxSize+1))
	if err == nil && len(b) > seedfile.MaxSize {
		err = fmt.Errorf("%s is larger than %d bytes: it is no seed file", name, seedfile.MaxSize)
	}
	return b, err
}

func (c *cli) fobExport() *cobra.Command {
	var in control.Export
	var keys keyFlags
	var out string
	cmd := &cobra.Command{
		Use:   "export [SERIAL...]",
		Short: "Write fobs into a seed file, with their seeds",
		Example: `  mfalab fob export --format pskc --key-file transport.key --out box.pskc
  mfalab fob export GAHT12345678 --format oath-csv --out one.csv`,
	}
	cmd.Flags().StringVar(&in.Format, "format", "pskc", "the file's format: "+formats())
	cmd.Flags().StringVar(&in.KeyName, "key-name", "", "pskc: what the other side calls the key")
	cmd.Flags().BoolVar(&in.EncryptAll, "encrypt-all", false, "pskc: encrypt counters and clocks, too, which privacyIDEA does not read")
	cmd.Flags().StringVar(&out, "out", "", "the file, which only its owner will be able to read; - is standard output")
	keys.add(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) (err error) {
		if out == "" {
			return usage{errors.New("seeds do not go to a terminal by themselves: give --out FILE, or --out -")}
		}
		if in.EncryptAll && (in.Format != string(seedfile.PSKC) || keys == (keyFlags{})) {
			return usage{errors.New("--encrypt-all is for pskc with --key-file or --passphrase-file: give one")}
		}
		in.Serials = args
		if in.Key, in.Passphrase, err = c.secrets(keys); err != nil {
			return err
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var file control.SeedFile
			if err := lab.Post(ctx, "/v1/export", in, &file); err != nil {
				return err
			}
			if len(file.Lost) > 0 {
				fmt.Fprintf(c.err, "mfalab: hint: the format has no place for: %s\n", strings.Join(file.Lost, ", "))
			}
			if out == "-" {
				_, err := c.out.Write(file.File)
				return err
			}
			return writeFile(c.path(out), file.File)
		})
	}
	return cmd
}
