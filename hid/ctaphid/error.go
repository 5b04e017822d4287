package ctaphid

import "fmt"

// An Error is what the device says in CTAPHID_ERROR. See Section 11.2.9.1.6.
type Error byte

// The errors of Section 11.2.9.1.6.
const (
	ErrInvalidCommand Error = 0x01 // the command is unknown or not implemented
	ErrInvalidPar     Error = 0x02 // a value in the message is out of range
	ErrInvalidLength  Error = 0x03 // BCNT does not fit the command, or is more than MaxMessage
	ErrInvalidSeq     Error = 0x04 // a packet came in the middle of a message that is not its next one
	ErrMsgTimeout     Error = 0x05 // the rest of a message did not come
	ErrChannelBusy    Error = 0x06 // another channel has the device
	ErrLockRequired   Error = 0x0a // the command needs a lock
	ErrInvalidChannel Error = 0x0b // the channel was not allocated
	ErrOther          Error = 0x7f // anything else
)

var errorNames = map[Error]string{
	ErrInvalidCommand: "ERR_INVALID_CMD", ErrInvalidPar: "ERR_INVALID_PAR", ErrInvalidLength: "ERR_INVALID_LEN",
	ErrInvalidSeq: "ERR_INVALID_SEQ", ErrMsgTimeout: "ERR_MSG_TIMEOUT", ErrChannelBusy: "ERR_CHANNEL_BUSY",
	ErrLockRequired: "ERR_LOCK_REQUIRED", ErrInvalidChannel: "ERR_INVALID_CHANNEL", ErrOther: "ERR_OTHER",
}

// Error returns the name of the specification and the byte: "ERR_CHANNEL_BUSY (0x06)".
func (e Error) Error() string {
	name, ok := errorNames[e]
	if !ok {
		name = "unknown CTAPHID error"
	}
	return fmt.Sprintf("%s (%#02x)", name, byte(e))
}
