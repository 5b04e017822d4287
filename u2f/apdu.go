package u2f

import "fmt"

// A StatusWord ends every answer to a U2F message. See U2F Raw Message Formats 1.2 (2017-04-11), Section 3.3.
type StatusWord uint16

// From the specification: U2F Raw Message Formats, Section 3.3; the last two are ISO 7816-4's.
const (
	swNoError                StatusWord = 0x9000
	swConditionsNotSatisfied StatusWord = 0x6985 // the user must touch the key first
	swWrongData              StatusWord = 0x6A80 // the key handle is not one of this key for this application
	swWrongLength            StatusWord = 0x6700
	swClassNotSupported      StatusWord = 0x6E00
	swCommandNotAllowed      StatusWord = 0x6986 // CTAP 2.1, Section 7.2.4
	swInstructionUnknown     StatusWord = 0x6D00
	swIncorrectP1P2          StatusWord = 0x6A86
	swUnknown                StatusWord = 0x6F00
)

// statusWordNames are those of the specifications.
var statusWordNames = map[StatusWord]string{
	swNoError:                "SW_NO_ERROR",
	swConditionsNotSatisfied: "SW_CONDITIONS_NOT_SATISFIED",
	swWrongData:              "SW_WRONG_DATA",
	swWrongLength:            "SW_WRONG_LENGTH",
	swClassNotSupported:      "SW_CLA_NOT_SUPPORTED",
	swCommandNotAllowed:      "SW_COMMAND_NOT_ALLOWED",
	swInstructionUnknown:     "SW_INS_NOT_SUPPORTED",
	swIncorrectP1P2:          "SW_INCORRECT_P1P2",
	swUnknown:                "SW_UNKNOWN",
}

// Error returns the name and the number, as "SW_WRONG_DATA (0x6a80)".
func (s StatusWord) Error() string {
	name, ok := statusWordNames[s]
	if !ok {
		name = "status word"
	}
	return fmt.Sprintf("%s (0x%04x)", name, uint16(s))
}

// An apdu is a command of ISO 7816-4. See U2F Raw Message Formats, Section 3.1.
type apdu struct {
	class, instruction, p1, p2 byte
	data                       []byte // refers to the request
}

// From the specification: ISO 7816-4, Section 5.1.
const (
	apduHeader   = 4 // CLA INS P1 P2
	shortLcSize  = 1
	extendedSize = 3 // 0x00 and two bytes
	shortLeSize  = 1
	extendedLe   = 2
)

// parseAPDU reads a command in short or extended form, with or without data and with or without Le. What Le says is
// not looked at: a USB message carries its own length (U2F HID Protocol 1.2, Section 4.1). Extended data of no bytes,
// which ISO 7816-4 does not know, is taken, because clients send it with U2F_VERSION.
func parseAPDU(b []byte) (a apdu, err error) {
	if len(b) < apduHeader {
		return apdu{}, swWrongLength
	}
	a = apdu{class: b[0], instruction: b[1], p1: b[2], p2: b[3]}
	body := b[apduHeader:]
	switch {
	case len(body) == 0, len(body) == shortLeSize: // cases 1 and 2S
		return a, nil
	case body[0] != 0:
		return a, a.take(body[shortLcSize:], int(body[0]), shortLeSize)
	case len(body) < extendedSize:
		return a, swWrongLength
	case len(body) == extendedSize: // case 2E: what looks like Lc is Le
		return a, nil
	}
	return a, a.take(body[extendedSize:], int(body[1])<<8|int(body[2]), extendedLe)
}

// take sets the data, which are the first n bytes of b; behind them there may be Le and nothing else.
func (a *apdu) take(b []byte, n, leSize int) error {
	if len(b) != n && len(b) != n+leSize {
		return swWrongLength
	}
	a.data = b[:n]
	return nil
}
