package u2f

import "fmt"

// A Summary is what a person who has the key in hand can know of it. Of a key without power it is empty.
type Summary struct {
	PIN         bool   `json:"pin"`         // one is set
	PINRetries  int    `json:"pinRetries"`  // attempts that remain, Section 6.5.2.2
	Credentials int    `json:"credentials"` // discoverable ones
	Slots       int    `json:"slots"`       // for discoverable credentials
	Counter     uint32 `json:"counter"`     // the signature counter that went out last
}

// Summary returns how the key stands.
func (k *Key) Summary() Summary {
	if k.phase == off {
		return Summary{}
	}
	return Summary{PIN: k.pinSet(), PINRetries: int(k.pin.retries), Credentials: len(k.residents), Slots: k.profile.ResidentSlots,
		Counter: k.counter}
}

// CommandName returns what the specification calls a CTAP2 command, and the bare byte for one that it does not know here.
func CommandName(b byte) string {
	if c := commands[b]; c.name != "" {
		return c.name
	}
	return fmt.Sprintf("command 0x%02x", b)
}

// InstructionName returns what U2F Raw Message Formats calls an instruction, and the bare byte for one that it has not.
func InstructionName(b byte) string {
	if i := instructions[b]; i.name != "" {
		return i.name
	}
	return fmt.Sprintf("instruction 0x%02x", b)
}
