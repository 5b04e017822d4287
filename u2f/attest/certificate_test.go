package attest

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
)

var model = Model{Name: "mfalab key", AAGUID: [16]byte{0xa0, 0xa1, 0xa2, 15: 0xaf}}

func newRoot(t testing.TB, fill byte) *Root {
	r, err := NewRoot(bytes.Repeat([]byte{fill}, minSeed))
	require.NoError(t, err)
	return r
}

func newBatch(t testing.TB, r *Root) *Batch {
	b, err := r.NewBatch(model)
	require.NoError(t, err)
	return b
}

func newU2FBatch(t testing.TB, r *Root) *Batch {
	b, err := r.NewU2FBatch(model)
	require.NoError(t, err)
	return b
}

// parsed is a certificate that strict parsers take, checked to be signed by the root.
func parsed(t *testing.T, der []byte, root *Root) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(root.certificate)
	for _, at := range []string{"first", "last"} {
		now := notBefore
		if at == "last" {
			now = notAfter
		}
		_, err = c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		require.NoError(t, err, "on the %s day", at)
	}
	require.Equal(t, 3, c.Version)
	require.Positive(t, c.SerialNumber.Sign())
	require.LessOrEqual(t, len(c.SerialNumber.Bytes()), 20)
	require.Equal(t, "2020-01-01T00:00:00Z 2099-12-31T23:59:59Z", c.NotBefore.Format("2006-01-02T15:04:05Z ")+c.NotAfter.Format("2006-01-02T15:04:05Z"))
	return c
}

func TestRoot(t *testing.T) {
	r := newRoot(t, 1)
	c := parsed(t, r.Certificate(), r)
	require.True(t, c.IsCA)
	require.Equal(t, 1, c.MaxPathLen, "an authority between it and who attests, and no more")
	require.Equal(t, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, c.KeyUsage)
	require.Equal(t, "CN=mfalab Attestation Root,OU=Root,O=mfalab,C=AQ", c.Subject.String())
	require.Equal(t, c.RawSubject, c.RawIssuer)
}

// Section 8.2.1, demand by demand.
func TestBatchCertificate(t *testing.T) {
	r := newRoot(t, 1)
	c := parsed(t, newBatch(t, r).Certificate(), r)
	require.Equal(t, "CN=mfalab key Batch,OU=Authenticator Attestation,O=mfalab,C=AQ", c.Subject.String())
	require.Equal(t, []int{asn1.TagPrintableString, asn1.TagUTF8String, asn1.TagUTF8String, asn1.TagUTF8String}, stringTags(t, c.RawSubject))
	require.True(t, c.BasicConstraintsValid)
	require.False(t, c.IsCA)
	require.Equal(t, "0410a0a1a20000000000000000000000"+"00af", extension(t, c, oidAAGUID))
	require.Equal(t, "03020520", extension(t, c, oidTransports), "USB alone")
	require.Equal(t, r.certificate.RawSubject, c.RawIssuer)
	require.Empty(t, c.UnhandledCriticalExtensions)
}

func TestU2FBatchCertificate(t *testing.T) {
	r := newRoot(t, 1)
	u2f, packed := newU2FBatch(t, r), newBatch(t, r)
	c := parsed(t, u2f.Certificate(), r)
	require.Equal(t, "CN=mfalab key U2F Batch,OU=Authenticator Attestation,O=mfalab,C=AQ", c.Subject.String())
	require.Equal(t, "03020520", extension(t, c, oidTransports))
	require.Empty(t, extension(t, c, oidAAGUID))
	require.NotEqual(t, parsed(t, packed.Certificate(), r).PublicKey, c.PublicKey)
	other, err := r.NewU2FBatch(Model{Name: model.Name, AAGUID: [16]byte{9}})
	require.NoError(t, err)
	require.Equal(t, u2f.Certificate(), other.Certificate(), "U2F knows no AAGUID")
}

// extension is the value of an extension in hexadecimal, which is not critical.
func extension(t *testing.T, c *x509.Certificate, id asn1.ObjectIdentifier) string {
	for _, e := range c.Extensions {
		if e.Id.Equal(id) {
			require.False(t, e.Critical)
			return hex.EncodeToString(e.Value)
		}
	}
	return ""
}

// stringTags are the ASN.1 types of the strings of a name.
func stringTags(t *testing.T, name []byte) (tags []int) {
	var sets []asn1.RawValue
	_, err := asn1.Unmarshal(name, &sets)
	require.NoError(t, err)
	for _, set := range sets {
		var attribute struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		_, err := asn1.Unmarshal(set.Bytes, &attribute)
		require.NoError(t, err)
		tags = append(tags, attribute.Value.Tag)
	}
	return tags
}

func TestSameSeedSameCertificates(t *testing.T) {
	all := func(fill byte) string {
		r := newRoot(t, fill)
		sum := sha256.Sum256(bytes.Join([][]byte{r.Certificate(), newBatch(t, r).Certificate(), newU2FBatch(t, r).Certificate()}, nil))
		return hex.EncodeToString(sum[:])
	}
	require.Equal(t, all(1), all(1))
	require.NotEqual(t, all(1), all(2))
	require.Equal(t, "42c868296663038a92d60573888412b4b7cdb5567983cb086e2739ce72381097", all(1), "a lab's keys stay what they were")
}

func TestModelsHaveTheirOwnKeys(t *testing.T) {
	r := newRoot(t, 1)
	seen := map[string]bool{}
	for _, m := range []Model{model, {Name: "mfalab key 2", AAGUID: model.AAGUID}, {Name: model.Name}} {
		b, err := r.NewBatch(m)
		require.NoError(t, err)
		seen[string(b.secret)] = true
		seen[parsed(t, b.Certificate(), r).SerialNumber.String()] = true
	}
	require.Len(t, seen, 6)
}

func TestRefusedModels(t *testing.T) {
	r := newRoot(t, 1)
	for _, name := range []string{"", strings.Repeat("n", 41), "a\nb", "\xff", "\u202e"} {
		_, err := r.NewBatch(Model{Name: name})
		require.ErrorContains(t, err, "attest: model name", "%q", name)
		_, err = r.NewU2FBatch(Model{Name: name})
		require.Error(t, err, "%q", name)
	}
	b, err := r.NewBatch(Model{Name: "Schlüssel " + strings.Repeat("n", 29)})
	require.NoError(t, err)
	require.Contains(t, parsed(t, b.Certificate(), r).Subject.CommonName, "Schlüssel nnn")
	_, err = NewRoot(make([]byte, minSeed-1))
	require.EqualError(t, err, "attest: a seed of 31 bytes is too short: give 32 or more")
}

func TestBatchRecord(t *testing.T) {
	b := newBatch(t, newRoot(t, 1))
	record := b.Append([]byte("before"))
	require.Equal(t, "before", string(record[:6]))
	record = record[6:]
	again, err := ParseBatch(record, nobody)
	require.NoError(t, err)
	require.True(t, again.InClear())
	require.Equal(t, b.Certificate(), again.Certificate())
	require.Equal(t, record, again.Append(nil))
	want, err := b.Sign([]byte("message"))
	require.NoError(t, err)
	got, err := again.Sign([]byte("message"))
	require.NoError(t, err)
	require.Equal(t, want, got)

	other := newBatch(t, newRoot(t, 2)).Append(nil)
	for name, bad := range map[string][]byte{
		"nothing":                       nil,
		"no certificate":                record[:33],
		"another version":               append([]byte{3}, record[1:]...),
		"a certificate that is cut":     record[:len(record)-1],
		"bytes behind it":               append(bytes.Clone(record), 0),
		"another batch's secret":        append(bytes.Clone(other[:33]), record[33:]...),
		"a secret with one bit changed": append([]byte{1, record[1] ^ 1}, record[2:]...),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := ParseBatch(bad, nobody)
			require.Error(t, err)
			require.Nil(t, b)
		})
	}
}

// nobody keeps private keys.
func nobody([]byte) (*cose.PrivateKey, error) { return nil, errors.ErrUnsupported }

func TestBatchWhoseSecretSomebodyElseHas(t *testing.T) {
	b, other := newBatch(t, newRoot(t, 1)), newBatch(t, newRoot(t, 2))
	kept, err := b.KeptAs(b.Key())
	require.NoError(t, err)
	require.False(t, kept.InClear())
	_, err = b.KeptAs(other.Key())
	require.ErrorContains(t, err, "another key's")

	record := kept.AppendKept(nil, []byte("in drawer 7"))
	require.NotContains(t, string(record), string(b.secret))
	with := func(key *cose.PrivateKey) func([]byte) (*cose.PrivateKey, error) {
		return func(shown []byte) (*cose.PrivateKey, error) {
			require.Equal(t, "in drawer 7", string(shown))
			return key, nil
		}
	}
	again, err := ParseBatch(record, with(b.Key()))
	require.NoError(t, err)
	require.False(t, again.InClear())
	require.Equal(t, b.Certificate(), again.Certificate())
	want, err := b.Sign([]byte("message"))
	require.NoError(t, err)
	got, err := again.Sign([]byte("message"))
	require.NoError(t, err)
	require.Equal(t, want, got)

	_, err = ParseBatch(record, with(other.Key()))
	require.ErrorContains(t, err, "another key's")
	_, err = ParseBatch(record, nobody)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	for _, end := range []int{1, keptAt - 1, keptAt, keptAt + 11} {
		_, err = ParseBatch(record[:end], with(b.Key()))
		require.ErrorContains(t, err, "no batch of version", end)
	}
	_, err = ParseBatch(record[:len(record)-1], with(b.Key()))
	require.Error(t, err)
}

func TestSecretsAreNotPrinted(t *testing.T) {
	r := newRoot(t, 'S')
	b := newBatch(t, r)
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	log.Info("x", "root", r, "batch", b)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		fmt.Fprintf(&text, verb+verb, r, b)
	}
	require.NotContains(t, text.String(), "SSSS")
	require.NotContains(t, text.String(), "5353")
	require.NotContains(t, text.String(), "83 83")
	require.NotContains(t, text.String(), hex.EncodeToString(b.secret[:4]))
	require.Equal(t, 16, strings.Count(text.String(), "attest."))
}

// The name that x509 would make has other string types, which is why subject exists.
func TestSubjectIsNotThatOfX509(t *testing.T) {
	plain, err := asn1.Marshal(pkix.Name{Country: []string{country}, Organization: []string{organization}}.ToRDNSequence())
	require.NoError(t, err)
	require.Equal(t, []int{asn1.TagPrintableString, asn1.TagPrintableString}, stringTags(t, plain))
}
