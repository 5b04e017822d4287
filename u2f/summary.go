package u2f

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Summary is what a person who has the key in hand can know of it. Of a key without power it is empty.
type Summary struct {
	PIN         bool   `json:"pin"`         // one is set
	PINRetries  int    `json:"pinRetries"`  // attempts that remain, Section 6.5.2.2
	Credentials int    `json:"credentials"` // discoverable ones
	Slots       int    `json:"slots"`       // for discoverable credentials
	Counter     uint32 `json:"counter"`     // the signature counter that went out last

	MinPINLength   int      `json:"minPINLength"`             // code points
	ForcePINChange bool     `json:"forcePINChange,omitempty"` // the PIN is good for nothing but being changed
	AlwaysUV       bool     `json:"alwaysUv,omitempty"`       // nothing without user verification, Section 7.2
	Enterprise     bool     `json:"enterpriseAttestation,omitempty"`
	LongTouch      bool     `json:"longTouchForReset,omitempty"`
	PINPolicy      bool     `json:"pinComplexityPolicy,omitempty"` // it is in force
	PINTold        []string `json:"minPinLengthRPIDs,omitempty"`   // relying parties that may know about the PIN
	LargeBlobs     int      `json:"largeBlobs,omitempty"`          // bytes of the large-blob array
	MaxLargeBlobs  int      `json:"maxLargeBlobs,omitempty"`       // bytes that there is room for
	// Sensor is how the fingerprint sensor stands, nil where there is none.
	Sensor *SensorSummary `json:"sensor,omitempty"`
}

// A SensorSummary is what a person can know of a key's fingerprint sensor.
type SensorSummary struct {
	Retries      int           `json:"retries"` // attempts that remain, Section 6.5.2.2
	Fingerprints []Fingerprint `json:"fingerprints"`
	Templates    int           `json:"templates"` // how many fingerprints there can be
}

// A Fingerprint is one that is enrolled.
type Fingerprint struct {
	ID     string `json:"id"`             // templateId, in hexadecimal
	Name   string `json:"name,omitempty"` // templateFriendlyName
	Finger string `json:"finger"`         // whose it is
}

// Summary returns how the key stands.
func (k *Key) Summary() Summary {
	if k.phase == off {
		return Summary{}
	}
	s := Summary{PIN: k.pinSet(), PINRetries: int(k.pin.retries), Credentials: len(k.residents), Slots: k.profile.ResidentSlots,
		Counter: k.counter, MinPINLength: k.settings.MinPIN, ForcePINChange: k.mustChangePIN(), AlwaysUV: k.settings.AlwaysUV,
		Enterprise: k.settings.Enterprise, LongTouch: k.settings.LongTouch, PINPolicy: k.settings.Complexity,
		PINTold: slices.Clone(k.settings.RPIDs), LargeBlobs: len(k.blobs), MaxLargeBlobs: k.profile.MaxLargeBlobs}
	if k.sensor() {
		s.Sensor = &SensorSummary{Retries: int(k.uv.retries), Fingerprints: []Fingerprint{}, Templates: k.profile.Sensor.Templates}
		for _, t := range k.uv.templates {
			s.Sensor.Fingerprints = append(s.Sensor.Fingerprints, Fingerprint{hex.EncodeToString(t.id[:]), t.name, t.finger})
		}
	}
	return s
}

// A CredentialSummary is what there is to see of a credential that lies in the key; it holds no secret.
type CredentialSummary struct {
	RP           string    `json:"rp"`
	User         string    `json:"user,omitempty"` // name
	DisplayName  string    `json:"displayName,omitempty"`
	UserHandle   Base64URL `json:"userHandle,omitempty"`
	ID           Base64URL `json:"credentialId"`
	Algorithm    string    `json:"algorithm"` // as [cose.Algorithm] calls it
	Discoverable bool      `json:"discoverable"`
	Protect      byte      `json:"credProtect"` // the level, 1 to 3: Section 12.1
	// Extensions are those that it was made with, which the key goes on to serve for it.
	Extensions     []string `json:"extensions,omitempty"`
	CredBlob       int      `json:"credBlobSize,omitempty"`  // bytes
	LargeBlob      int      `json:"largeBlobSize,omitempty"` // bytes of its own large blob, compressed: 2.3 Section 12.4
	Counter        uint32   `json:"counter"`                 // that went out last with it
	BackupEligible bool     `json:"backupEligible,omitempty"`
	BackedUp       bool     `json:"backedUp,omitempty"`
}

// Credentials returns the credentials that lie in the key, the oldest first: those that are discoverable, and then those that
// were made elsewhere and are not. Of a key without power there are none.
func (k *Key) Credentials() []CredentialSummary {
	list := make([]CredentialSummary, 0, len(k.residents)+len(k.loose))
	for _, s := range slices.Concat(k.residents, k.loose) {
		r := s.resident()
		backup := k.backup(&r.credential)
		c := CredentialSummary{RP: r.rpID, User: r.user.Name, DisplayName: r.user.DisplayName, UserHandle: slices.Clone(r.user.ID),
			ID: slices.Clone(r.outward()), Algorithm: r.alg.String(), Discoverable: r.resident, Protect: r.protect,
			CredBlob: len(r.credBlob), LargeBlob: len(r.blob), BackupEligible: backup&ctap.FlagBE != 0, BackedUp: backup&ctap.FlagBS != 0}
		for _, x := range []struct {
			name string
			with bool
		}{{ctap.HMACSecret, r.hmacSecret}, {ctap.LargeBlobKey, r.has(flagLargeBlobKey)}, {ctap.LargeBlob, r.has(flagLargeBlob)},
			{ctap.ThirdPartyPayment, r.has(flagThirdParty)}} {
			if x.with {
				c.Extensions = append(c.Extensions, x.name)
			}
		}
		c.Counter, _ = k.lastCount(&r.credential) // a counter that cannot be read stops the key when it is asked to sign
		list = append(list, c)
	}
	return list
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

// Info returns what authenticatorGetInfo answers, for people; nothing of a key without power, or without CTAP2. It takes
// no chance that the key would use.
func (k *Key) Info() []ctap.Member {
	if k.phase == off || !k.profile.CTAP2() {
		return nil
	}
	before := k.random
	defer func() { k.random = before }()
	k.random = newDRBG([]byte("what is shown")) // not a byte of what may become a secret
	body, err := k.getInfo(k.powered, nil)
	if err != nil {
		return nil
	}
	members, _ := ctap.InfoMembers(body) // it is our own
	return members
}
