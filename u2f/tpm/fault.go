package tpm

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// ownerError is one of a command that the owner's password authorizes.
type ownerError struct{ err error }

func (e ownerError) Error() string { return e.err.Error() }
func (e ownerError) Unwrap() error { return e.err }

// counterError is one of a command that concerns a counter.
type counterError struct {
	err   error
	index tpm2.TPMHandle
}

func (e counterError) Error() string { return e.err.Error() }
func (e counterError) Unwrap() error { return e.err }

// What an address may be wrong about.
var (
	errNoParent  = errors.New("there is no storage key of the address's parent")
	errNoStorage = errors.New("what lies at the address's parent is no storage key of this TPM")
)

// explain says what went wrong while the TPM was to do something, and what to do about it.
func (e *Element) explain(what string, err error) error {
	status, say := ctap.ErrOther, func(reason string) string {
		return fmt.Sprintf("the TPM at %s cannot %s: %s", e.address.where(), what, reason)
	}
	lost, isLost := errors.AsType[errLost](err)
	counter, isCounter := errors.AsType[counterError](err)
	_, isOwner := errors.AsType[ownerError](err)
	var reason string
	switch {
	case isLost && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		reason = "it hung up, twice; see whether it is in good order, and try again"
	case isLost && errors.Is(err, os.ErrDeadlineExceeded):
		reason = "it does not answer; if it is a swtpm, another program may be using it: let that end"
	case errors.Is(err, errNoDevice):
		reason = err.Error()
	case errors.Is(err, errOther):
		reason = err.Error()
	case isLost:
		reason = fmt.Sprintf("it is out of reach: %v; start it, and try again", lost.err)
	case isOwner && (errors.Is(err, tpm2.TPMRCBadAuth) || errors.Is(err, tpm2.TPMRCAuthFail)):
		reason, status = "its owner has another password; give it in a file: --element-auth-file", ctap.ErrOperationDenied
	case errors.Is(err, tpm2.TPMRCBadAuth):
		reason, status = "what authorizes that is wrong: the password of its parent, or the flash is damaged", ctap.ErrOperationDenied
	case errors.Is(err, tpm2.TPMRCHierarchy):
		reason = "its storage hierarchy is switched off"
	case isCounter && (gone(err) || errors.Is(err, tpm2.TPMRCNVUninitialized)):
		reason = fmt.Sprintf("its counter %08x is gone: somebody has undefined it; make a new key", uint32(counter.index))
	case errors.Is(err, tpm2.TPMRCNVSpace):
		reason, status = "its NV memory is full; make room (tpm2_getcap handles-nv-index, tpm2_nvundefine), or leave out counter=nv", ctap.ErrKeyStoreFull
	case errors.Is(err, tpm2.TPMRCPolicyFail), errors.Is(err, tpm2.TPMRCPCRChanged):
		reason = fmt.Sprintf("its PCRs %s are not as they were when the key was made; boot what was booted then, or make a new key", e.address.pcrList())
	case errors.Is(err, tpm2.TPMRCIntegrity):
		reason = "another TPM has wrapped it, or the flash is damaged"
	case errors.Is(err, tpm2.TPMRCLockout):
		reason, status = "it is locked out after too many wrong PINs; wait, or end that (tpm2_dictionarylockout --clear-lockout)", ctap.ErrPINAuthBlocked
	case errors.Is(err, tpm2.TPMRCFailure):
		reason = "it is in failure mode; start it anew"
	case errors.Is(err, errNoParent), errors.Is(err, errNoStorage):
		reason = fmt.Sprintf("%v, 0x%08x; see tpm2_getcap handles-persistent, or leave parent out", err, e.address.parent)
	default:
		reason = err.Error()
	}
	return &u2f.ElementError{Status: status, Err: elementFault{say(reason), err}}
}

// An elementFault says in words what err is.
type elementFault struct {
	text string
	err  error
}

func (f elementFault) Error() string { return "tpm: " + f.text }
func (f elementFault) Unwrap() error { return f.err }
