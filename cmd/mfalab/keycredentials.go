package main

import (
	"bytes"
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

const credentialsHelp = "Credentials have the JSON shape of the browsers' virtual authenticators: that of WebDriver, or of the Chrome DevTools\n" +
	"Protocol, whose Base64 has another alphabet. Both are read."

// The shapes of exported credentials.
const (
	webDriver = "webdriver"
	devTools  = "cdp"
)

// credentialFlags are the options that say which credentials are exported, and how.
type credentialFlags struct {
	shape, rp, credential string
}

func (f *credentialFlags) of(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.shape, "credentials", "", "only the key's credentials, as webdriver or cdp has them")
	cmd.Flags().Lookup("credentials").NoOptDefVal = webDriver
	cmd.Flags().StringVar(&f.credential, "credential", "", "only the credential with that id, in Base64; it need not be discoverable")
	cmd.Flags().StringVar(&f.rp, "rp", "", "the relying party of --credential")
	cmd.MarkFlagsRequiredTogether("credential", "rp")
}

func (f *credentialFlags) asked() bool { return f.shape != "" || f.credential != "" }

// exportCredentials writes credentials of a key to a file, or to standard output.
func (c *cli) exportCredentials(cmd *cobra.Command, serial, file string, f credentialFlags) error {
	in := control.KeyCredential{RP: f.rp}
	if f.credential != "" {
		if err := in.Credential.UnmarshalText([]byte(f.credential)); err != nil {
			return fmt.Errorf("--credential %q: %w", f.credential, err)
		}
	}
	if f.shape != "" && f.shape != webDriver && f.shape != devTools {
		return fmt.Errorf("--credentials %q: use %s or %s", f.shape, webDriver, devTools)
	}
	return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
		var out control.KeyCredentials
		if err := lab.Post(ctx, "/v1/keys/"+url.PathEscape(serial)+"/export-credentials", in, &out); err != nil {
			return err
		}
		var shaped any = out.Credentials
		if f.shape == devTools {
			shaped = forDevTools(out.Credentials)
		}
		text, err := json.MarshalIndent(shaped, "", "  ")
		if err != nil {
			return err
		}
		done := fmt.Sprintf("%%s has %s of %s, with all secrets\n", howMany(len(out.Credentials)), serial)
		return c.hand(serial, file, append(text, '\n'), done)
	})
}

// A devToolsCredential is a [u2f.VirtualCredential] in the alphabet of the Chrome DevTools Protocol.
type devToolsCredential struct {
	u2f.VirtualCredential
	ID         []byte `json:"credentialId"`
	PrivateKey []byte `json:"privateKey"`
	UserHandle []byte `json:"userHandle,omitempty"`
	LargeBlob  []byte `json:"largeBlob,omitempty"`
}

func forDevTools(list []u2f.VirtualCredential) []devToolsCredential {
	out := make([]devToolsCredential, len(list))
	for i, v := range list {
		out[i] = devToolsCredential{v, v.ID, v.PrivateKey, v.UserHandle, v.LargeBlob}
	}
	return out
}

// importCredentials gives a key what is in a file.
func (c *cli) importCredentials(cmd *cobra.Command, file string, text []byte, serial string) error {
	list, err := u2f.ParseVirtualCredentials(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
		var s live.KeyShown
		in := control.KeyCredentials{Credentials: list}
		if err := lab.Post(ctx, "/v1/keys/"+url.PathEscape(serial)+"/import-credentials", in, &s); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return c.print(s, func(w io.Writer) { fmt.Fprintf(w, "%s has %s more\n", serial, howMany(len(list))) })
	})
}

// hand writes secrets to a file, and says so, or to standard output where that is asked for.
func (c *cli) hand(serial, file string, text []byte, done string) error {
	if file == "-" {
		_, err := c.out.Write(text)
		return err
	}
	if err := writeSecret(c.path(file), text); err != nil {
		return err
	}
	return c.print(map[string]string{"serial": serial, "file": file}, func(w io.Writer) { fmt.Fprintf(w, done, file) })
}

// mostSecret bounds what is read of a file of keys or credentials. Our choice: as much as the lab takes.
const mostSecret = 64 << 20

// readSecret reads a file, or standard input.
func (c *cli) readSecret(file string) ([]byte, error) {
	from := c.in
	if file != "-" {
		f, err := os.Open(c.path(file))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(from, mostSecret+1))
	if err == nil && n > mostSecret {
		err = errors.New("it is too large for a key")
	}
	return text.Bytes(), err
}
