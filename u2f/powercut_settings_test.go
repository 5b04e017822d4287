package u2f_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// forced says that the PIN is good for nothing but being changed, so that nobody can be verified.
func (w world) forced() bool { return strings.Contains(w.settings, "force") }

// lookAtSettings returns what a key says that a new one does not, and its large-blob array.
func (h *host) lookAtSettings() (settings, blobs string) {
	info, s := h.info(), h.key.Summary()
	var said []string
	for _, v := range []struct {
		name  string
		there bool
	}{
		{"alwaysUv", info.Options["alwaysUv"]}, {"ep", info.Options["ep"]}, {"long", s.LongTouch}, {"force", s.ForcePINChange},
		{fmt.Sprintf("%d %q", s.MinPINLength, s.PINTold), s.MinPINLength != 4 || len(s.PINTold) > 0},
	} {
		if v.there {
			said = append(said, v.name)
		}
	}
	if info.Options["largeBlobs"] {
		if blobs = string(h.stored()); blobs == string(emptyBlobs) {
			blobs = ""
		}
	}
	return strings.Join(said, " "), blobs
}

// learns is what the world learns from an answer that says that a setting is changed.
func (h *host) learns(w *world, _ []byte, err error) {
	if err == nil {
		w.settings, w.blobs = h.lookAtSettings()
	}
}

// permitted fetches a token with other permissions; ok is false where the key looks at no PIN any more.
func (h *host) permitted(permissions ctap.Permissions) (token []byte, ok bool) {
	h.permissions = permissions
	defer func() { h.permissions = 0 }()
	return h.verified(rpID)
}

// configuringCut is authenticatorConfig.
func configuringCut(s ctap.ConfigSubcommand, params []byte) func(h *host) (message, bool) {
	return func(h *host) (message, bool) {
		if !slices.Contains(h.profile.ConfigCommands, uint64(s)) {
			return message{}, false
		}
		token, ok := h.permitted(ctap.PermissionACFG)
		c := configuring(token, s, params)
		return message{bytes: append([]byte{configCmd}, c.Append(nil)...), learn: h.learns}, ok
	}
}

// changingForced changes a PIN that must be.
func (h *host) changingForced() (message, bool) {
	force, ok := configuringCut(ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{ForceChangePIN: true}))(h)
	if !ok || h.world.pin != pin {
		return message{}, false
	}
	h.must(force)
	m, ok := h.guess(h.protocol(), ctap.ChangePIN, pin, newPIN)
	learn := m.learn
	m.learn = func(w *world, body []byte, err error) {
		learn(w, body, err)
		h.learns(w, body, err)
	}
	return m, ok
}

// writingBlobs is authenticatorLargeBlobs with the last fragment of n bytes, from an offset on.
func (h *host) writingBlobs(n, from int) (message, bool) {
	if h.profile.MaxLargeBlobs == 0 {
		return message{}, false
	}
	token, ok := h.permitted(ctap.PermissionLBW)
	if !ok {
		return message{}, false
	}
	array := blobArray(n, 5)
	if from > 0 {
		require.NoError(h.t, h.blobs(fragment(token, array, 0, from)))
	}
	l := fragment(token, array, from, n)
	return message{bytes: append([]byte{blobsCmd}, l.Append(nil)...), learn: h.learns}, true
}

// useSettings leaves settings and large blobs behind.
func (h *host) useSettings() {
	for _, write := range []func(h *host) (message, bool){
		configuringCut(ctap.EnableEnterpriseAttestation, nil), configuringCut(ctap.EnableLongTouchForReset, nil),
		configuringCut(ctap.SetMinPINLength, minPIN(ctap.MinPINLengthParams{RPIDs: []string{otherRP}})),
		func(h *host) (message, bool) { return h.writingBlobs(40, 20) },
	} {
		m, ok := write(h)
		require.True(h.t, ok)
		h.must(m)
	}
}

// writingBlob is authenticatorGetAssertion that writes the blob of a credential. See 2.3 Section 12.4.
func (h *host) writingBlob(blob string) (message, bool) {
	c, there := h.world.of(func(c issued) bool { return c.user == withBlob })
	token, ok := h.verified(rpID)
	if !there || !ok {
		return message{}, false
	}
	in := ctap.LargeBlobInput{Write: []byte(blob), OriginalSize: new(uint64(100))}
	m := h.signing(allow(c.id), extending(ctap.LargeBlob, in.Append(nil)), h.token(token))
	learn := m.learn
	m.learn = func(w *world, body []byte, err error) {
		learn(w, body, err)
		if err == nil {
			at := slices.IndexFunc(w.credentials, func(other issued) bool { return string(other.id) == string(c.id) })
			w.credentials[at].blob = blob
		}
	}
	return m, true
}

// withBlob is whose credential has a large blob.
const withBlob = "fred"

// useBlob leaves a credential behind with one.
func (h *host) useBlob() {
	support := ctap.LargeBlobInput{Support: "required"}
	token, _ := h.verified(rpID)
	h.must(h.creating(rpID, withBlob, true, extension(ctap.LargeBlob, support.Append(nil)), h.makingToken(token)))
	m, ok := h.writingBlob("old")
	require.True(h.t, ok)
	h.must(m)
}

// blobOf returns the large blob of a credential that works, "" where it has none.
func (h *host) blobOf(c issued, token []byte) string {
	if !c.resident || !slices.Contains(h.profile.Extensions, ctap.LargeBlob) {
		return ""
	}
	read := ctap.LargeBlobInput{Read: true}
	body, err := h.send(getCmd, asking(all(silent, forRP(c.rp), allow(c.id), extending(ctap.LargeBlob, read.Append(nil)), h.token(token))))
	require.NoError(h.t, err)
	g, err := ctap.ParseGetAssertionResponse(body)
	require.NoError(h.t, err)
	h.verify(c, g)
	out, err := ctap.ParseLargeBlobUnsigned(g.Unsigned)
	require.NoError(h.t, err)
	return string(out.Blob)
}
