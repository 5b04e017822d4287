package u2f

import (
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// makingMore are the extensions that a new credential was asked for with. Sections are those of CTAP 2.3.
type makingMore struct {
	sayHMAC, sayMinPIN, sayComplexity bool
	hmac                              *ctap.HMACSecretInput // of hmac-secret-mc
	credBlob                          []byte                // nil if it was not asked for
	largeBlob                         string                // the word of largeBlob: preferred or required
}

// planExtensions reads the inputs of the extensions that the key supports. A bad one is found before the user is asked.
// See Section 12.
func (k *Key) planExtensions(m *making) error {
	m.protect = protectOptional
	for _, e := range m.request.Extensions {
		if !k.profile.extends(e.Name) {
			continue
		}
		if m.extensions == nil {
			m.extensions = &makingMore{}
		}
		if err := m.planExtension(e); err != nil {
			return err
		}
	}
	switch x := m.extensions; {
	case x == nil:
		return nil
	case x.hmac != nil && !m.hmacSecret: // Section 12.8: both or none
		return ctap.ErrMissingParameter
	case x.largeBlob == "required" && !m.resident: // Section 12.4: this key keeps blobs beside discoverable credentials
		return ctap.ErrUnsupportedOption
	case x.largeBlob != "" && m.resident:
		m.flags |= flagLargeBlob
	}
	return nil
}

// planExtension reads one input.
func (m *making) planExtension(e ctap.Extension) (err error) {
	x, asked := m.extensions, false
	switch e.Name {
	case ctap.CredProtect:
		m.sayProtect = true
		m.protect, err = ctap.ParseCredProtect(e.Value)
	case ctap.HMACSecret:
		x.sayHMAC = true
		m.hmacSecret, err = ctap.ParseBool(e.Value)
	case ctap.HMACSecretMC:
		var in ctap.HMACSecretInput
		in, err = ctap.ParseHMACSecretInput(e.Value)
		x.hmac = &in
	case ctap.CredBlob:
		x.credBlob, err = ctap.ParseBytes(e.Value)
	case ctap.LargeBlobKey:
		if asked, err = ctap.ParseBool(e.Value); err == nil && (!asked || !m.resident) {
			return ctap.ErrInvalidOption // Section 12.3
		}
		m.flags |= flagLargeBlobKey
	case ctap.LargeBlob:
		var in ctap.LargeBlobInput
		in, err = ctap.ParseLargeBlobMaking(e.Value)
		x.largeBlob = in.Support
	case ctap.MinPINLength:
		x.sayMinPIN, err = ctap.ParseBool(e.Value)
	case ctap.PINComplexityPolicy:
		x.sayComplexity, err = ctap.ParseBool(e.Value)
	case ctap.ThirdPartyPayment:
		if asked, err = ctap.ParseBool(e.Value); asked {
			m.flags |= flagThirdParty
		}
	}
	return err
}

// makingOutputs returns the extensions' outputs for those that were asked for, nil if there are none, and gives c what it
// keeps of them. See Section 6.1.2, step 15.
func (k *Key) makingOutputs(now time.Time, m *making, c *credential) ([]byte, error) {
	x := m.extensions
	switch {
	case x == nil && !m.sayProtect:
		return nil, nil
	case x == nil:
		x = &makingMore{}
	}
	var list []ctap.Extension // in canonical order
	say := func(name string, value []byte) { list = append(list, ctap.Extension{Name: name, Value: value}) }
	if x.credBlob != nil {
		kept := m.resident && len(x.credBlob) <= k.profile.MaxCredBlobLength
		if kept {
			c.credBlob = slices.Clone(x.credBlob)
		}
		say(ctap.CredBlob, ctap.EncodeBool(kept))
	}
	if m.sayProtect {
		say(ctap.CredProtect, ctap.EncodeUint(uint64(m.protect)))
	}
	if x.sayHMAC {
		say(ctap.HMACSecret, ctap.EncodeBool(m.hmacSecret))
	}
	if x.sayMinPIN && k.tellsPIN(m.request.RP.ID) {
		say(ctap.MinPINLength, ctap.EncodeUint(uint64(k.settings.MinPIN)))
	}
	if x.hmac != nil {
		out, err := k.hmacSecret(now, *x.hmac, *c, m.uv)
		if err != nil {
			return nil, err
		}
		say(ctap.HMACSecretMC, ctap.EncodeBytes(out))
	}
	if x.sayComplexity && k.tellsPIN(m.request.RP.ID) {
		say(ctap.PINComplexityPolicy, ctap.EncodeBool(k.settings.Complexity))
	}
	if list == nil {
		return nil, nil
	}
	return ctap.AppendExtensions(nil, list), nil
}

// sayBlobs adds what extensions return outside of authenticator data. See Sections 12.3 and 12.4.
func (k *Key) sayBlobs(m *making, c *credential, answer *ctap.MakeCredentialResponse) {
	if m.extensions == nil {
		return
	}
	if c.has(flagLargeBlobKey) {
		answer.LargeBlobKey = k.largeBlobKey(c)
	}
	if c.has(flagLargeBlob) {
		out := ctap.LargeBlobOutput{Supported: new(true)}
		answer.Unsigned = out.AppendUnsigned(nil)
	}
}
