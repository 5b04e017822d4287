package client

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// From the specification: U2F Raw Message Formats 1.2, Sections 3 to 5, and CTAP Section 10.
const (
	insRegister     = 0x01
	insAuthenticate = 0x02
	checkOnly       = 0x07 // P1: is the key handle the key's?
	enforceTouch    = 0x03 // P1
	swOK            = 0x9000
	swNotSatisfied  = 0x6985 // the user has not touched it; with checkOnly: the key handle is the key's
	reserved        = 0x05   // the first byte of a registration
	pointSize       = 65
)

// maxHandle is the longest key handle: its length goes in one byte. See U2F Raw Message Formats, Section 5.1.
const maxHandle = 255

var errU2F = errors.New("what the key answers is no U2F message")

// apdu sends a U2F message in extended encoding and returns what came and its status word. See U2F Raw Message Formats,
// Section 3.1.
func (k *key) apdu(ins, p1 byte, data []byte) ([]byte, uint16, error) {
	req := append([]byte{0, ins, p1, 0, 0, byte(len(data) >> 8), byte(len(data))}, data...)
	reply, err := k.APDU(append(req, 0, 0))
	if err != nil {
		return nil, 0, err
	}
	if len(reply) < 2 {
		return nil, 0, errU2F
	}
	n := len(reply) - 2
	return reply[:n], binary.BigEndian.Uint16(reply[n:]), nil
}

// touched sends a U2F message until the user has touched the key. See U2F Raw Message Formats, Section 4.3.
func (k *key) touched(ins, p1 byte, data []byte) ([]byte, error) {
	for {
		body, status, err := k.apdu(ins, p1, data)
		switch {
		case err != nil:
			return nil, err
		case status == swOK:
			return body, nil
		case status != swNotSatisfied || k.Pause == nil:
			return nil, fmt.Errorf("the key answers with status word %04x", status)
		}
		if err := k.Pause(); err != nil {
			return nil, err
		}
	}
}

// owns returns the first credential of a list that is the key's. See U2F Raw Message Formats, Section 5.1 (check-only).
func (k *key) owns(hash []byte, app [32]byte, list []descriptor) ([]byte, error) {
	for _, d := range list {
		if d.Type != publicKey || len(d.ID) > maxHandle {
			continue
		}
		_, status, err := k.apdu(insAuthenticate, checkOnly, authentication(hash, app, d.ID))
		if err != nil {
			return nil, err
		}
		if status == swNotSatisfied {
			return d.ID, nil
		}
	}
	return nil, nil
}

func authentication(hash []byte, app [32]byte, handle []byte) []byte {
	return append(append(append(bytes.Clone(hash), app[:]...), byte(len(handle))), handle...)
}

// registerU2F makes a credential by U2F, as an answer of CTAP2 with fido-u2f attestation. See CTAP Section 10.2 and
// Section 8.6.
func (k *key) registerU2F(rpID string, hash []byte, o *creationOptions, excludeApp string) (made ctap.MakeCredentialResponse, err error) {
	app := sha256.Sum256([]byte(rpID))
	apps := [][32]byte{app}
	if excludeApp != "" {
		apps = append(apps, sha256.Sum256([]byte(excludeApp)))
	}
	for _, a := range apps {
		id, err := k.owns(hash, a, o.Exclude)
		if err != nil {
			return made, err
		}
		if id != nil { // after a touch, so that nobody learns it from the time that it takes
			if _, err := k.touched(insRegister, 0, make([]byte, 2*sha256.Size)); err != nil {
				return made, err
			}
			return made, ctap.ErrCredentialExcluded
		}
	}
	body, err := k.touched(insRegister, 0, append(bytes.Clone(hash), app[:]...))
	if err != nil {
		return made, err
	}
	return attestedU2F(app, body)
}

// attestedU2F reads a registration: 0x05, the public key, the handle's length and the handle, a certificate, a signature.
// See U2F Raw Message Formats, Section 4.3.
func attestedU2F(app [32]byte, b []byte) (made ctap.MakeCredentialResponse, err error) {
	if len(b) < 2+pointSize || b[0] != reserved || len(b) < 2+pointSize+int(b[1+pointSize]) {
		return made, errU2F
	}
	point, handle := b[1:1+pointSize], b[2+pointSize:][:b[1+pointSize]]
	var certificate asn1.RawValue
	signature, err := asn1.Unmarshal(b[2+pointSize+len(handle):], &certificate)
	if err != nil || len(handle) == 0 {
		return made, errU2F
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return made, errU2F
	}
	data := ctap.AuthData{RPIDHash: app, Flags: ctap.FlagUP, CredentialID: handle}
	if data.PublicKey, err = cose.AppendPublicKey(nil, cose.ES256, public); err != nil {
		return made, err
	}
	statement := marshal(map[string]any{"x5c": [][]byte{certificate.FullBytes}, "sig": signature})
	return ctap.MakeCredentialResponse{Format: "fido-u2f", AuthData: data.Append(nil), Statement: statement}, nil
}

// authenticateU2F signs by U2F, in the name of the RP ID or of an AppID, as an answer of CTAP2. See CTAP Section 10.3.
func (k *key) authenticateU2F(rpIDs []string, hash []byte, allow []descriptor) (a ctap.GetAssertionResponse, used string, err error) {
	for _, used = range rpIDs {
		app := sha256.Sum256([]byte(used))
		id, err := k.owns(hash, app, allow)
		if err != nil {
			return a, "", err
		}
		if id == nil {
			continue
		}
		body, err := k.touched(insAuthenticate, enforceTouch, authentication(hash, app, id))
		switch {
		case err != nil:
			return a, "", err
		case len(body) < 6:
			return a, "", errU2F
		}
		data := ctap.AuthData{RPIDHash: app, Flags: body[0] & ctap.FlagUP, Counter: binary.BigEndian.Uint32(body[1:])}
		return ctap.GetAssertionResponse{CredentialID: id, AuthData: data.Append(nil), Signature: body[5:]}, used, nil
	}
	return a, "", ctap.ErrNoCredentials
}
