package docs_test

import (
	"bytes"
	"net"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/tpm"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

var tpmFigures = []figure{{
	what:    "getAssertion with a P-256 key in swtpm",
	against: "one bare `TPM2_Sign` on the same swtpm",
	bound:   atMost(1.2, "1.2x"),
	show:    span,
	how: "As the first row of keys, with a secure element that is a swtpm on a unix socket: the private key is in it, and loaded. Against\n" +
		"go-tpm's `Sign` with a key of P-256 that is loaded, by its own transport over the same socket, one connection at a time.",
	measure: func(t *testing.T) measured {
		p := tpmtest.Start(t)
		return measured{samples: alternately(t, func(b *testing.B) { tpmAssertion(b, p) }, func(b *testing.B) { bareSign(b, p) })}
	},
}}

// tpmAssertion is assertion with a key whose element is p.
func tpmAssertion(b *testing.B, p *tpmtest.TPM) {
	profile, err := u2f.ProfileNamed(live.DefaultKeyProfile)
	require.NoError(b, err)
	address, err := tpm.ParseAddress(p.URL(""))
	require.NoError(b, err)
	key, err := u2f.New(u2f.Config{Profile: profile, Flash: &flash.Memory{}, Element: tpm.New(address, nil)})
	require.NoError(b, err)
	require.NoError(b, key.PowerUp(keyTime, bytes.Repeat([]byte{7}, 32)))
	defer key.PowerDown(keyTime)
	key.SetPresence(keyTime, u2f.Presence{Mode: u2f.Auto})
	d := &desk{device: ctaphid.NewDevice(key, ctaphid.Config{})}
	d.host.Open([8]byte{1})
	d.carry()
	_, err = d.host.Answer()
	require.NoError(b, err)
	request := asserting(b, d.ask(b, registering()))
	for b.Loop() {
		d.ask(b, request)
	}
}

// bareSign signs with a key that lies loaded in p.
func bareSign(b *testing.B, p *tpmtest.TPM) {
	conn, err := net.Dial("unix", p.Socket)
	require.NoError(b, err)
	t := transport.FromReadWriteCloser(conn)
	defer t.Close()
	template := tpm2.ECCSRKTemplate
	template.ObjectAttributes.Restricted, template.ObjectAttributes.Decrypt, template.ObjectAttributes.SignEncrypt = false, false, true
	template.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256,
		Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA,
			Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})}})
	made, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(template)}.Execute(t)
	require.NoError(b, err)
	defer func() { _, _ = tpm2.FlushContext{FlushHandle: made.ObjectHandle}.Execute(t) }()
	sign := tpm2.Sign{KeyHandle: tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name},
		Digest: tpm2.TPM2BDigest{Buffer: clientData[:]}, Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck}}
	for b.Loop() {
		if _, err := sign.Execute(t); err != nil {
			b.Fatal(err)
		}
	}
}
