package live

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// cmdBioEnrollment is of CTAP 2.1, Section 6.
const cmdBioEnrollment = 0x09

// SetKeyFingers says what the user does the next times that the key blinks, behind what was said before or, with anew,
// instead of it. Each is a touch; where the key has a sensor and looks, it matters which finger it is and how it lies.
func (l *Lab) SetKeyFingers(ctx context.Context, serial string, fingers []u2f.Finger, anew bool) (KeyShown, error) {
	return l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
		list := fingers
		if !anew {
			list = append(k.core.Fingers(), fingers...)
		}
		if err := k.core.SetFingers(w.Now(), list); err != nil {
			return err
		}
		l.bench.unsavedKeys[k], k.scripted = true, true
		return nil
	})
}

// EnrolFinger enrols a finger on a key with a sensor, and gives the fingerprint a name where that is not empty. It asks the key
// as a platform does that has the PIN, so that the key's own rules decide.
func (l *Lab) EnrolFinger(ctx context.Context, serial string, pin PIN, finger, name string) (KeyShown, error) {
	return l.whenIdle(ctx, serial, func(w *sim.World, k *key) error {
		if k.profile.Key.Sensor.Templates == 0 {
			return fmt.Errorf("a key of the profile %q has no fingerprint sensor: `mfalab key new --profile bio` makes one that has", k.profile.Key.Name)
		}
		if err := (u2f.Finger{Name: finger}).Check(); err != nil {
			return err
		}
		if !k.core.Summary().PIN {
			return fmt.Errorf("the key %q has no PIN, without which nothing is enrolled: `mfalab key pin %s --new PIN` sets one", k.serial, k.serial)
		}
		if len(name) > k.profile.Key.Sensor.MaxName {
			return fmt.Errorf("the name %q has %d bytes: this key wants %d at most", name, len(name), k.profile.Key.Sensor.MaxName)
		}
		fingers, presence := k.core.Fingers(), k.presence
		k.core.SetPresence(k.at, u2f.Presence{Mode: u2f.Auto})
		err := k.triesLeft(k.enrol(pin, finger, name))
		k.core.SetPresence(k.at, presence)
		return errors.Join(err, k.core.SetFingers(k.at, fingers))
	})
}

// enrol takes the samples, one after the other.
func (k *key) enrol(pin PIN, finger, name string) error {
	protocol, token, err := k.pinToken(pin, ctap.PermissionBE)
	if err != nil {
		return err
	}
	manage := func(in ctap.BioEnrollmentRequest) (ctap.BioEnrollmentResponse, error) {
		in.Modality, in.Protocol = new(uint64(ctap.Fingerprint)), new(uint64(protocol))
		in.UVAuthParam = protocol.Authenticate(token, in.Message(in.AppendParams(nil)))
		body, err := k.ask(in.Append([]byte{cmdBioEnrollment}))
		if err != nil {
			return ctap.BioEnrollmentResponse{}, err
		}
		return ctap.ParseBioEnrollmentResponse(slices.Clone(body))
	}
	var id []byte
	for in := (ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollBegin}); ; {
		if err := k.core.SetFingers(k.at, []u2f.Finger{{Name: finger}}); err != nil {
			return err
		}
		out, err := manage(in)
		if err != nil {
			return err
		}
		if *out.LastSample != ctap.SampleGood {
			return fmt.Errorf("the finger %q is enrolled on the key %q already", finger, k.serial)
		}
		if out.TemplateID != nil {
			id = out.TemplateID
		}
		if *out.RemainingSamples == 0 {
			break
		}
		in = ctap.BioEnrollmentRequest{Subcommand: ctap.EnrollCaptureNextSample, TemplateID: id}
	}
	if name == "" {
		return nil
	}
	_, err = manage(ctap.BioEnrollmentRequest{Subcommand: ctap.SetFriendlyName, TemplateID: id, FriendlyName: &name})
	return err
}

// pinToken exchanges a PIN for a token, as a platform does. See CTAP 2.1, Section 6.5.5.7.2.
func (k *key) pinToken(pin PIN, permissions ctap.Permissions) (pinuv.Protocol, []byte, error) {
	number := k.profile.Key.PINUVAuthProtocols[0]
	protocol := pinuv.Protocol(number)
	req := ctap.ClientPINRequest{Protocol: &number, Subcommand: ctap.GetKeyAgreement}
	answer, err := k.clientPIN(req)
	if err != nil {
		return 0, nil, err
	}
	public, secret, err := protocol.Encapsulate(rand.Reader, answer.KeyAgreement)
	if err != nil {
		return 0, nil, err
	}
	hash := sha256.Sum256([]byte(pin))
	req.Subcommand, req.KeyAgreement, req.Permissions = ctap.GetPINUVAuthTokenUsingPINWithPermissions, public, &permissions
	if req.PINHashEnc, err = secret.Encrypt(rand.Reader, hash[:16]); err != nil {
		return 0, nil, err
	}
	if answer, err = k.clientPIN(req); err != nil {
		return 0, nil, err
	}
	token, err := secret.Decrypt(answer.UVAuthToken)
	return protocol, token, err
}
