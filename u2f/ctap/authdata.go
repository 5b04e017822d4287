package ctap

import "encoding/binary"

// Flags of authenticator data. See Web Authentication Level 2, Section 6.1.
const (
	FlagUP = 0x01 // the user was present
	FlagUV = 0x04 // the user was verified
	FlagBE = 0x08 // the credential may be copied. Level 3, Section 6.1.3
	FlagBS = 0x10 // it has been
	FlagAT = 0x40 // attested credential data follows
	FlagED = 0x80 // extensions follow
)

// AuthData is authenticator data, Web Authentication Level 2, Section 6.1:
//
//	rpIdHash      32 bytes
//	flags          1 byte
//	signCount      4 bytes, big-endian
//	with FlagAT:   aaguid 16 bytes, length of the id 2 bytes, id, COSE_Key
//	with FlagED:   a CBOR map
type AuthData struct {
	RPIDHash     [32]byte
	Flags        byte // AT and ED follow from PublicKey and Extensions in Append
	Counter      uint32
	AAGUID       [16]byte
	CredentialID []byte
	PublicKey    []byte // a COSE_Key as it is encoded; nil: no attested credential data
	Extensions   []byte // a map as it is encoded; nil: none
}

// Append appends a.
func (a *AuthData) Append(b []byte) []byte {
	flags := a.Flags &^ (FlagAT | FlagED)
	if a.PublicKey != nil {
		flags |= FlagAT
	}
	if a.Extensions != nil {
		flags |= FlagED
	}
	b = append(append(b, a.RPIDHash[:]...), flags)
	b = binary.BigEndian.AppendUint32(b, a.Counter)
	if a.PublicKey != nil {
		b = append(b, a.AAGUID[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(a.CredentialID)))
		b = append(append(b, a.CredentialID...), a.PublicKey...)
	}
	return append(b, a.Extensions...)
}

// ParseAuthData reads authenticator data that is the whole of b; it fails with ErrInvalidLength and ErrInvalidCBOR. The
// result refers to b.
func ParseAuthData(b []byte) (AuthData, error) {
	var a AuthData
	if len(b) < 37 {
		return a, ErrInvalidLength
	}
	a.RPIDHash, a.Flags, a.Counter = [32]byte(b), b[32], binary.BigEndian.Uint32(b[33:])
	b = b[37:]
	if a.Flags&FlagAT != 0 {
		if len(b) < 18 || len(b) < 18+int(binary.BigEndian.Uint16(b[16:])) {
			return AuthData{}, ErrInvalidLength
		}
		end := 18 + int(binary.BigEndian.Uint16(b[16:]))
		a.AAGUID, a.CredentialID = [16]byte(b), b[18:end:end]
		r := newReader(b[end:])
		if a.PublicKey = r.encoded(); r.err != nil {
			return AuthData{}, r.err
		}
		b = r.s.msg[r.s.pos:]
	}
	r := newReader(b)
	if a.Flags&FlagED != 0 {
		a.Extensions = r.encoded()
	}
	if err := r.end(); err != nil {
		return AuthData{}, err
	}
	return a, nil
}
