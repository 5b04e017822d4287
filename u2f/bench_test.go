package u2f_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkGetAssertion is one assertion with ES256, no wait, memory flash, beside the signature that it holds.
func BenchmarkGetAssertion(b *testing.B) {
	b.Run("signature alone", benchmarkSignature)
	b.Run("getAssertion", func(b *testing.B) {
		r := newRig(b, "ctap2.1", nil)
		m := r.make()
		benchmark(b, r, append([]byte{getCmd}, asking(allow(m.auth.CredentialID))...))
	})
}

// BenchmarkMakeCredential is one credential with ES256, packed with the batch certificate, beside the key generation and
// the signature that it holds.
func BenchmarkMakeCredential(b *testing.B) {
	b.Run("key and signature alone", func(b *testing.B) {
		attestation, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(b, err)
		digest := bytes.Repeat([]byte{1}, 32)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
				b.Fatal(err)
			}
			if _, err := attestation.Sign(nil, digest, crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("makeCredential", func(b *testing.B) {
		benchmark(b, newRig(b, "ctap2.1", nil), append([]byte{makeCmd}, making(nil)...))
	})
}

func benchmarkSignature(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	digest := bytes.Repeat([]byte{1}, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.Sign(nil, digest, crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmark(b *testing.B, r *rig, request []byte) {
	b.ReportAllocs()
	for b.Loop() {
		r.key.CBOR(r.now, channel, request)
		if reply, ok := r.key.Reply(r.now); !ok || reply[0] != 0 {
			b.Fatalf("%v %x", ok, reply)
		}
		r.events = r.events[:0]
	}
}
