package u2f

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/mfalab/mfalab/u2f/cose"
)

// SignFor signs, in the key's name, a message that no command would have it sign: with the private key of one of its
// credentials of the relying party rpID, or, where credentialID is nil, with the key that attests. No host reaches it. It is
// for whoever proves that a relying party notices a single thing that is wrong: everything else is signed as it should be.
// It changes nothing, the counter included.
func (k *Key) SignFor(rpID string, credentialID, message []byte) ([]byte, error) {
	switch {
	case k.phase == off:
		return nil, errors.New("u2f: a key without power signs nothing; plug it in")
	case credentialID == nil && k.profile.Attestation == FIDOU2F:
		return k.factory.u2fBatch.Sign(message)
	case credentialID == nil:
		return k.factory.batch.Sign(message)
	}
	private, err := k.credentialFor(rpID, credentialID)
	if err != nil {
		return nil, err
	}
	return private.Sign(message)
}

// credentialFor returns the private key of a credential of a relying party.
func (k *Key) credentialFor(rpID string, credentialID []byte) (*cose.PrivateKey, error) {
	if k.phase == off {
		return nil, errors.New("u2f: a key without power signs nothing; plug it in")
	}
	c, found := k.findCredential(sha256.Sum256([]byte(rpID)), credentialID)
	if !found {
		return nil, fmt.Errorf("u2f: the key has no credential %x of %q", credentialID, rpID)
	}
	return k.privateKey(&c)
}
