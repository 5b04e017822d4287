// Package ctap is what a platform and a security key say to each other by CTAP2, in both directions: requests, answers
// and status codes, with how strictly the CBOR of them is read.
//
// It follows CTAP 2.1 (FIDO Alliance Proposed Standard 2021-06-15 with the errata of 2022-06-21); Sections are that
// document's. A message is one byte and CBOR that may be missing:
//
//	request  command | a map in CTAP2 canonical form
//	answer   status  | a map in CTAP2 canonical form; nothing where the status is an error
//
// Not implemented: authenticatorLargeBlobs
// (6.10), authenticatorConfig (6.11).
package ctap

import (
	"errors"
	"fmt"
)

// A Status is the first byte of every answer to a CTAP2 command. As an error it is one of the codes that Section 8.2
// lists; OK is a Status but never an error that a function of this package returns. See Section 8.2.
type Status byte

// The status codes, in the order of the table in Section 8.2. Names are those of the specification without CTAP1_ERR_
// and CTAP2_ERR_; what each code means stands there.
const (
	OK Status = 0x00 // CTAP2_OK; Section 8.2 also calls it CTAP1_ERR_SUCCESS

	ErrInvalidCommand   Status = 0x01
	ErrInvalidParameter Status = 0x02
	ErrInvalidLength    Status = 0x03
	ErrInvalidSeq       Status = 0x04
	ErrTimeout          Status = 0x05
	ErrChannelBusy      Status = 0x06
	ErrLockRequired     Status = 0x0A
	ErrInvalidChannel   Status = 0x0B

	ErrCBORUnexpectedType     Status = 0x11
	ErrInvalidCBOR            Status = 0x12
	ErrMissingParameter       Status = 0x14
	ErrLimitExceeded          Status = 0x15
	ErrFPDatabaseFull         Status = 0x17
	ErrLargeBlobStorageFull   Status = 0x18
	ErrCredentialExcluded     Status = 0x19
	ErrProcessing             Status = 0x21
	ErrInvalidCredential      Status = 0x22
	ErrUserActionPending      Status = 0x23
	ErrOperationPending       Status = 0x24
	ErrNoOperations           Status = 0x25
	ErrUnsupportedAlgorithm   Status = 0x26
	ErrOperationDenied        Status = 0x27
	ErrKeyStoreFull           Status = 0x28
	ErrUnsupportedOption      Status = 0x2B
	ErrInvalidOption          Status = 0x2C
	ErrKeepaliveCancel        Status = 0x2D
	ErrNoCredentials          Status = 0x2E
	ErrUserActionTimeout      Status = 0x2F
	ErrNotAllowed             Status = 0x30
	ErrPINInvalid             Status = 0x31
	ErrPINBlocked             Status = 0x32
	ErrPINAuthInvalid         Status = 0x33
	ErrPINAuthBlocked         Status = 0x34
	ErrPINNotSet              Status = 0x35
	ErrPUATRequired           Status = 0x36 // CTAP 2.0 calls it CTAP2_ERR_PIN_REQUIRED
	ErrPINPolicyViolation     Status = 0x37
	ErrRequestTooLarge        Status = 0x39
	ErrActionTimeout          Status = 0x3A
	ErrUPRequired             Status = 0x3B
	ErrUVBlocked              Status = 0x3C
	ErrIntegrityFailure       Status = 0x3D
	ErrInvalidSubcommand      Status = 0x3E
	ErrUVInvalid              Status = 0x3F
	ErrUnauthorizedPermission Status = 0x40

	ErrOther Status = 0x7F // CTAP1_ERR_OTHER

	ErrSpecLast       Status = 0xDF // the last code that a specification may give out
	ErrExtensionFirst Status = 0xE0
	ErrExtensionLast  Status = 0xEF
	ErrVendorFirst    Status = 0xF0
	ErrVendorLast     Status = 0xFF
)

// Codes of CTAP 2.0 (2019-01-30, Section 6.3) that Section 8.2 no longer lists. A key that is as old as that answers
// with them.
const (
	ErrUnsupportedExtension Status = 0x16
	ErrNotBusy              Status = 0x29
	ErrNoOperationPending   Status = 0x2A
	ErrPINTokenExpired      Status = 0x38
)

// statusNames is the table of Section 8.2, with the old codes in their places. A code without a name is reserved.
var statusNames = [256]string{
	OK:                        "CTAP2_OK",
	ErrInvalidCommand:         "CTAP1_ERR_INVALID_COMMAND",
	ErrInvalidParameter:       "CTAP1_ERR_INVALID_PARAMETER",
	ErrInvalidLength:          "CTAP1_ERR_INVALID_LENGTH",
	ErrInvalidSeq:             "CTAP1_ERR_INVALID_SEQ",
	ErrTimeout:                "CTAP1_ERR_TIMEOUT",
	ErrChannelBusy:            "CTAP1_ERR_CHANNEL_BUSY",
	ErrLockRequired:           "CTAP1_ERR_LOCK_REQUIRED",
	ErrInvalidChannel:         "CTAP1_ERR_INVALID_CHANNEL",
	ErrCBORUnexpectedType:     "CTAP2_ERR_CBOR_UNEXPECTED_TYPE",
	ErrInvalidCBOR:            "CTAP2_ERR_INVALID_CBOR",
	ErrMissingParameter:       "CTAP2_ERR_MISSING_PARAMETER",
	ErrLimitExceeded:          "CTAP2_ERR_LIMIT_EXCEEDED",
	ErrUnsupportedExtension:   "CTAP2_ERR_UNSUPPORTED_EXTENSION",
	ErrFPDatabaseFull:         "CTAP2_ERR_FP_DATABASE_FULL",
	ErrLargeBlobStorageFull:   "CTAP2_ERR_LARGE_BLOB_STORAGE_FULL",
	ErrCredentialExcluded:     "CTAP2_ERR_CREDENTIAL_EXCLUDED",
	ErrProcessing:             "CTAP2_ERR_PROCESSING",
	ErrInvalidCredential:      "CTAP2_ERR_INVALID_CREDENTIAL",
	ErrUserActionPending:      "CTAP2_ERR_USER_ACTION_PENDING",
	ErrOperationPending:       "CTAP2_ERR_OPERATION_PENDING",
	ErrNoOperations:           "CTAP2_ERR_NO_OPERATIONS",
	ErrUnsupportedAlgorithm:   "CTAP2_ERR_UNSUPPORTED_ALGORITHM",
	ErrOperationDenied:        "CTAP2_ERR_OPERATION_DENIED",
	ErrKeyStoreFull:           "CTAP2_ERR_KEY_STORE_FULL",
	ErrNotBusy:                "CTAP2_ERR_NOT_BUSY",
	ErrNoOperationPending:     "CTAP2_ERR_NO_OPERATION_PENDING",
	ErrUnsupportedOption:      "CTAP2_ERR_UNSUPPORTED_OPTION",
	ErrInvalidOption:          "CTAP2_ERR_INVALID_OPTION",
	ErrKeepaliveCancel:        "CTAP2_ERR_KEEPALIVE_CANCEL",
	ErrNoCredentials:          "CTAP2_ERR_NO_CREDENTIALS",
	ErrUserActionTimeout:      "CTAP2_ERR_USER_ACTION_TIMEOUT",
	ErrNotAllowed:             "CTAP2_ERR_NOT_ALLOWED",
	ErrPINInvalid:             "CTAP2_ERR_PIN_INVALID",
	ErrPINBlocked:             "CTAP2_ERR_PIN_BLOCKED",
	ErrPINAuthInvalid:         "CTAP2_ERR_PIN_AUTH_INVALID",
	ErrPINAuthBlocked:         "CTAP2_ERR_PIN_AUTH_BLOCKED",
	ErrPINNotSet:              "CTAP2_ERR_PIN_NOT_SET",
	ErrPUATRequired:           "CTAP2_ERR_PUAT_REQUIRED",
	ErrPINPolicyViolation:     "CTAP2_ERR_PIN_POLICY_VIOLATION",
	ErrPINTokenExpired:        "CTAP2_ERR_PIN_TOKEN_EXPIRED",
	ErrRequestTooLarge:        "CTAP2_ERR_REQUEST_TOO_LARGE",
	ErrActionTimeout:          "CTAP2_ERR_ACTION_TIMEOUT",
	ErrUPRequired:             "CTAP2_ERR_UP_REQUIRED",
	ErrUVBlocked:              "CTAP2_ERR_UV_BLOCKED",
	ErrIntegrityFailure:       "CTAP2_ERR_INTEGRITY_FAILURE",
	ErrInvalidSubcommand:      "CTAP2_ERR_INVALID_SUBCOMMAND",
	ErrUVInvalid:              "CTAP2_ERR_UV_INVALID",
	ErrUnauthorizedPermission: "CTAP2_ERR_UNAUTHORIZED_PERMISSION",
	ErrOther:                  "CTAP1_ERR_OTHER",
	ErrSpecLast:               "CTAP2_ERR_SPEC_LAST",
	ErrExtensionFirst:         "CTAP2_ERR_EXTENSION_FIRST",
	ErrExtensionLast:          "CTAP2_ERR_EXTENSION_LAST",
	ErrVendorFirst:            "CTAP2_ERR_VENDOR_FIRST",
	ErrVendorLast:             "CTAP2_ERR_VENDOR_LAST",
}

// Name returns the name that Section 8.2 gives s, "extension" or "vendor" for a code inside those two ranges, and
// "reserved" for every other code.
func (s Status) Name() string {
	switch {
	case statusNames[s] != "":
		return statusNames[s]
	case s > ErrVendorFirst:
		return "vendor"
	case s > ErrExtensionFirst:
		return "extension"
	}
	return "reserved"
}

// Error returns the name of s and its code, as in "CTAP2_ERR_PIN_AUTH_INVALID (0x33)".
func (s Status) Error() string { return fmt.Sprintf("%s (0x%02x)", s.Name(), byte(s)) }

// StatusOf returns the byte that answers err: OK for nil, the Status that err is or wraps, and ErrOther for any other
// error, whose text stays inside the key.
func StatusOf(err error) Status {
	if err == nil {
		return OK
	}
	if s, ok := errors.AsType[Status](err); ok {
		return s
	}
	return ErrOther
}
