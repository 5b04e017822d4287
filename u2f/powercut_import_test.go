package u2f_test

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// importedStates are keys that hold what was made elsewhere, among their own.
func importedStates() (list []state) {
	for _, profile := range []string{"ctap2.1", "ctap2.1 counter=per-credential"} {
		list = append(list, state{name: "imported credentials, " + profile, profile: profile, build: func(h *host) {
			for _, discoverable := range []bool{true, false} {
				m, ok := h.importing(discoverable, "")
				require.True(h.t, ok)
				h.must(m)
			}
			if profile == "ctap2.1" {
				m, ok := h.importing(true, alongBlob)
				require.True(h.t, ok)
				h.must(m)
			}
			h.must(h.signing(allow(h.world.credentials[0].id)))
			h.must(h.signing(allow(h.world.credentials[1].id)))
		}})
	}
	return list
}

// alongBlob is a large blob that a credential brings along.
const alongBlob = "a blob that came along"

// importing gives the key one credential that was made elsewhere, which has signed already, and may come with a large blob.
func (h *host) importing(discoverable bool, blob string) (message, bool) {
	user := "from elsewhere"
	if blob != "" {
		user = "from elsewhere, with a large blob"
	}
	if !discoverable {
		user = "from elsewhere, to be named"
	}
	v, m := elsewhere(h.t, cose.ES256, user)
	id := sha256.Sum256(v.ID)
	v.ID = slices.Concat(id[:], id[:])
	v.Resident, v.SignCount = discoverable, int64(h.world.counter)+10
	if !discoverable {
		v.UserHandle = nil
	}
	_, there := h.world.of(func(c issued) bool { return c.user == user })
	residents := 0
	for _, c := range h.world.credentials {
		if c.resident {
			residents++
		}
	}
	if there || !h.profile.CTAP2() || discoverable && residents >= slots {
		return message{}, false
	}
	packed := ""
	if blob != "" {
		v.LargeBlob = []byte(blob)
		if slices.Contains(h.profile.Extensions, ctap.LargeBlob) {
			packed = packedBlob(h.t, blob) // what platforms read, who pack and unpack
		}
	}
	_, public, err := cose.ParsePublicKey(m.auth.PublicKey)
	require.NoError(h.t, err)
	return message{direct: func(k *u2f.Key) error { return k.ImportCredentials([]u2f.VirtualCredential{v}) },
		learn: func(w *world, body []byte, err error) {
			h.learns(w, body, err)
			if err == nil {
				w.counter = max(w.counter, uint32(v.SignCount))
				w.credentials = append(w.credentials, issued{slices.Clone(v.ID), cose.ES256, public, rpID, user, discoverable, 1, false, packed})
			}
		}}, true
}

// packedBlob is raw DEFLATE, as large blobs are kept. See Section 6.10.3.
func packedBlob(t testing.TB, blob string) string {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	require.NoError(t, err)
	_, err = w.Write([]byte(blob))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.String()
}

// deleting is deleteCredential of the first that is discoverable.
func (h *host) deleting() (message, bool) {
	c, there := h.world.of(func(c issued) bool { return c.resident })
	if !there || h.world.pin == "" || !h.profile.CredentialManagement {
		return message{}, false
	}
	token, ok := h.permitted(ctap.PermissionCM)
	if !ok {
		return message{}, false
	}
	in := ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential, CredentialID: c.id}
	return message{bytes: append([]byte{manageCmd}, managing(token, in)...), learn: func(w *world, _ []byte, err error) {
		if err == nil {
			w.credentials = slices.DeleteFunc(slices.Clone(w.credentials), func(o issued) bool { return string(o.id) == string(c.id) })
		}
	}}, true
}
