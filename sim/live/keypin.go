package live

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// From CTAP 2.1, Section 6: the commands that the lab itself sends.
const (
	cmdClientPIN = 0x06
	cmdReset     = 0x07
)

// labChannel is the channel of the lab's own requests. No host has it: the framing keeps it (Section 11.2.4).
const labChannel = 0

// PIN is a key's PIN as a request brings it. It is shown nowhere.
type PIN string

// String does not say it.
func (PIN) String() string { return "PIN" }

// GoString is String.
func (p PIN) GoString() string { return p.String() }

// Format writes String, whatever the verb.
func (p PIN) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

// SetKeyPIN sets a key's PIN, or changes it where old is given. It asks the key as a platform does, so that the key's own
// rules decide: the error is the key's status.
func (l *Lab) SetKeyPIN(ctx context.Context, serial string, old, pin PIN) (KeyShown, error) {
	return l.whenIdle(ctx, serial, func(_ *sim.World, k *key) error {
		if err := checkPIN(pin, cmp.Or(k.core.Summary().MinPINLength, k.profile.Key.MinPINLength)); err != nil {
			return err
		}
		if k.core.Summary().PIN && old == "" {
			return fmt.Errorf("the key %q has a PIN already: give the old one as well", k.serial)
		}
		return k.triesLeft(k.setPIN(old, pin))
	})
}

// triesLeft adds to a PIN's refusal what a person has to know next.
func (k *key) triesLeft(err error) error {
	switch {
	case errors.Is(err, ctap.ErrPINInvalid):
		return fmt.Errorf("%w: the PIN is wrong, %d tries are left", err, k.core.Summary().PINRetries)
	case errors.Is(err, ctap.ErrPINAuthBlocked):
		return fmt.Errorf("%w: three wrong PINs; pull the key out and plug it in, %d tries are left", err, k.core.Summary().PINRetries)
	case errors.Is(err, ctap.ErrPINBlocked):
		return fmt.Errorf("%w: no try is left; `mfalab key reset %s` makes the key usable again, without what is in it", err, k.serial)
	}
	return err
}

// checkPIN says in words what the key would say in a code. See CTAP 2.1, Section 6.5.1.
func checkPIN(pin PIN, least int) error {
	switch {
	case !utf8.ValidString(string(pin)):
		return errors.New("a PIN is text in UTF-8")
	case utf8.RuneCountInString(string(pin)) < least:
		return fmt.Errorf("a PIN of %d characters is too short: this key wants %d or more", utf8.RuneCountInString(string(pin)), least)
	case len(pin) > 63:
		return fmt.Errorf("a PIN of %d bytes is too long: 63 is the most", len(pin))
	}
	return nil
}

func (k *key) setPIN(old, pin PIN) error {
	protocols := k.profile.Key.PINUVAuthProtocols
	if len(protocols) == 0 {
		return fmt.Errorf("a key of the profile %q has no PIN", k.profile.Key.Name)
	}
	protocol := pinuv.Protocol(protocols[0])
	req := ctap.ClientPINRequest{Protocol: &protocols[0], Subcommand: ctap.GetKeyAgreement}
	answer, err := k.clientPIN(req)
	if err != nil {
		return err
	}
	public, secret, err := protocol.Encapsulate(rand.Reader, answer.KeyAgreement)
	if err != nil {
		return err
	}
	padded := append([]byte(pin), make([]byte, 64-len(pin))...)
	req.Subcommand, req.KeyAgreement = ctap.SetPIN, public
	if req.NewPINEnc, err = secret.Encrypt(rand.Reader, padded); err != nil {
		return err
	}
	if old != "" {
		hash := sha256.Sum256([]byte(old))
		req.Subcommand = ctap.ChangePIN
		if req.PINHashEnc, err = secret.Encrypt(rand.Reader, hash[:16]); err != nil {
			return err
		}
	}
	req.UVAuthParam = secret.Authenticate(slices.Concat(req.NewPINEnc, req.PINHashEnc))
	_, err = k.clientPIN(req)
	return err
}

func (k *key) clientPIN(req ctap.ClientPINRequest) (ctap.ClientPINResponse, error) {
	body, err := k.ask(req.Append([]byte{cmdClientPIN}))
	if err != nil || len(body) == 0 {
		return ctap.ClientPINResponse{}, err
	}
	return ctap.ParseClientPINResponse(body)
}

// ask sends the key a request that it answers at once.
func (k *key) ask(req []byte) ([]byte, error) {
	k.core.CBOR(k.at, labChannel, req)
	return k.answer()
}

func (k *key) answer() ([]byte, error) {
	at := k.at
	if r, blinks := k.core.Waiting(); blinks { // for a user who acts by himself and rests the finger on the key
		at = at.Add(time.Duration(r.Hold))
	}
	reply, ok := k.core.Reply(at)
	switch {
	case !ok:
		return nil, fmt.Errorf("the key %q does not answer", k.serial)
	case reply[0] != byte(ctap.OK):
		return nil, fmt.Errorf("the key %q refuses: %w", k.serial, ctap.Status(reply[0]))
	}
	return reply[1:], nil
}

// ResetKey gives a key a power cycle and resets it, with a touch: everything but its factory's records is gone.
func (l *Lab) ResetKey(ctx context.Context, serial string) (KeyShown, error) {
	return l.whenIdle(ctx, serial, func(w *sim.World, k *key) error {
		if !k.profile.Key.CTAP2() {
			return fmt.Errorf("a key of the profile %q cannot be reset", k.profile.Key.Name)
		}
		if err := k.cycle(w); err != nil {
			return err
		}
		presence := k.presence
		k.core.SetPresence(k.at, u2f.Presence{Mode: u2f.Auto})
		_, err := k.ask([]byte{cmdReset})
		k.core.SetPresence(k.at, presence)
		return err
	})
}

// Our choice: a program's ceremony is over in less, unless it waits for a touch.
const (
	busyPatience = 2 * time.Second
	busyBetween  = 5 * time.Millisecond
)

func errUnplugged(serial string) error {
	return fmt.Errorf("the key %q is not plugged in: `mfalab key plug %s`", serial, serial)
}

// whenIdle is saveAfter, with a key that has power and that no program is talking to.
func (l *Lab) whenIdle(ctx context.Context, serial string, f func(w *sim.World, k *key) error) (KeyShown, error) {
	for began := time.Now(); ; {
		busy := false
		shown, err := l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
			if k.port == nil {
				return errUnplugged(k.serial)
			}
			if k.port.exported() && !k.port.lent {
				return fmt.Errorf("the key %q has no power before somebody attaches it by USB/IP", k.serial)
			}
			if busy = !k.device.Idle(); busy {
				return fmt.Errorf("a program is using the key %q: let it end, or pull the key out", k.serial)
			}
			k.at = w.Now()
			return f(w, k)
		})
		if !busy || time.Since(began) > busyPatience {
			return shown, err
		}
		select {
		case <-time.After(busyBetween):
		case <-ctx.Done():
			return shown, err
		}
	}
}
