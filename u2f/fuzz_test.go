package u2f_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// witness is a flash that knows which records were written.
type witness struct {
	flash.Memory
	written []string
}

func (w *witness) Put(name string, value []byte) error {
	w.written = append(w.written, name)
	return w.Memory.Put(name, value)
}

func (w *witness) Delete(name string) error {
	w.written = append(w.written, name)
	return w.Memory.Delete(name)
}

// valid returns one request of each kind that the key on the rig takes, command byte first.
func valid(r *rig) [][]byte {
	m := r.make(resident("u1"), extension("hmac-secret", []byte{0xf5}))
	r.make(resident("u2"))
	everything := func(m *ctap.MakeCredentialRequest) {
		m.ExcludeList = []ctap.Descriptor{{Type: ctap.PublicKey, ID: []byte("unknown")}}
		m.Extensions = []ctap.Extension{{Name: "credProtect", Value: []byte{2}}, {Name: "hmac-secret", Value: []byte{0xf5}}}
		m.Options = ctap.Options{RK: ctap.True, UP: ctap.True}
		m.Params = []ctap.CredentialParameter{rs256, eddsa}
	}
	agreement := ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: ctap.GetKeyAgreement}
	return [][]byte{
		append([]byte{makeCmd}, making(nil)...),
		append([]byte{makeCmd}, making(everything)...),
		append([]byte{makeCmd}, making(uvParam(make([]byte, 16), new(uint64(1))))...),
		append([]byte{getCmd}, asking(nil)...),
		append([]byte{getCmd}, asking(allow(m.auth.CredentialID))...),
		append([]byte{getCmd}, asking(hmacInput(make([]byte, 32)))...),
		append([]byte{pinCmd}, agreement.Append(nil)...),
		{infoCmd}, {nextCmd}, {selectCmd}, {resetCmd},
	}
}

// validSettings returns one request of each kind that changes settings or large blobs, with a token.
func validSettings(r *rig) [][]byte {
	r.setPIN()
	token := r.token(ctap.PermissionACFG | ctap.PermissionLBW)
	array, requests := blobArray(40, 1), [][]byte{}
	for _, l := range []ctap.LargeBlobsRequest{fragment(token, array, 0, 40), fragment(token, array, 0, 20),
		{Get: new(uint64(9)), Offset: new(uint64(3))}} {
		requests = append(requests, append([]byte{blobsCmd}, l.Append(nil)...))
	}
	params := minPIN(ctap.MinPINLengthParams{NewMinPINLength: new(uint64(4)), RPIDs: []string{"a"}})
	for s, params := range map[ctap.ConfigSubcommand][]byte{ctap.ToggleAlwaysUV: nil, ctap.EnableLongTouchForReset: nil, ctap.SetMinPINLength: params} {
		c := configuring(token, s, params)
		requests = append(requests, append([]byte{configCmd}, c.Append(nil)...))
	}
	return requests
}

// TestMutationsOfSettings sends every truncation of those and every change of one bit: what is not as the token says
// changes nothing.
func TestMutationsOfSettings(t *testing.T) {
	r := witnessed(t, "ctap2.3", u2f.Strict)
	for _, request := range validSettings(r) {
		mutate(t, r, request, []byte{1, 2, 4, 8, 16, 32, 64, 128})
	}
	require.False(t, r.key.Summary().AlwaysUV)
	require.Equal(t, emptyBlobs, r.stored())
}

// FuzzExtensions is what extensions make of a credential and an assertion, whatever is in their inputs.
func FuzzExtensions(f *testing.F) {
	for _, name := range []string{ctap.CredProtect, ctap.CredBlob, ctap.LargeBlobKey, ctap.LargeBlob, ctap.MinPINLength,
		ctap.PINComplexityPolicy, ctap.HMACSecret, ctap.HMACSecretMC, ctap.ThirdPartyPayment} {
		for _, value := range [][]byte{yes, {0x02}, ctap.EncodeBytes([]byte("blob")), {0xa1, 0x64, 'r', 'e', 'a', 'd', 0xf5}, {0xa0}} {
			f.Add(name, value, true)
			f.Add(name, value, false)
		}
	}
	f.Fuzz(func(t *testing.T, name string, value []byte, direct bool) {
		p := witnessed(t, "ctap2.3", u2f.Strict).key.Profile()
		if direct {
			p.Extensions, p.MaxLargeBlobs = []string{ctap.LargeBlob, ctap.HMACSecret, ctap.CredProtect}, 0
		}
		r := newRigOn(t, p, &witness{})
		m := r.make(resident("u"))
		requireSound(t, r, append([]byte{makeCmd}, making(extension(name, value))...))
		requireSound(t, r, append([]byte{makeCmd}, making(all(resident("v"), extension(name, value)))...))
		requireSound(t, r, append([]byte{getCmd}, asking(all(allow(m.auth.CredentialID), extending(name, value)))...))
	})
}

// requireSound sends one request and checks what holds for every one: the answer is a status, alone or with canonical
// CBOR, and an error writes nothing but attempts and the signature counter.
func requireSound(t testing.TB, r *rig, request []byte) {
	t.Helper()
	w := r.flash.(*witness)
	w.written = w.written[:0]
	r.key.CBOR(r.now, channel, request)
	body, err := r.reply()
	r.events = r.events[:0]
	if err == nil {
		if len(body) > 0 && ctap.CheckCanonical(body) != nil {
			t.Fatalf("%x: answered %x", request, body)
		}
		return
	}
	if err == ctap.ErrOther {
		t.Fatalf("%x: an internal error", request)
	}
	for _, name := range w.written {
		if name != "counter" && name != "retries" && name != "uv" {
			t.Fatalf("%x: %v, but %s was written", request, err, name)
		}
	}
}

// witnessed returns a key whose writes are seen.
func witnessed(t testing.TB, name string, cbor u2f.Strictness) *rig {
	p, err := u2f.ProfileNamed(name)
	require.NoError(t, err)
	p.CBOR = cbor
	return newRigOn(t, p, &witness{})
}

// TestMutations sends every truncation of every valid request and every change of one bit, with a user who consents.
func TestMutations(t *testing.T) {
	for _, cbor := range []u2f.Strictness{u2f.Strict, u2f.Lenient} {
		r := witnessed(t, "ctap2.1", cbor)
		for _, request := range valid(r) {
			mutate(t, r, request, []byte{1, 2, 4, 8, 16, 32, 64, 128})
		}
	}
}

// TestMutationsWithoutConsent sends every change of one byte, with a user who declines: then nothing is ever stored,
// whatever the answer.
func TestMutationsWithoutConsent(t *testing.T) {
	every := make([]byte, 255)
	for i := range every {
		every[i] = byte(i + 1)
	}
	r := witnessed(t, "ctap2.1", u2f.Strict)
	requests := valid(r)
	r.key.SetPresence(r.now, u2f.Presence{Mode: u2f.Deny})
	before := r.contents()
	for _, request := range requests {
		mutate(t, r, request, every)
	}
	after := r.contents()
	delete(before, "counter")
	delete(after, "counter") // of assertions that need no touch
	require.Equal(t, before, after)
}

// mutate sends every truncation of request and every change of one of its bytes by one of xs.
func mutate(t *testing.T, r *rig, request, xs []byte) {
	for n := range request {
		requireSound(t, r, request[:n])
	}
	changed := slices.Clone(request)
	for i := range changed {
		for _, x := range xs {
			changed[i] ^= x
			requireSound(t, r, changed)
			changed[i] ^= x
		}
	}
}

func FuzzCBOR(f *testing.F) {
	image := map[string]map[string]string{}
	models := []string{u2f.DefaultProfile, "ctap2.0"}
	for _, name := range models {
		r := witnessed(f, name, u2f.Strict)
		for _, request := range valid(r) {
			f.Add(request, uint8(0))
			f.Add(request, uint8(7))
		}
		image[name] = r.contents()
	}
	for _, request := range validSettings(witnessed(f, u2f.DefaultProfile, u2f.Strict)) {
		f.Add(request, uint8(0))
	}
	f.Fuzz(func(t *testing.T, request []byte, how uint8) {
		p, err := u2f.ProfileNamed(models[how&1])
		require.NoError(t, err)
		if how&2 != 0 {
			p.CBOR = u2f.Lenient
		}
		w := &witness{}
		for name, value := range image[p.Name] {
			require.NoError(t, w.Memory.Put(name, []byte(value)))
		}
		r := newRigOn(t, p, w)
		if how&4 != 0 {
			r.get()
		}
		requireSound(t, r, request)
		requireSound(t, r, []byte{nextCmd})
	})
}
