package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f/attest"
)

// AskKey sends a key one CTAP2 request, a command byte and its CBOR, as a program on the lab's own channel would, and
// returns the answer: a status byte and CBOR. Where the key wants to be touched, the user touches it at once, for as long
// as the key wants: the world does not go on meanwhile. An empty serial means the only key.
func (l *Lab) AskKey(ctx context.Context, serial string, req []byte) (reply []byte, err error) {
	_, err = l.whenIdle(ctx, serial, func(w *sim.World, k *key) error {
		k.core.CBOR(k.at, labChannel, req)
		at := k.at
		if r, blinks := k.core.Waiting(); blinks {
			if at = at.Add(time.Duration(r.Hold)); !k.core.Hold(k.at, time.Duration(r.Hold)) {
				k.core.Cancel(k.at)
			}
		}
		b, ok := k.core.Reply(at)
		if !ok {
			return fmt.Errorf("the key %q does not answer", k.serial)
		}
		reply = slices.Clone(b)
		return nil
	})
	return reply, err
}

// rootCertificate returns the certificate under which the keys of a lab with this chance attest.
func rootCertificate(chance sim.Chance) ([]byte, error) {
	root, err := attest.NewRoot(rootSeed(chance))
	if err != nil {
		return nil, err
	}
	return root.Certificate(), nil
}

func rootSeed(chance sim.Chance) []byte {
	return chance.Derive("attestation root").Bytes(entropySize)
}

// SignForKey signs a message in a key's name that no command would have it sign, with the credential with that ID of a
// relying party, or, where the ID is nil, with the key that attests. See u2f.Key.SignFor.
func (l *Lab) SignForKey(ctx context.Context, serial, rpID string, credentialID, message []byte) (signature []byte, err error) {
	_, err = l.whenIdle(ctx, serial, func(_ *sim.World, k *key) error {
		signature, err = k.core.SignFor(rpID, credentialID, message)
		return err
	})
	return signature, err
}

// AttestForKey makes, in a key's name, what the credential with that ID of a relying party comes with. See u2f.Key.AttestAs.
func (l *Lab) AttestForKey(ctx context.Context, serial, what, rpID string, credentialID, authData, clientDataHash []byte) (
	made attest.Attestation, err error) {
	_, err = l.whenIdle(ctx, serial, func(_ *sim.World, k *key) error {
		made, err = k.core.AttestAs(k.at, what, rpID, credentialID, authData, clientDataHash)
		return err
	})
	return made, err
}
