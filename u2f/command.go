package u2f

import (
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// A command is one row of the table in Section 6. In the run functions req is the parameters, without the command
// byte, in canonical CBOR; it stays valid while the command waits for the user.
type command struct {
	name    string
	section string
	bare    bool // it has no parameters
	run     func(k *Key, now time.Time, req []byte) ([]byte, error)
}

// From the specification: the command bytes of Section 6.
const (
	cmdMakeCredential   = 0x01
	cmdGetAssertion     = 0x02
	cmdGetInfo          = 0x04
	cmdClientPIN        = 0x06
	cmdReset            = 0x07
	cmdGetNextAssertion = 0x08
	cmdBioEnrollment    = 0x09
	cmdCredentialMgmt   = 0x0A
	cmdSelection        = 0x0B
	cmdLargeBlobs       = 0x0C
	cmdConfig           = 0x0D
)

// cmdBioEnrollmentPreview is what authenticatorBioEnrollment was called before 2.1 (Section 6.12).
const cmdBioEnrollmentPreview = 0x40

// cmdCredentialMgmtPreview is what authenticatorCredentialManagement was called before 2.1 (Section 6.12); libfido2 1.12 asks
// by no other name.
const cmdCredentialMgmtPreview = 0x41

// The names that requests and events give.
const (
	nameMakeCredential       = "authenticatorMakeCredential"
	nameGetAssertion         = "authenticatorGetAssertion"
	nameGetNextAssertion     = "authenticatorGetNextAssertion"
	nameClientPIN            = "authenticatorClientPIN"
	nameReset                = "authenticatorReset"
	nameBioEnrollment        = "authenticatorBioEnrollment"
	nameCredentialManagement = "authenticatorCredentialManagement"
	nameSelection            = "authenticatorSelection"
	nameLargeBlobs           = "authenticatorLargeBlobs"
	nameConfig               = "authenticatorConfig"
)

var commands = [256]command{
	cmdMakeCredential:        {nameMakeCredential, "6.1", false, (*Key).makeCredential},
	cmdGetAssertion:          {nameGetAssertion, "6.2", false, (*Key).getAssertion},
	cmdGetInfo:               {"authenticatorGetInfo", "6.4", true, (*Key).getInfo},
	cmdClientPIN:             {nameClientPIN, "6.5", false, (*Key).clientPIN},
	cmdReset:                 {nameReset, "6.6", true, (*Key).reset},
	cmdGetNextAssertion:      {nameGetNextAssertion, "6.3", true, (*Key).getNextAssertion},
	cmdBioEnrollment:         {nameBioEnrollment, "6.7", false, (*Key).bioEnrollment},
	cmdBioEnrollmentPreview:  {nameBioEnrollment, "6.12", false, (*Key).bioEnrollment},
	cmdCredentialMgmt:        {nameCredentialManagement, "6.8", false, (*Key).credentialManagement},
	cmdCredentialMgmtPreview: {nameCredentialManagement, "6.12", false, (*Key).credentialManagement},
	cmdSelection:             {nameSelection, "6.9", true, (*Key).selection},
	cmdLargeBlobs:            {nameLargeBlobs, "6.10", false, (*Key).largeBlobs},
	cmdConfig:                {nameConfig, "6.11", false, (*Key).config},
}

// run does what k.request says. What is wrong with the request as a whole comes first, in this order: its length
// (Sections 6.4 and 8.2), the command byte (8.2), the encoding (8).
func (k *Key) run(now time.Time) ([]byte, error) {
	if len(k.request) == 0 {
		return nil, ctap.ErrInvalidLength
	}
	cmd, req := k.request[0], k.request[1:]
	if cmd != cmdGetNextAssertion {
		k.next = nil
	}
	if cmd != cmdCredentialMgmt && cmd != cmdCredentialMgmtPreview {
		k.listing = nil
	}
	if cmd != cmdBioEnrollment && cmd != cmdBioEnrollmentPreview {
		k.uv.enrolling = nil
	}
	if k.fault != nil {
		return nil, ctap.ErrOther
	}
	if len(k.request) > k.profile.MaxMsgSize {
		return nil, ctap.ErrRequestTooLarge
	}
	if commands[cmd].run == nil || !k.profile.offers(cmd) {
		return nil, ctap.ErrInvalidCommand
	}
	if err := k.overridden(cmd); err != nil {
		return nil, err
	}
	req, err := k.parameters(commands[cmd].bare, req)
	if err != nil {
		return nil, err
	}
	return commands[cmd].run(k, now, req)
}

// parameters checks the encoding of req as the profile wants it and returns it in canonical form. A command without
// parameters takes no bytes; a lenient key does not look at them.
func (k *Key) parameters(bare bool, req []byte) ([]byte, error) {
	strict := k.profile.CBOR == Strict
	switch {
	case bare && strict && len(req) > 0:
		return nil, ctap.ErrInvalidLength
	case bare:
		return nil, nil
	case strict:
		return req, ctap.CheckCanonical(req)
	}
	return ctap.Canonical(req)
}
