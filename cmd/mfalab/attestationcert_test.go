package main

import (
	"bytes"
	"encoding/base64"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
)

// What OpenSSL reads in the certificate of who attests, by kind: what the sections of each format demand.
var certified = map[string][]string{
	attest.FormatPacked: {"Subject: C = AQ, O = mfalab, OU = Authenticator Attestation, CN = lab Batch", "1.3.6.1.4.1.45724.1.1.4: \n", "1.3.6.1.4.1.45724.2.1.1: \n",
		"X509v3 Basic Constraints: critical\n CA:FALSE"},
	attest.KindEnterprise: {"OU = Authenticator Attestation", "1.3.6.1.4.1.45724.1.1.2: \n", "1.3.6.1.4.1.45724.1.1.4: \n", "CA:FALSE"},
	attest.FormatFIDOU2F:  {"1.3.6.1.4.1.45724.2.1.1: \n", "NIST CURVE: P-256", "CA:FALSE"},
	attest.FormatTPM: {"Subject: \n", "X509v3 Extended Key Usage: \n 2.23.133.8.3\n", "X509v3 Subject Alternative Name: critical\n",
		"DirName:/2.23.133.2.1=id:FFFFF1D0/2.23.133.2.2=mfalab/2.23.133.2.3=id:00000001", "CA:FALSE", "1.3.6.1.4.1.45724.1.1.4: \n"},
	attest.FormatAndroidKey: {"Subject: CN = Android Keystore Key", "1.3.6.1.4.1.11129.2.1.17: \n", "Issuer: C = AQ, O = mfalab, OU = Authority, CN = mfalab Android Attestation Authority"},
	attest.FormatSafetyNet:  {"CN = attest.android.com", "DNS:attest.android.com", "TLS Web Server Authentication", "Public-Key: (2048 bit)"},
	attest.FormatApple:      {"1.2.840.113635.100.8.2: \n", "CN = mfalab Anonymous Attestation Authority"},
}

func TestOpenSSLReadsTheCertificates(t *testing.T) {
	requireClients(t, map[string]string{"/usr/bin/openssl": "openssl"})
	b := newAttestationBench(t)
	for kind, lines := range certified {
		r := b.register(kind, nil, cose.ES256)
		for _, at := range []string{"2020-01-02", "2026-03-01", "2099-12-30"} {
			day, err := time.Parse(time.DateOnly, at)
			require.NoError(t, err)
			require.Empty(t, b.openSSL(r, day), "%s on %s", kind, at)
		}
		text, err := exec.Command("/usr/bin/openssl", "x509", "-noout", "-text", "-in", b.pem("leaf.pem", chain(r)[0])).Output()
		require.NoError(t, err)
		said := strings.Join(strings.FieldsFunc(string(text), func(c rune) bool { return c == ' ' }), " ")
		require.Contains(t, said, "Version: 3 (0x2)", kind)
		for _, line := range lines {
			require.Contains(t, said, line, kind)
		}
	}
}

// fido2-cred -V takes a signature and one certificate: packed and fido-u2f.
func TestFIDO2CredVerifies(t *testing.T) {
	requireClients(t, map[string]string{"/usr/bin/fido2-cred": "fido2-tools"})
	b := newAttestationBench(t)
	verify := func(kind string, wrong *attest.Mutation, a cose.Algorithm, algorithm string) error {
		r := b.register(kind, wrong, a)
		var s struct {
			Sig []byte   `cbor:"sig"`
			X5C [][]byte `cbor:"x5c"`
		}
		require.NoError(t, cbor.Unmarshal(r.Statement, &s))
		data, err := cbor.Marshal(r.AuthData)
		require.NoError(t, err)
		encode := base64.StdEncoding.EncodeToString
		lines := []string{encode(r.ClientDataHash), forgedRP, r.Format, encode(data), encode(bytes.Repeat([]byte{0xc1}, 32)), encode(s.Sig)}
		for _, c := range s.X5C {
			lines = append(lines, encode(c))
		}
		cmd := exec.Command("/usr/bin/fido2-cred", "-V", algorithm)
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		return cmd.Run()
	}
	for kind, algorithms := range map[string]map[cose.Algorithm]string{
		attest.FormatPacked:   {cose.ES256: "es256", cose.RS256: "rs256", cose.EdDSA: "eddsa"},
		attest.KindSelf:       {cose.ES256: "es256", cose.RS256: "rs256", cose.EdDSA: "eddsa"},
		attest.KindEnterprise: {cose.ES256: "es256"},
		attest.FormatFIDOU2F:  {cose.ES256: "es256"},
	} {
		for a, name := range algorithms {
			require.NoError(t, verify(kind, nil, a, name), "%s of %v", kind, a)
		}
	}
	for _, name := range []string{"packed:sig", "packed:replay", "packed-self:other-signer", "fido-u2f:sig", "fido-u2f:reserved"} {
		kind, wrong, err := attest.ParseMutation(name)
		require.NoError(t, err)
		require.Error(t, verify(kind, wrong, cose.ES256, "es256"), name)
	}
}
