package u2f_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// BenchmarkGetAssertion is one assertion with ES256, no wait, memory flash, beside the signature that it holds.
func BenchmarkGetAssertion(b *testing.B) {
	b.Run("signature alone", benchmarkSignature)
	b.Run("getAssertion", func(b *testing.B) {
		r := newRig(b, u2f.DefaultProfile, nil)
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
		benchmark(b, newRig(b, u2f.DefaultProfile, nil), append([]byte{makeCmd}, making(nil)...))
	})
}

// BenchmarkGetAssertionOfMany is one assertion by allowList on a key with few credentials, and on one with 10,000.
func BenchmarkGetAssertionOfMany(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b, "ctap2.3", func(p *u2f.Profile) { p.ResidentSlots = n })
			var m made
			for i := range n {
				m = r.make(resident(fmt.Sprint(i)))
			}
			benchmark(b, r, append([]byte{getCmd}, asking(allow(m.auth.CredentialID))...))
		})
	}
}

// BenchmarkGetInfo is what a key says of itself, encIdentifier and encCredStoreState included.
func BenchmarkGetInfo(b *testing.B) {
	benchmark(b, newRig(b, u2f.DefaultProfile, nil), []byte{infoCmd})
}

// BenchmarkEnumeration lists 100 discoverable credentials of one relying party by authenticatorCredentialManagement.
func BenchmarkEnumeration(b *testing.B) {
	r := newRig(b, "ctap2.3", func(p *u2f.Profile) { p.ResidentSlots = 100 })
	for i := range 100 {
		r.make(resident(fmt.Sprint(i)))
	}
	r.setPIN()
	hash := sha256.Sum256([]byte(rpID))
	begin := append([]byte{manageCmd}, managing(r.token(ctap.PermissionCM), ctap.CredentialManagementRequest{
		Subcommand: ctap.EnumerateCredentialsBegin, RPIDHash: hash[:]})...)
	next := append([]byte{manageCmd}, goingOn(ctap.EnumerateCredentialsGetNextCredential)...)
	b.ReportAllocs()
	for b.Loop() {
		for request := range 100 {
			if request == 0 {
				r.key.CBOR(r.now, channel, begin)
			} else {
				r.key.CBOR(r.now, channel, next)
			}
			if reply, ok := r.key.Reply(r.now); !ok || reply[0] != 0 {
				b.Fatalf("%v %x", ok, reply)
			}
		}
	}
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
