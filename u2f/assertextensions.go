package u2f

import (
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// askingMore are the extensions that an assertion was asked for with. They keep nothing of the request. Sections are
// those of CTAP 2.3.
type askingMore struct {
	hmac                               *ctap.HMACSecretInput // nil if it was not asked for
	largeBlob                          *ctap.LargeBlobInput  // nil if it was not asked for
	credBlob, largeBlobKey, thirdParty bool
}

// askedExtensions reads the inputs of the extensions that the key supports, nil if there are none. A bad one is found
// before the user is asked. See Section 12.
func (k *Key) askedExtensions(list []ctap.Extension) (x *askingMore, err error) {
	for _, e := range list {
		if !k.profile.extends(e.Name) {
			continue
		}
		if x == nil {
			x = &askingMore{}
		}
		switch e.Name {
		case ctap.HMACSecret:
			var in ctap.HMACSecretInput
			in, err = ctap.ParseHMACSecretInput(slices.Clone(e.Value))
			x.hmac = &in
		case ctap.CredBlob:
			x.credBlob, err = ctap.ParseBool(e.Value)
		case ctap.LargeBlobKey:
			if x.largeBlobKey, err = ctap.ParseBool(e.Value); err == nil && !x.largeBlobKey {
				return nil, ctap.ErrInvalidOption // Section 12.3
			}
		case ctap.LargeBlob:
			var in ctap.LargeBlobInput
			in, err = ctap.ParseLargeBlobAsking(slices.Clone(e.Value))
			x.largeBlob = &in
		case ctap.ThirdPartyPayment:
			x.thirdParty, err = ctap.ParseBool(e.Value)
		}
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

// assertExtensions returns the extensions' outputs for c, nil if there are none: Section 6.2.2, step 10. Hmac-secret
// needs a touch, and a credential that was made with it. See Section 12.7.
func (k *Key) assertExtensions(now time.Time, a *asking, c *credential) ([]byte, error) {
	x := a.extensions
	if x == nil {
		return nil, nil
	}
	if x.hmac != nil && !a.up {
		return nil, ctap.ErrUnsupportedOption
	}
	var list []ctap.Extension // in canonical order
	if x.credBlob {
		list = append(list, ctap.Extension{Name: ctap.CredBlob, Value: ctap.EncodeBytes(c.credBlob)})
	}
	if x.hmac != nil && c.hmacSecret {
		out, err := k.hmacSecret(now, *x.hmac, *c, a.uv)
		if err != nil {
			return nil, err
		}
		list = append(list, ctap.Extension{Name: ctap.HMACSecret, Value: ctap.EncodeBytes(out)})
	}
	if x.thirdParty {
		list = append(list, ctap.Extension{Name: ctap.ThirdPartyPayment, Value: ctap.EncodeBool(c.has(flagThirdParty))})
	}
	if list == nil {
		return nil, nil
	}
	return ctap.AppendExtensions(nil, list), nil
}

// answerBlobs adds what extensions return outside of authenticator data. It fails where nobody knows any more what flash
// holds. See Sections 12.3 and 12.4.
func (k *Key) answerBlobs(a *asking, c *credential, answer *ctap.GetAssertionResponse) error {
	x := a.extensions
	if x == nil {
		return nil
	}
	if x.largeBlobKey && c.has(flagLargeBlobKey) {
		answer.LargeBlobKey = k.largeBlobKey(c)
	}
	if x.largeBlob != nil {
		answer.Unsigned = k.largeBlob(a, c)
	}
	return k.fault
}

// largeBlob reads or writes the blob of c. A writing is refused, as its output says, where the user was not asked or the
// platform has not named the credential, where it was not made for blobs, and where there is no room. See Section 12.4.
func (k *Key) largeBlob(a *asking, c *credential) []byte {
	at, out := k.residentAt(&c.id), ctap.LargeBlobOutput{}
	switch in := a.extensions.largeBlob; {
	case in.Read && at >= 0:
		out.Blob, out.OriginalSize = k.residents[at].blob, k.residents[at].size
	case in.Read:
	default:
		written := a.up && a.listed > 0 && at >= 0 && c.has(flagLargeBlob) && len(in.Write) <= k.profile.MaxLargeBlob
		if written {
			changed := k.residents[at].resident()
			changed.blob, changed.size = in.Write, *in.OriginalSize
			written = k.replace(at, changed) == nil
		}
		out.Written = &written
	}
	return out.AppendUnsigned(nil)
}
