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
	"github.com/mfalab/mfalab/token/seedfile/qr"
)

func (c *cli) app() *cobra.Command {
	return group("app", "A virtual MFA app: scan the picture that enrolment shows, read codes", c.appScan(),
		c.press("code NAME", "Print the code that the app shows for an account", "/v1/apps/%s/code",
			"  mfalab app code alice\n  mfalab app code alice --next"),
		c.list("/v1/apps", "list", "List the accounts in the app", "  mfalab app list"))
}

func (c *cli) appScan() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "scan FILE|URI",
		Short: "Scan a QR picture (PNG or JPEG), an otpauth URI, or a file with a base32 seed",
		Example: `  aws iam create-virtual-mfa-device --virtual-mfa-device-name alice --bootstrap-method QRCodePNG --outfile qr.png
  mfalab app scan qr.png --name alice`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&name, "name", "", "what the account is called in the app (default: what the picture says)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		scan, err := c.see(args[0])
		if err != nil {
			return err
		}
		if scan.Name = name; scan.URI == "" && name == "" {
			return usage{errors.New("a base32 seed has no name: give --name")}
		}
		return c.with(cmd, mayMake, func(ctx context.Context, lab *control.Client) error {
			var s live.Shown
			if err := lab.Post(ctx, "/v1/apps", scan, &s); err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) { fmt.Fprintln(w, s.Serial) })
		})
	}
	return cmd
}

// maxPicture bounds what is read as a picture or seed. Our choice: more than a phone's camera makes.
const maxPicture = 32 << 20

// see reads what the app is held before: a URI, a picture, or a text.
func (c *cli) see(what string) (control.Scan, error) {
	if strings.HasPrefix(strings.ToLower(what), "otpauth://") {
		return control.Scan{URI: what}, nil
	}
	f, err := os.Open(c.path(what))
	if err != nil {
		return control.Scan{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPicture+1))
	if err != nil {
		return control.Scan{}, err
	}
	if len(b) > maxPicture {
		return control.Scan{}, fmt.Errorf("%s is larger than %d bytes: it is no picture of a QR code", what, maxPicture)
	}
	uri, err := qr.ReadFile(b, qr.MaxPixels)
	switch {
	case err == nil:
		return control.Scan{URI: uri}, nil
	case errors.Is(err, qr.ErrNone):
		return control.Scan{}, fmt.Errorf("no QR code can be read in the picture %s: give a sharper one, or the base32 seed as a file", what)
	case !errors.Is(err, qr.ErrFormat):
		return control.Scan{}, fmt.Errorf("the picture %s: %w", what, err)
	}
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(strings.ToLower(text), "otpauth://") {
		return control.Scan{URI: text}, nil
	}
	return control.Scan{Seed: text}, nil
}
