package client

import (
	"slices"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// From the specification, CTAP Section 6.4: what getInfo's absence of maxMsgSize means.
const defaultMaxMsgSize = 1024

// roomBeside is what a request has besides its list of credentials, in bytes; what one credential has besides its ID. Our
// choice: RP IDs are short.
const (
	roomBeside    = 400
	descriptorAdd = 32
)

// narrow returns what of a list the key can be asked about: IDs that are not too long to be its own, and where there are
// more than it takes at a time, or where one is wanted, the one that it knows among them, if any. See CTAP Sections 6.1.2
// and 6.4 (maxCredentialCountInList, maxCredentialIdLength).
func (k *key) narrow(rpID string, hash []byte, list []descriptor, one bool) ([]ctap.Descriptor, error) {
	var out []ctap.Descriptor
	for _, d := range list {
		if d.Type == publicKey && (k.info.MaxCredentialIDLength == 0 || uint64(len(d.ID)) <= k.info.MaxCredentialIDLength) {
			out = append(out, ctap.Descriptor{Type: d.Type, ID: d.ID})
		}
	}
	parts := k.batches(out)
	if len(parts) == 0 || len(parts) == 1 && !one || len(out) == 1 {
		return out, nil
	}
	for _, part := range parts {
		found, err := k.knows(rpID, hash, part)
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// batches cuts a list into parts that the key takes at a time, by their number and by the length of a message.
func (k *key) batches(list []ctap.Descriptor) (parts [][]ctap.Descriptor) {
	size := max(int(min(k.info.MaxMsgSize, 1<<16)), defaultMaxMsgSize) - roomBeside
	most := int(min(k.info.MaxCredentialCountInList, uint64(len(list))))
	var part []ctap.Descriptor
	room := size
	for _, d := range list {
		need := len(d.ID) + descriptorAdd
		if len(part) > 0 && (need > room || most > 0 && len(part) == most) {
			parts, part, room = append(parts, part), nil, size
		}
		part, room = append(part, d), room-need
	}
	if part != nil {
		parts = append(parts, part)
	}
	return parts
}

// knows asks the key, without a touch, which of a few credentials is its own. Of a key that does not say which it was all
// of them come back. See CTAP Section 6.2.2 (option "up").
func (k *key) knows(rpID string, hash []byte, part []ctap.Descriptor) ([]ctap.Descriptor, error) {
	silent := ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: hash, AllowList: part, Options: ctap.Options{UP: ctap.False}}
	silent.UVAuthParam, silent.Protocol = k.proof(hash)
	body, err := k.send(cmdGetAssertion, silent.Append(nil))
	switch ctap.StatusOf(err) {
	case ctap.OK:
	case ctap.ErrNoCredentials:
		return nil, nil
	default:
		return nil, err
	}
	a, err := ctap.ParseGetAssertionResponse(body)
	if err != nil || len(part) == 1 || a.CredentialID == nil {
		return part, err
	}
	return []ctap.Descriptor{{Type: publicKey, ID: slices.Clone(a.CredentialID)}}, nil
}
