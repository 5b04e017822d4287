package u2f

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
)

// registration is an answer to U2F_REGISTER, taken apart. See U2F Raw Message Formats, Section 4.3.
type registration struct {
	point, handle, signature []byte
	certificate              *x509.Certificate
}

func parseRegistration(t testing.TB, b []byte) registration {
	require.Equal(t, byte(registrationMark), b[0])
	r := registration{point: b[1:66]}
	n := int(b[66])
	r.handle = b[67 : 67+n]
	rest := b[67+n:]
	var der asn1.RawValue
	tail, err := asn1.Unmarshal(rest, &der)
	require.NoError(t, err)
	r.certificate, err = x509.ParseCertificate(der.FullBytes)
	require.NoError(t, err)
	r.signature = tail
	return r
}

// verify checks the signature of a registration.
func (r *registration) verify(application, challenge []byte) bool {
	message := slices.Concat([]byte{0}, application, challenge, r.handle, r.point)
	return r.certificate.CheckSignature(x509.ECDSAWithSHA256, message, r.signature) == nil
}

// verifyAuthentication checks an answer to U2F_AUTHENTICATE. See U2F Raw Message Formats, Section 5.4.
func verifyAuthentication(t testing.TB, point, application, challenge, answer []byte) bool {
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	return cose.Verify(cose.ES256, public, slices.Concat(application, answer[:5], challenge), answer[5:])
}

// The published examples verify with what the tests below verify the key's own answers with.
func TestU2FExamples(t *testing.T) {
	text, err := os.ReadFile("testdata/u2f.txt")
	require.NoError(t, err)
	ran := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		var b [4][]byte
		for i := range b {
			b[i], err = hex.DecodeString(f[i+1])
			require.NoError(t, err)
		}
		application, challenge, point, answer := b[0], b[1], b[2], b[3]
		ran[f[0]] = true
		if f[0] == "register" {
			r := parseRegistration(t, answer)
			require.Equal(t, point, r.point)
			require.True(t, r.verify(application, challenge))
			require.False(t, r.verify(challenge, application))
			continue
		}
		require.True(t, verifyAuthentication(t, point, application, challenge, answer))
		require.False(t, verifyAuthentication(t, point, challenge, application, answer))
	}
	require.Len(t, ran, 2)
}

// apdu sends a message and returns the answer and its status word.
func (h *platform) apdu(b []byte) ([]byte, StatusWord) {
	h.k.APDU(h.now, 1, b)
	reply, ok := h.k.Reply(h.now)
	require.True(h.t, ok, "CTAP1 does not wait")
	n := len(reply) - 2
	sw := StatusWord(binary.BigEndian.Uint16(reply[n:]))
	if sw != swNoError {
		require.Zero(h.t, n, "an error has no data")
	}
	return slices.Clone(reply[:n]), sw
}

// extended writes a command in extended form with Le.
func extended(ins, p1 byte, data []byte) []byte {
	b := []byte{0, ins, p1, 0, 0}
	if len(data) > 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
		b = append(b, data...)
	}
	return append(b, 0, 0)
}

var (
	application = bytes.Repeat([]byte{0xaa}, 32)
	challenge   = bytes.Repeat([]byte{0xcc}, 32)
)

func registerAPDU() []byte {
	return extended(insRegister, enforcePresence, slices.Concat(challenge, application))
}

func authenticateAPDU(control byte, application, handle []byte) []byte {
	return extended(insAuthenticate, control, slices.Concat(challenge, application, []byte{byte(len(handle))}, handle))
}

// touched sends b until the key blinks, touches it, and sends it again.
func (h *platform) touched(b []byte) []byte {
	_, sw := h.apdu(b)
	require.Equal(h.t, swConditionsNotSatisfied, sw)
	require.True(h.t, h.k.Touch(h.now))
	answer, sw := h.apdu(b)
	require.Equal(h.t, swNoError, sw)
	return answer
}

func (h *platform) register() registration { return parseRegistration(h.t, h.touched(registerAPDU())) }

func TestRegister(t *testing.T) {
	for _, profile := range []string{"u2f", "ctap2.0", "ctap2.1"} {
		t.Run(profile, func(t *testing.T) {
			h := newPlatform(t, profile)
			r := h.register()
			require.True(t, r.verify(application, challenge))
			require.Len(t, r.handle, credentialIDSize)
			// FIDO U2F Authenticator Transports Extension 1.2, Section 3.1: a bit string whose bit 2 is USB.
			var transports []byte
			for _, e := range r.certificate.Extensions {
				if e.Id.String() == "1.3.6.1.4.1.45724.2.1.1" {
					transports = e.Value
				}
			}
			require.Equal(t, []byte{3, 2, 5, 0x20}, transports)
			require.Equal(t, elliptic.P256(), r.certificate.PublicKey.(*ecdsa.PublicKey).Curve)

			last := h.events[len(h.events)-1]
			require.Equal(t, Event{Name: Registered, At: h.now, Command: "U2F_REGISTER", RP: hex.EncodeToString(application)}, last)
			require.NotEqual(t, r.handle, h.register().handle)
		})
	}
}

func TestAuthenticate(t *testing.T) {
	h := newPlatform(t, "u2f")
	r := h.register()
	one := h.touched(authenticateAPDU(enforcePresence, application, r.handle))
	require.True(t, verifyAuthentication(t, r.point, application, challenge, one))
	require.Equal(t, byte(1), one[0], "user present")
	two, sw := h.apdu(authenticateAPDU(dontEnforce, application, r.handle))
	require.Equal(t, swNoError, sw)
	require.True(t, verifyAuthentication(t, r.point, application, challenge, two))
	require.Zero(t, two[0], "nobody touched")
	require.Equal(t, binary.BigEndian.Uint32(one[1:])+1, binary.BigEndian.Uint32(two[1:]), "the counter rises by one")

	before := snapshot(t, h.flash)
	_, sw = h.apdu(authenticateAPDU(checkOnly, application, r.handle))
	require.Equal(t, swConditionsNotSatisfied, sw)
	require.Equal(t, before, snapshot(t, h.flash))
	_, blinks := h.k.Waiting()
	require.False(t, blinks, "check-only asks for no touch")

	h.powerCycle()
	three := h.touched(authenticateAPDU(enforcePresence, application, r.handle))
	require.True(t, verifyAuthentication(t, r.point, application, challenge, three))
	require.Greater(t, binary.BigEndian.Uint32(three[1:]), binary.BigEndian.Uint32(two[1:]))
}

// The status words, each with its section of U2F Raw Message Formats.
func TestAPDUErrors(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	handle := h.register().handle
	foreign := bytes.Clone(handle)
	foreign[0] ^= 0x55
	data := slices.Concat(challenge, application)
	auth := slices.Concat(data, []byte{byte(len(handle))}, handle)
	for name, c := range map[string]struct {
		section string
		apdu    []byte
		want    StatusWord
	}{
		"nothing":                      {"3.1", nil, swWrongLength},
		"three bytes":                  {"3.1", []byte{0, insVersion, 0}, swWrongLength},
		"three bytes of another class": {"3.1", []byte{0x80, insVersion, 0}, swWrongLength},
		"another class":                {"3.3", []byte{1, insVersion, 0, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0}, swClassNotSupported},
		"class before instruction":     {"3.3", []byte{0x80, 0x77, 0, 0}, swClassNotSupported},
		"instruction 0":                {"3.3", []byte{0, 0, 0, 0, 0, 0, 0}, swInstructionUnknown},
		"instruction before length":    {"3.3", []byte{0, 0x40, 0, 0, 5, 1}, swInstructionUnknown},
		"VERSION with data":            {"6.1", extended(insVersion, 0, []byte("abc")), swWrongLength},
		"REGISTER without data":        {"4.1", extended(insRegister, 0, nil), swWrongLength},
		"REGISTER with 63 bytes":       {"4.1", extended(insRegister, 0, data[:63]), swWrongLength},
		"REGISTER with 65 bytes":       {"4.1", extended(insRegister, 0, append(bytes.Clone(data), 0)), swWrongLength},
		"Lc too long, short":           {"3.1", append([]byte{0, insRegister, 0, 0, 65}, data...), swWrongLength},
		"Lc too short, short":          {"3.1", append([]byte{0, insRegister, 0, 0, 60}, data...), swWrongLength},
		"Lc too long, extended":        {"3.1", append([]byte{0, insRegister, 0, 0, 0, 0, 70}, data...), swWrongLength},
		"Lc of two bytes":              {"3.1", []byte{0, insVersion, 0, 0, 0, 0}, swWrongLength},
		"one byte of Le too many":      {"3.1", append(extended(insRegister, 0, data), 0), swWrongLength},
		"half an Le":                   {"3.1", extended(insRegister, 0, data)[:len(data)+8], swWrongLength},
		"AUTHENTICATE without data":    {"5.1", extended(insAuthenticate, checkOnly, nil), swWrongLength},
		"AUTHENTICATE, no handle":      {"5.1", extended(insAuthenticate, checkOnly, data), swWrongLength},
		"AUTHENTICATE, handle cut off": {"5.1", extended(insAuthenticate, checkOnly, auth[:len(auth)-1]), swWrongLength},
		"AUTHENTICATE, more behind":    {"5.1", extended(insAuthenticate, checkOnly, append(bytes.Clone(auth), 0)), swWrongLength},
		"AUTHENTICATE, control 0":      {"5.1", extended(insAuthenticate, 0, auth), swIncorrectP1P2},
		"an empty handle":              {"5.1", authenticateAPDU(checkOnly, application, nil), swWrongData},
		"a handle of another key":      {"5.2", authenticateAPDU(enforcePresence, application, foreign), swWrongData},
		"a handle that is too short":   {"5.2", authenticateAPDU(enforcePresence, application, handle[:8]), swWrongData},
		"another application":          {"5.2", authenticateAPDU(enforcePresence, challenge, handle), swWrongData},
		"a foreign handle, check only": {"5.2", authenticateAPDU(checkOnly, application, foreign), swWrongData},
		"a foreign handle, no touch":   {"5.2", authenticateAPDU(dontEnforce, application, foreign), swWrongData},
		"a good handle, check only":    {"5.1", authenticateAPDU(checkOnly, application, handle), swConditionsNotSatisfied},
		"a good handle":                {"5.2", authenticateAPDU(enforcePresence, application, handle), swConditionsNotSatisfied},
		"REGISTER":                     {"4.2", registerAPDU(), swConditionsNotSatisfied},
	} {
		t.Run("Section "+c.section+": "+name, func(t *testing.T) {
			before := snapshot(t, h.flash)
			_, sw := h.apdu(c.apdu)
			require.Equal(t, c.want, sw)
			require.Equal(t, before, snapshot(t, h.flash))
		})
	}
}

// Short and extended forms, with and without Le. See U2F Raw Message Formats, Section 3.1; the last is python-fido2's.
func TestAPDUForms(t *testing.T) {
	h := newPlatform(t, "u2f")
	for name, b := range map[string][]byte{
		"4 bytes":              {0, insVersion, 0, 0},
		"short Le":             {0, insVersion, 0, 0, 0},
		"short Le of 6":        {0, insVersion, 0, 0, 6},
		"extended Le":          {0, insVersion, 0, 0, 0, 0, 0},
		"extended Le of 6":     {0, insVersion, 0, 0, 0, 0, 6},
		"extended Lc 0 and Le": {0, insVersion, 0, 0, 0, 0, 0, 0, 0},
		"P1 and P2":            {0, insVersion, 3, 9},
	} {
		t.Run("VERSION: "+name, func(t *testing.T) {
			answer, sw := h.apdu(b)
			require.Equal(t, swNoError, sw)
			require.Equal(t, "U2F_V2", string(answer))
		})
	}
	data := slices.Concat(challenge, application)
	for name, b := range map[string][]byte{
		"short":           append([]byte{0, insRegister, 0, 0, 64}, data...),
		"short, Le":       append(append([]byte{0, insRegister, 0, 0, 64}, data...), 0),
		"extended":        append([]byte{0, insRegister, 0, 0, 0, 0, 64}, data...),
		"extended, Le":    registerAPDU(),
		"Chrome's P1":     extended(insRegister, 0x83, data),
		"P1 not enforced": extended(insRegister, 0, data),
	} {
		t.Run("REGISTER: "+name, func(t *testing.T) {
			r := parseRegistration(t, h.touched(b))
			require.True(t, r.verify(application, challenge))
		})
	}
}

// A host polls; the key answers at once and remembers the touch. See Section 10 and U2F Raw Message Formats, Section 3.3.
func TestTouchPolling(t *testing.T) {
	poll := registerAPDU()
	t.Run("a touch before the first attempt is nothing", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		require.False(t, h.k.Touch(h.now))
		_, sw := h.apdu(poll)
		require.Equal(t, swConditionsNotSatisfied, sw)
	})
	t.Run("a touch is good for one answer", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		h.touched(poll)
		_, sw := h.apdu(poll)
		require.Equal(t, swConditionsNotSatisfied, sw)
	})
	t.Run("a touch lasts almost 10 seconds", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		h.apdu(poll)
		require.True(t, h.k.Touch(h.now))
		h.now = h.now.Add(10*time.Second - 1)
		_, sw := h.apdu(poll)
		require.Equal(t, swNoError, sw)
	})
	t.Run("a touch does not last 10 seconds", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		h.apdu(poll)
		require.True(t, h.k.Touch(h.now))
		h.now = h.now.Add(10 * time.Second)
		_, sw := h.apdu(poll)
		require.Equal(t, swConditionsNotSatisfied, sw)
	})
	t.Run("the profile says how long", func(t *testing.T) {
		h := newPlatform(t, "u2f", func(p *Profile) { p.TouchKept = Duration(750 * time.Millisecond) })
		h.apdu(poll)
		require.True(t, h.k.Touch(h.now))
		h.now = h.now.Add(750 * time.Millisecond)
		_, sw := h.apdu(poll)
		require.Equal(t, swConditionsNotSatisfied, sw)
	})
	t.Run("a touch is for the request that blinked", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		handle := h.register().handle
		h.apdu(poll)
		require.True(t, h.k.Touch(h.now))
		_, sw := h.apdu(authenticateAPDU(enforcePresence, application, handle))
		require.Equal(t, swConditionsNotSatisfied, sw)
	})
	t.Run("questions in between do not end the polling", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		handle := h.register().handle
		h.apdu(poll)
		require.True(t, h.k.Touch(h.now))
		_, sw := h.apdu([]byte{0, insVersion, 0, 0})
		require.Equal(t, swNoError, sw)
		_, sw = h.apdu(authenticateAPDU(checkOnly, application, handle))
		require.Equal(t, swConditionsNotSatisfied, sw)
		_, sw = h.apdu(poll)
		require.Equal(t, swNoError, sw)
	})
	t.Run("a key that touches itself answers at once", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		h.k.SetPresence(h.now, Presence{Mode: Auto})
		_, sw := h.apdu(poll)
		require.Equal(t, swNoError, sw)
	})
	t.Run("a dead contact never answers", func(t *testing.T) {
		h := newPlatform(t, "u2f")
		h.k.SetPresence(h.now, Presence{Mode: Never})
		for range 5 {
			_, sw := h.apdu(poll)
			require.Equal(t, swConditionsNotSatisfied, sw)
			require.False(t, h.k.Touch(h.now))
		}
	})
}

// CTAP1 verifies no user. See Section 12.1.
func TestCredProtectInU2F(t *testing.T) {
	for level, want := range map[byte]StatusWord{
		protectOptional:         swConditionsNotSatisfied,
		protectOptionalWithList: swConditionsNotSatisfied,
		protectRequired:         swWrongData,
	} {
		h := newPlatform(t, "ctap2.1")
		c := h.mint(credential{rpIDHash: [32]byte(application), alg: cose.ES256, protect: level})
		for _, control := range []byte{checkOnly, enforcePresence} {
			_, sw := h.apdu(authenticateAPDU(control, application, c.id[:]))
			require.Equal(t, want, sw, "level %d", level)
		}
		_, sw := h.apdu(authenticateAPDU(dontEnforce, application, c.id[:]))
		require.Equal(t, level == protectRequired, sw == swWrongData)
	}
}

func TestU2FKnowsES256Alone(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	c := h.mint(credential{rpIDHash: [32]byte(application), alg: cose.EdDSA, protect: protectOptional})
	_, sw := h.apdu(authenticateAPDU(checkOnly, application, c.id[:]))
	require.Equal(t, swWrongData, sw)
}

// A key handle is a credential ID for CTAP2. See Section 10.
func TestAU2FCredentialIsACredential(t *testing.T) {
	h := newPlatform(t, "ctap2.1")
	r := h.register()
	c, found := h.k.findCredential([32]byte(application), r.handle)
	require.True(t, found)
	require.Equal(t, cose.ES256, c.alg)
	require.Equal(t, byte(protectOptional), c.protect)
	require.False(t, c.resident)
	key, err := h.k.privateKey(&c)
	require.NoError(t, err)
	point, err := key.Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	require.Equal(t, r.point, point)
}

func TestAKeyWithoutCTAP1(t *testing.T) {
	h := newPlatform(t, "ctap2.1", func(p *Profile) { p.Versions = []string{"FIDO_2_1"} })
	for _, b := range [][]byte{registerAPDU(), {0, insVersion, 0, 0}} {
		_, sw := h.apdu(b)
		require.Equal(t, swInstructionUnknown, sw)
	}
	h.k.PowerDown(h.now)
	h.k.APDU(h.now, 1, registerAPDU())
	_, ok := h.k.Reply(h.now)
	require.False(t, ok, "a key without power is silent")
}

// With alwaysUv there is no CTAP1: CTAP 2.1, Section 7.2.4.
func TestAKeyThatAlwaysVerifies(t *testing.T) {
	h := newPlatform(t, "ctap2.3", func(p *Profile) { p.AlwaysUV = true })
	for name, c := range map[string]struct {
		section string
		apdu    []byte
		want    StatusWord
	}{
		"VERSION":       {"7.2.4", []byte{0, insVersion, 0, 0}, swCommandNotAllowed},
		"REGISTER":      {"7.2.4", registerAPDU(), swCommandNotAllowed},
		"AUTHENTICATE":  {"7.2.4", authenticateAPDU(checkOnly, application, make([]byte, 68)), swCommandNotAllowed},
		"another class": {"3.3", []byte{1, insVersion, 0, 0}, swClassNotSupported},
	} {
		_, sw := h.apdu(c.apdu)
		require.Equal(t, c.want, sw, name)
	}
}

// The counter is in flash before the signature leaves.
func TestNoSignatureWithoutACounter(t *testing.T) {
	h := newPlatform(t, "u2f")
	handle := h.register().handle
	h.flash.(*refusing).name = recordCounter
	_, sw := h.apdu(authenticateAPDU(dontEnforce, application, handle))
	require.Equal(t, swUnknown, sw)
}

func TestStatusWordText(t *testing.T) {
	require.Equal(t, "SW_WRONG_DATA (0x6a80)", swWrongData.Error())
	require.Equal(t, "status word (0x1234)", StatusWord(0x1234).Error())
}

// Whatever comes, there is an answer of a status word at least, and flash changes only with a signature.
func FuzzAPDU(f *testing.F) {
	h := newPlatform(f, "ctap2.1")
	handle := h.register().handle
	for _, b := range [][]byte{nil, {0}, registerAPDU(), authenticateAPDU(enforcePresence, application, handle),
		authenticateAPDU(dontEnforce, application, handle), authenticateAPDU(checkOnly, application, handle),
		{0, insVersion, 0, 0, 0, 0, 0, 0, 0}, {0, insRegister, 0, 0, 0xff}, {0, insAuthenticate, 3, 0, 0, 0xff, 0xff}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h.t = t
		before := snapshot(t, h.flash)
		answer, sw := h.apdu(b)
		require.Contains(t, statusWordNames, sw)
		require.NotEqual(t, swUnknown, sw)
		if sw != swNoError || string(answer) == u2fVersion {
			require.Equal(t, before, snapshot(t, h.flash))
		}
	})
}
