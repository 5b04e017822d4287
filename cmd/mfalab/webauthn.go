package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
)

func (c *cli) webauthn() *cobra.Command {
	return group("webauthn", "Be the browser: do what navigator.credentials does, honestly or breaking one rule",
		c.webauthnDo(client.Registration), c.webauthnDo(client.Authentication))
}

// webauthnFlags are the options of a ceremony.
type webauthnFlags struct {
	origin, top, related, pin, pinFile, account, forge string
	keys                                               []string
	timeout                                            time.Duration
}

// webauthnLong explains a ceremony, with what can be forged in it.
func webauthnLong(what client.Ceremony) string {
	begin := `Read the options of navigator.credentials.create, as JSON, from FILE or from standard input, and print the JSON that the page
would get of its credential: PublicKeyCredentialCreationOptionsJSON in, RegistrationResponseJSON out.`
	if what == client.Authentication {
		begin = `Read the options of navigator.credentials.get, as JSON, from FILE or from standard input, and print the JSON that the page
would get of its credential: PublicKeyCredentialRequestOptionsJSON in, AuthenticationResponseJSON out.`
	}
	var b strings.Builder
	b.WriteString(begin + ` Options that stand
under "publicKey" are taken from there. The keys are those that are plugged in; whoever touches them otherwise touches
them here too. What a page would see as an exception ends this command with status 1; with --json it is printed as well.

--forge breaks exactly one rule; whatever is signed is signed anew around it:

`)
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, k := range client.Forgeries() {
		for _, at := range k.At {
			if at == what {
				fmt.Fprintf(t, "  %s=%s\t%s\t(Section %s)\n", k.Name, k.Example, k.Breaks, k.Clause)
			}
		}
	}
	_ = t.Flush() // into memory
	b.WriteString("\nSections are those of Web Authentication Level 3.")
	return b.String()
}

func (c *cli) webauthnDo(what client.Ceremony) *cobra.Command {
	var f webauthnFlags
	short := "Make a credential as a browser does, and print what the page sends to its server"
	if what == client.Authentication {
		short = "Sign in as a browser does, and print what the page sends to its server"
	}
	cmd := &cobra.Command{Use: string(what) + " [FILE]", Short: short, Long: webauthnLong(what), Args: cobra.MaximumNArgs(1),
		Example: fmt.Sprintf(`  mfalab webauthn %[1]s --origin https://signin.example.test options.json
  mfalab webauthn %[1]s --origin https://signin.example.test --pin 1234 < options.json
  mfalab webauthn %[1]s --origin https://signin.example.test --forge counter=0 options.json`, what)}
	cmd.Flags().StringVar(&f.origin, "origin", "", "the page's origin, such as https://signin.example.test")
	cmd.Flags().StringVar(&f.top, "top-origin", "", "the origin of the window, where the page is in a frame")
	cmd.Flags().StringVar(&f.related, "related-origins", "", "a file with the JSON of the relying party's /.well-known/webauthn")
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "the serial of a key that is plugged into the browser: on the lab's bus, or via tcp, udp or sock (default: all on the bus)")
	cmd.Flags().StringVar(&f.pin, "pin", "", "what the user types where the key wants its PIN (default: asks, where standard input is a terminal)")
	cmd.Flags().StringVar(&f.pinFile, "pin-file", "", "a file with the PIN in its first line; - is standard input")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long to wait for the user (default: as a browser would, by the options)")
	cmd.Flags().StringVar(&f.forge, "forge", "", "the rule to break, NAME=VALUE")
	if what == client.Authentication {
		cmd.Flags().StringVar(&f.account, "account", "", "the name of the account that the user takes where the key has several (default: the newest)")
	}
	_ = cmd.RegisterFlagCompletionFunc("key", c.keySerials) // it fails for a flag that is not there
	cmd.RunE = func(_ *cobra.Command, args []string) error { return c.ceremony(cmd, what, f, args) }
	return cmd
}

// ceremony does one, and prints what the page sees.
func (c *cli) ceremony(cmd *cobra.Command, what client.Ceremony, f webauthnFlags, args []string) error {
	options, err := c.optionsOf(args)
	if err != nil {
		return err
	}
	pin, err := c.pinOf(&f, args)
	if err != nil {
		return err
	}
	browser, err := c.browser(&f)
	if err != nil {
		return err
	}
	limit, err := client.Timeout(options)
	if err != nil {
		return c.exception(err)
	}
	if f.timeout > 0 {
		limit = f.timeout
	}
	return c.onBus(context.WithoutCancel(cmd.Context()), nil, func(bus string) error {
		keys, err := c.plugInto(cmd.Context(), browser, bus, f)
		defer keys.close()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), limit, errTimeout)
		defer cancel()
		keys.until(ctx)
		for i, w := range keys {
			if browser.Keys[i].PIN = pin; pin == "" {
				browser.Keys[i].Prompt = c.prompting(ctx, w.serial)
			}
		}
		do := browser.Create
		if what == client.Authentication {
			do = browser.Get
		}
		answer, err := do(f.origin, options)
		if err != nil {
			return c.exception(err)
		}
		var out bytes.Buffer
		if err := json.Indent(&out, answer, "", "  "); err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.out, out.String())
		return err
	})
}

// errTimeout is why a ceremony ends that nobody ends.
var errTimeout = errors.New("the user did not touch the key in time")

// optionsOf reads the options that a page has.
func (c *cli) optionsOf(args []string) (options []byte, err error) {
	if len(args) == 0 || args[0] == "-" {
		options, err = io.ReadAll(c.in)
	} else {
		options, err = os.ReadFile(c.path(args[0]))
	}
	if err != nil {
		return nil, err
	}
	var wrapped struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if json.Unmarshal(options, &wrapped) == nil && wrapped.PublicKey != nil {
		return wrapped.PublicKey, nil
	}
	return options, nil
}

// browser returns a client without keys.
func (c *cli) browser(f *webauthnFlags) (*client.Client, error) {
	if f.origin == "" {
		return nil, usage{errors.New("say which page asks: --origin https://HOST")}
	}
	b := &client.Client{Random: rand.Reader, Top: f.top}
	if f.forge != "" {
		var err error
		if b.Forge, err = client.ParseForgery(f.forge); err != nil {
			return nil, usage{err}
		}
	}
	if f.related != "" {
		b.Related = func(string) ([]byte, error) { return os.ReadFile(c.path(f.related)) }
	}
	if f.account != "" {
		b.Choose = func(accounts []client.Account) int {
			for i, a := range accounts {
				if a.Name == f.account || string(a.UserHandle) == f.account {
					return i
				}
			}
			return -1
		}
	}
	return b, nil
}

// plugInto opens the keys that the user has at hand.
func (c *cli) plugInto(ctx context.Context, b *client.Client, bus string, f webauthnFlags) (open wires, err error) {
	nodes, err := sock.Nodes(bus)
	if err != nil {
		return nil, err
	}
	owner, err := live.ReadOwner(c.where())
	if err != nil {
		return nil, err
	}
	lab := control.Dial(owner.URL, owner.Token)
	wanted := map[string]bool{}
	for _, serial := range f.keys {
		wanted[serial] = true
	}
	plugIn := func(serial string, conn net.Conn, err error) error {
		if err != nil {
			return fmt.Errorf("the key %q: %w", serial, err)
		}
		w, err := dialKey(ctx, conn, serial, c.blinks)
		if err != nil {
			return fmt.Errorf("the key %q: %w", serial, err)
		}
		delete(wanted, serial)
		open = append(open, w)
		key := w.key()
		key.Sign, key.Attest = signing(ctx, lab, serial), attesting(ctx, lab, serial)
		b.Keys = append(b.Keys, key)
		return nil
	}
	for _, n := range nodes {
		if len(f.keys) > 0 && !wanted[n.Serial] {
			continue
		}
		conn, err := n.Open()
		if err := plugIn(n.Serial, conn, err); err != nil {
			return open, err
		}
	}
	for _, serial := range f.keys {
		if !wanted[serial] {
			continue
		}
		var s live.KeyShown
		if err := lab.Get(ctx, "/v1/keys/"+url.PathEscape(serial), &s); err != nil || s.Node == "" {
			return open, hinted{fmt.Errorf("no key %q is plugged in", serial), "`mfalab key list` shows where keys are"}
		}
		conn, err := openKey(ctx, s.Node)
		if err := plugIn(serial, conn, err); err != nil {
			return open, err
		}
	}
	return open, nil
}

// signing signs in a key's name, which the lab can.
func signing(ctx context.Context, lab *control.Client, serial string) func(rpID string, id, message []byte) ([]byte, error) {
	return func(rpID string, id, message []byte) ([]byte, error) {
		var out control.KeySignature
		err := lab.Post(ctx, "/v1/keys/"+url.PathEscape(serial)+"/sign", control.KeySign{RP: rpID, Credential: id, Message: message}, &out)
		return out.Signature, err
	}
}

// attesting makes attestations in a key's name, which the lab can.
func attesting(ctx context.Context, lab *control.Client, serial string) func(what, rpID string, id, authData, hash []byte) (attest.Attestation, error) {
	return func(what, rpID string, id, authData, hash []byte) (attest.Attestation, error) {
		var out control.KeyAttestation
		err := lab.Post(ctx, "/v1/keys/"+url.PathEscape(serial)+"/attest", control.KeyAttest{Attestation: what, RP: rpID, Credential: id,
			AuthData: authData, ClientDataHash: hash}, &out)
		return attest.Attestation(out), err
	}
}

// blinks tells a person what to do.
func (c *cli) blinks(serial string) {
	fmt.Fprintf(c.err, "mfalab: hint: the key %s blinks: `mfalab key touch`\n", serial)
}

// A domException is what a page sees, and what is behind it.
type domException struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Status  string `json:"status,omitempty"` // the key's
}

// exception says what a page would see.
func (c *cli) exception(err error) error {
	var e *client.Error
	if !errors.As(err, &e) {
		return err
	}
	shown := domException{Name: e.Name, Message: e.Message}
	var status ctap.Status
	if errors.As(err, &status) {
		shown.Status = status.Name()
	} else if e.Err != nil {
		shown.Message += ": " + e.Err.Error()
	}
	if c.json {
		if err := c.print(shown, nil); err != nil {
			return err
		}
	}
	return advised(e, status)
}

// advised adds what a person could do, where there is something.
func advised(e *client.Error, status ctap.Status) error {
	switch {
	case strings.Contains(e.Error(), "has no PIN"):
		return hinted{e, "`mfalab key pin --new PIN` gives it one"}
	case strings.Contains(e.Error(), "types none"):
		return hinted{e, "give --pin or --pin-file; with the options in a FILE and standard input on a terminal you are asked"}
	case strings.Contains(e.Error(), "changed first"):
		return hinted{e, "`mfalab key pin --old PIN --new PIN` changes it"}
	case strings.Contains(e.Error(), "no key is plugged in"):
		return hinted{e, "`mfalab key new` makes one, `mfalab key plug` plugs one in"}
	case status == ctap.ErrPINAuthBlocked:
		return hinted{e, "`mfalab key unplug` and `mfalab key plug` let it be tried again"}
	}
	return e
}
