package ctap

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	lines(t, "testdata/canonical.txt", func(b []byte, rest string) {
		verdict, name, _ := strings.Cut(rest, " ")
		t.Run(name, func(t *testing.T) {
			wantCanonical, wantWellFormed := error(ErrInvalidCBOR), error(ErrInvalidCBOR)
			switch verdict {
			case "canonical":
				wantCanonical, wantWellFormed = nil, nil
			case "lenient":
				wantWellFormed = nil
			default:
				require.Equal(t, "bad", verdict)
			}
			require.Equal(t, wantCanonical, CheckCanonical(b), "canonical")
			require.Equal(t, wantWellFormed, CheckWellFormed(b), "well-formed")
		})
	})
}

// What the RFC shows as well-formed is, and its prefixes are not.
func TestCheckWellFormedOfTheRFC(t *testing.T) {
	lines(t, "testdata/rfc8949-a.txt", func(b []byte, _ string) {
		require.NoError(t, CheckWellFormed(b), "%x", b)
		for n := range b {
			require.Equal(t, ErrInvalidCBOR, CheckWellFormed(b[:n]), "%x of %x", b[:n], b)
		}
	})
}

// request is about what a browser sends: makeCredential of 200 bytes.
func request(t testing.TB) []byte {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	require.NoError(t, err)
	b, err := mode.Marshal(map[int]any{
		1: make([]byte, 32),
		2: map[string]any{"id": "lab.example", "name": "The lab"},
		3: map[string]any{"id": make([]byte, 32), "name": "alice", "displayName": "Alice"},
		4: []any{map[string]any{"alg": -7, "type": "public-key"}, map[string]any{"alg": -8, "type": "public-key"}},
		7: map[string]any{"rk": true},
		8: make([]byte, 16),
		9: 2,
	})
	require.NoError(t, err)
	return b
}

func TestCheckAllocatesNothing(t *testing.T) {
	good := request(t)
	bad := append(bytes.Clone(good), 0)
	require.NoError(t, CheckCanonical(good))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = CheckCanonical(good)
		_ = CheckCanonical(bad)
		_ = CheckWellFormed(good)
	}))
}

func BenchmarkCheckCanonical(b *testing.B) {
	msg := request(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if err := CheckCanonical(msg); err != nil {
			b.Fatal(err)
		}
	}
}

// plain reports whether the other implementation keeps all that canonical b says when it decodes it: it does not tell
// null from undefined, nor one width of a float from another.
func plain(b []byte) bool {
	s := scanner{msg: b}
	for s.pos < len(b) {
		h, _ := s.head()
		switch {
		case h.major == majorSimple && (h.arg == 23 || h.info > argByte):
			return false
		case h.major == majorBytes || h.major == majorText:
			s.pos += int(h.arg)
		}
	}
	return true
}

// peer decodes as Section 8 demands and encodes in CTAP2 canonical form.
func peer(t testing.TB) (cbor.DecMode, cbor.EncMode) {
	dec, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, MaxNestedLevels: maxNesting,
	}.DecMode()
	require.NoError(t, err)
	enc, err := cbor.CTAP2EncOptions().EncMode()
	require.NoError(t, err)
	return dec, enc
}

// CheckCanonical accepts exactly what another implementation decodes and encodes to the same bytes; CheckWellFormed
// accepts that and more.
func FuzzCheckCanonical(f *testing.F) {
	lines(f, "testdata/rfc8949-a.txt", func(b []byte, _ string) { f.Add(b) })
	lines(f, "testdata/canonical.txt", func(b []byte, _ string) { f.Add(b) })
	f.Add(request(f))
	dec, enc := peer(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		ours := CheckCanonical(b)
		if ours == nil {
			require.NoError(t, CheckWellFormed(b))
			if !plain(b) {
				return
			}
		}
		var v any
		err := dec.Unmarshal(b, &v)
		if keyErr := (*cbor.InvalidMapKeyTypeError)(nil); errors.As(err, &keyErr) {
			return // maps, arrays and great numbers as keys are no keys of a Go map
		}
		if err != nil {
			require.Equal(t, ErrInvalidCBOR, ours, "accepted, but: %v", err)
			return
		}
		again, err := enc.Marshal(v)
		require.NoError(t, err)
		require.Equal(t, bytes.Equal(again, b), ours == nil, "%x is again %x: %v", b, again, ours)
	})
}
