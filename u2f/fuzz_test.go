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
	for _, name := range []string{"ctap2.1", "ctap2.0"} {
		r := witnessed(f, name, u2f.Strict)
		for _, request := range valid(r) {
			f.Add(request, uint8(0))
			f.Add(request, uint8(7))
		}
		image[name] = r.contents()
	}
	f.Fuzz(func(t *testing.T, request []byte, how uint8) {
		p := u2f.Profiles()[how&1]
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
