package u2f_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// blobArray returns a large-blob array of n bytes with its hash. See Section 6.10.
func blobArray(n int, fill byte) []byte {
	array := bytes.Repeat([]byte{fill}, n-16)
	sum := sha256.Sum256(array)
	return append(array, sum[:16]...)
}

// fragment returns a request that writes a part of array from offset on; length goes with the first.
func fragment(token, array []byte, from, to int) ctap.LargeBlobsRequest {
	l := ctap.LargeBlobsRequest{Set: array[from:to], Offset: new(uint64(from))}
	if from == 0 {
		l.Length = new(uint64(len(array)))
	}
	if token != nil {
		message := append(bytes.Repeat([]byte{0xff}, 32), 0x0c, 0)
		message = binary.LittleEndian.AppendUint32(message, uint32(from))
		sum := sha256.Sum256(l.Set)
		l.Protocol, l.UVAuthParam = new(uint64(2)), pinuv.Two.Authenticate(token, append(message, sum[:]...))
	}
	return l
}

func (r *rig) blobs(l ctap.LargeBlobsRequest) error { return r.blobsOn(channel, l) }

func (r *rig) blobsOn(channel uint32, l ctap.LargeBlobsRequest) error {
	_, err := r.sendOn(channel, blobsCmd, l.Append(nil))
	return err
}

// stored reads the whole array.
func (r *rig) stored() []byte {
	r.t.Helper()
	var all []byte
	for {
		l := ctap.LargeBlobsRequest{Get: new(uint64(100)), Offset: new(uint64(len(all)))}
		body, err := r.send(blobsCmd, l.Append(nil))
		require.NoError(r.t, err)
		requireCanonical(r.t, body)
		part, err := ctap.ParseLargeBlobs(body)
		require.NoError(r.t, err)
		if all = append(all, part...); len(part) < 100 {
			return all
		}
	}
}

var emptyBlobs = []byte{0x80, 0x76, 0xbe, 0x8b, 0x52, 0x8d, 0x00, 0x75, 0xf7, 0xaa, 0xe9, 0x8d, 0x6f, 0xa5, 0x7a, 0x6d, 0x3c}

// TestLargeBlobsErrors is what authenticatorLargeBlobs refuses, in the order in which it looks. See Section 6.10.2.
func TestLargeBlobsErrors(t *testing.T) {
	r := newRig(t, "ctap2.1", nil)
	r.setPIN()
	lbw, array := r.token(ctap.PermissionLBW), blobArray(60, 7)
	max := r.key.Profile().MaxMsgSize - 64
	raw := func(m map[any]any) []byte {
		b, err := encoder.Marshal(m)
		require.NoError(t, err)
		return b
	}
	set := func(token []byte, from, to int, change func(*ctap.LargeBlobsRequest)) []byte {
		l := fragment(token, array, from, to)
		if change != nil {
			change(&l)
		}
		return l.Append(nil)
	}
	set16 := func(token []byte) []byte {
		l := fragment(token, array[:16], 0, 16)
		return l.Append(nil)
	}
	for _, c := range []struct {
		name    string
		request []byte
		want    error
	}{
		{"get that is text", raw(map[any]any{1: "9", 3: 0}), ctap.ErrCBORUnexpectedType},
		{"set that is text", raw(map[any]any{2: "9", 3: 0}), ctap.ErrCBORUnexpectedType},
		{"offset that is negative", raw(map[any]any{1: 1, 3: -1}), ctap.ErrCBORUnexpectedType},
		{"length that is bytes", raw(map[any]any{2: []byte{1}, 3: 0, 4: []byte{1}}), ctap.ErrCBORUnexpectedType},
		{"pinUvAuthParam that is text", raw(map[any]any{2: []byte{1}, 3: 0, 5: "x"}), ctap.ErrCBORUnexpectedType},
		{"protocol that is text", raw(map[any]any{2: []byte{1}, 3: 0, 6: "x"}), ctap.ErrCBORUnexpectedType},
		{"no offset", raw(map[any]any{1: 1}), ctap.ErrInvalidParameter},
		{"neither get nor set", raw(map[any]any{3: 0}), ctap.ErrInvalidParameter},
		{"both get and set", raw(map[any]any{1: 1, 2: []byte{1}, 3: 0}), ctap.ErrInvalidParameter},
		{"get with length", raw(map[any]any{1: 1, 3: 0, 4: 17}), ctap.ErrInvalidParameter},
		{"get with pinUvAuthParam", raw(map[any]any{1: 1, 3: 0, 5: []byte{1}}), ctap.ErrInvalidParameter},
		{"get with protocol", raw(map[any]any{1: 1, 3: 0, 6: 2}), ctap.ErrInvalidParameter},
		{"get of more than a fragment", raw(map[any]any{1: max + 1, 3: 0}), ctap.ErrInvalidLength},
		{"get of 64 bits", raw(map[any]any{1: ^uint64(0), 3: 0}), ctap.ErrInvalidLength},
		{"get behind the end", raw(map[any]any{1: 1, 3: 18}), ctap.ErrInvalidParameter},
		{"get from an offset of 64 bits", raw(map[any]any{1: 1, 3: ^uint64(0)}), ctap.ErrInvalidParameter},
		{"set of more than a fragment", raw(map[any]any{2: make([]byte, max+1), 3: 0, 4: 4000}), ctap.ErrInvalidLength},
		{"the first without length", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Length = nil }), ctap.ErrInvalidParameter},
		{"length of less than an empty array", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Length = new(uint64(16)) }), ctap.ErrInvalidParameter},
		{"a hash without an array", set16(lbw), ctap.ErrInvalidParameter},
		{"length of more than there is room for", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Length = new(uint64(4097)) }),
			ctap.ErrLargeBlobStorageFull},
		{"length of 64 bits", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Length = new(^uint64(0)) }), ctap.ErrLargeBlobStorageFull},
		{"a later one with length", set(lbw, 30, 60, func(l *ctap.LargeBlobsRequest) { l.Length = new(uint64(60)) }), ctap.ErrInvalidParameter},
		{"a later one without a first", set(lbw, 30, 60, nil), ctap.ErrInvalidSeq},
		{"no pinUvAuthParam", set(nil, 0, 60, nil), ctap.ErrPUATRequired},
		{"no protocol", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Protocol = nil }), ctap.ErrMissingParameter},
		{"a protocol that is none", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Protocol = new(uint64(3)) }), ctap.ErrInvalidParameter},
		{"another token", set(make([]byte, 32), 0, 60, nil), ctap.ErrPINAuthInvalid},
		{"another fragment than the token is over", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Set = array[:59] }), ctap.ErrPINAuthInvalid},
		{"more than length", set(lbw, 0, 60, func(l *ctap.LargeBlobsRequest) { l.Length = new(uint64(59)) }), ctap.ErrInvalidParameter},
	} {
		t.Run("6.10.2 "+c.name, func(t *testing.T) {
			_, err := r.send(blobsCmd, c.request)
			require.Equal(t, c.want, err)
			require.Equal(t, emptyBlobs, r.stored())
		})
	}
	for name, permission := range map[string]ctap.Permissions{"acfg": ctap.PermissionACFG, "cm": ctap.PermissionCM} {
		t.Run("6.10.2 a token for "+name, func(t *testing.T) {
			require.Equal(t, ctap.ErrPINAuthInvalid, r.blobs(fragment(r.token(permission), array, 0, 60)))
		})
	}
	t.Run("6.5.2.1 a token that is too old", func(t *testing.T) {
		token := r.token(ctap.PermissionLBW)
		r.now = r.now.Add(30 * time.Second)
		require.Equal(t, ctap.ErrPINAuthInvalid, r.blobs(fragment(token, array, 0, 60)))
	})
}

// TestLargeBlobs is Section 6.10.
func TestLargeBlobs(t *testing.T) {
	array := blobArray(60, 7)
	t.Run("a new key has the empty array", func(t *testing.T) {
		require.Equal(t, emptyBlobs, newRig(t, "ctap2.3", nil).stored())
	})
	t.Run("fragments in order, which survive the loss of power", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		require.NoError(t, r.blobs(fragment(nil, array, 0, 20)))
		require.Equal(t, emptyBlobs, r.stored(), "nothing changes before the last one")
		require.NoError(t, r.blobs(fragment(nil, array, 20, 59)))
		require.NoError(t, r.blobs(fragment(nil, array, 59, 60)))
		require.Equal(t, array, r.stored())
		r.replug()
		require.Equal(t, array, r.stored())
		require.Equal(t, 60, r.key.Summary().LargeBlobs)
		_, err := r.send(resetCmd, nil)
		require.NoError(t, err)
		require.Equal(t, emptyBlobs, r.stored())
	})
	t.Run("with a PIN, by a token that an assertion has used", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		made := r.make()
		r.setPIN()
		token := r.token(ctap.PermissionGA | ctap.PermissionLBW)
		r.get(allow(made.auth.CredentialID), askWithToken(token))
		require.NoError(t, r.blobs(fragment(token, array, 0, 60)), "Section 6.5.3.2: lbw stays")
		require.Equal(t, array, r.stored())
	})
	t.Run("a hash that is not the array's leaves the old one", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		wrong := append(bytes.Clone(array[:59]), array[59]^1)
		require.NoError(t, r.blobs(fragment(nil, array, 0, 60)))
		require.NoError(t, r.blobs(fragment(nil, wrong, 0, 20)))
		require.Equal(t, ctap.ErrIntegrityFailure, r.blobs(fragment(nil, wrong, 20, 60)))
		require.Equal(t, array, r.stored())
		require.Equal(t, ctap.ErrInvalidSeq, r.blobs(fragment(nil, wrong, 20, 60)), "and ends the writing")
	})
	t.Run("a fragment that is left out, sent twice, or late", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		require.NoError(t, r.blobs(fragment(nil, array, 0, 20)))
		require.Equal(t, ctap.ErrInvalidSeq, r.blobs(fragment(nil, array, 40, 60)))
		require.NoError(t, r.blobs(fragment(nil, array, 20, 40)))
		require.Equal(t, ctap.ErrInvalidSeq, r.blobs(fragment(nil, array, 20, 40)))
		require.NoError(t, r.blobs(fragment(nil, array, 40, 60)))
		require.Equal(t, ctap.ErrInvalidSeq, r.blobs(fragment(nil, array, 40, 60)))
		require.Equal(t, array, r.stored())
	})
	t.Run("a first fragment begins anew", func(t *testing.T) {
		r, other := newRig(t, "ctap2.3", nil), blobArray(30, 9)
		require.NoError(t, r.blobs(fragment(nil, array, 0, 20)))
		require.NoError(t, r.blobs(fragment(nil, other, 0, 20)))
		require.NoError(t, r.blobs(fragment(nil, other, 20, 30)))
		require.Equal(t, other, r.stored())
	})
	t.Run("what one channel began no other goes on with", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		require.NoError(t, r.blobs(fragment(nil, array, 0, 20)))
		require.Equal(t, ctap.ErrInvalidSeq, r.blobsOn(channel+1, fragment(nil, array, 20, 60)))
		require.NoError(t, r.blobs(fragment(nil, array, 20, 60)))
		require.Equal(t, array, r.stored())
	})
	t.Run("without power a writing is gone", func(t *testing.T) {
		r := newRig(t, "ctap2.3", nil)
		require.NoError(t, r.blobs(fragment(nil, array, 0, 20)))
		r.replug()
		require.Equal(t, ctap.ErrInvalidSeq, r.blobs(fragment(nil, array, 20, 60)))
		require.Equal(t, emptyBlobs, r.stored())
	})
	t.Run("an array as large as there is room for", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		big, step := blobArray(4096, 3), r.key.Profile().MaxMsgSize-64
		for from := 0; from < len(big); from += step {
			require.NoError(t, r.blobs(fragment(nil, big, from, min(from+step, len(big)))))
		}
		require.Equal(t, big, r.stored())
	})
	t.Run("a flash without room keeps the old array", func(t *testing.T) {
		full := &crowded{Flash: &flash.Memory{}}
		r := newRigOn(t, newRig(t, "ctap2.3", nil).key.Profile(), full)
		require.NoError(t, r.blobs(fragment(nil, array, 0, 60)))
		full.name = "blobs"
		require.Equal(t, ctap.ErrLargeBlobStorageFull, r.blobs(fragment(nil, blobArray(30, 1), 0, 30)))
		require.Equal(t, array, r.stored())
	})
	t.Run("a record that is damaged", func(t *testing.T) {
		for name, value := range map[string]string{"blobs": strings.Repeat("x", 20), "settings": "x", "pin": "x"} {
			f := &flash.Memory{}
			r := newRigOn(t, newRig(t, "ctap2.3", nil).key.Profile(), f)
			require.NoError(t, f.Put(name, []byte(value)))
			require.ErrorContains(t, r.key.PowerUp(epoch, entropy), "the flash is damaged", name)
		}
	})
}

// crowded is a flash that has no room for records whose name begins so.
type crowded struct {
	u2f.Flash
	name string
}

var errCrowded = errors.New("no room")

func (f *crowded) Put(name string, value []byte) error {
	if f.name != "" && strings.HasPrefix(name, f.name) {
		return errCrowded
	}
	return f.Flash.Put(name, value)
}

// TestSettingsWithoutRoom is a store that fills up in the middle: what cannot be written has not changed.
func TestSettingsWithoutRoom(t *testing.T) {
	full := &crowded{Flash: &flash.Memory{}}
	r := newRigOn(t, newRig(t, "ctap2.3", nil).key.Profile(), full)
	r.setPIN()
	r.configured(ctap.ToggleAlwaysUV, nil)
	before := r.info().Options
	full.name = "settings"
	for s, params := range map[ctap.ConfigSubcommand][]byte{ctap.ToggleAlwaysUV: nil, ctap.EnableEnterpriseAttestation: nil,
		ctap.EnableLongTouchForReset: nil, ctap.SetMinPINLength: minPIN(ctap.MinPINLengthParams{ForceChangePIN: true})} {
		require.Equal(t, ctap.ErrOther, r.config(r.token(ctap.PermissionACFG), s, params))
		require.Equal(t, before, r.info().Options)
		require.False(t, *r.info().ForcePINChange)
	}
}
