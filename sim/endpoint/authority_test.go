package endpoint_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
)

func certificateOf(t *testing.T, a *endpoint.Authority) *x509.Certificate {
	block, rest := pem.Decode(a.CertificatePEM())
	require.NotNil(t, block)
	require.Empty(t, rest, "the certificate alone")
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

func TestAnAuthorityIsGoodForTheWholeCentury(t *testing.T) {
	c := certificateOf(t, newAuthority(t))
	require.True(t, c.IsCA && c.BasicConstraintsValid && c.MaxPathLenZero)
	require.Equal(t, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), c.NotBefore)
	require.Equal(t, time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC), c.NotAfter)
	require.Equal(t, []string{"amazonaws.com", "amazonaws.com.cn", "api.aws", "aws.amazon.com",
		"mds.fidoalliance.org", "mds3.fidoalliance.org"}, c.PermittedDNSDomains)
	require.True(t, c.PermittedDNSDomainsCritical)
	require.NotEqual(t, c.SerialNumber, certificateOf(t, newAuthority(t)).SerialNumber)
}

func TestAStoredAuthorityIsTheSame(t *testing.T) {
	a := newAuthority(t)
	stored := a.AppendPEM([]byte("# kept\n"))
	b, err := endpoint.ParseAuthority(stored)
	require.NoError(t, err)
	require.Equal(t, a.CertificatePEM(), b.CertificatePEM())
	require.Equal(t, stored[len("# kept\n"):], b.AppendPEM(nil))

	// What one has signed the other vouches for.
	_, cfg := newDesk(t)
	cfg.Authority = b
	address, _ := start(t, endpoint.New(cfg))
	answer, err := through(t, address, a, false).Get("https://sts.amazonaws.com/")
	require.Contains(t, read(t, answer, err), "MissingAction")
}

func TestAnAuthorityOfBeforeIsRenewed(t *testing.T) {
	a := newAuthority(t)
	same, again, err := a.Renewed()
	require.NoError(t, err)
	require.False(t, again)
	require.Same(t, a, same)

	made, err := os.ReadFile("testdata/authority.pem") // before the proxy served the sign-in pages and metadata
	require.NoError(t, err)
	before, err := endpoint.ParseAuthority(made)
	require.NoError(t, err)
	after, again, err := before.Renewed()
	require.NoError(t, err)
	require.True(t, again)
	_, cfg := newDesk(t)
	cfg.Authority = after
	cfg.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page") })
	address, _ := start(t, endpoint.New(cfg))
	answer, err := through(t, address, after, false).Get("https://mds3.fidoalliance.org/")
	require.Equal(t, "page", read(t, answer, err))
	answer, err = through(t, address, before, false).Get("https://sts.amazonaws.com/")
	require.Contains(t, read(t, answer, err), "MissingAction", "who trusts the one of before goes on")
	_, err = through(t, address, before, false).Get("https://mds3.fidoalliance.org/")
	require.ErrorContains(t, err, "not permitted")
}

func TestADamagedAuthorityIsRefused(t *testing.T) {
	good := newAuthority(t).AppendPEM(nil)
	other := newAuthority(t).AppendPEM(nil)
	half := bytes.Index(good, []byte("-----BEGIN PRIVATE KEY"))
	bent := bytes.Replace(good, []byte("MII"), []byte("MIJ"), 1)
	for name, b := range map[string][]byte{
		"nothing": nil, "no key": good[:half], "no certificate": good[half:], "a bent certificate": bent,
		"the key of another": append(bytes.Clone(good[:half]), other[bytes.Index(other, []byte("-----BEGIN PRIVATE")):]...),
		"a bent key":         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := endpoint.ParseAuthority(b)
			require.ErrorContains(t, err, "the proxy's authority is damaged: ")
			require.Nil(t, a)
		})
	}
}

func TestAnAuthorityPrintsNoKey(t *testing.T) {
	a := newAuthority(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		require.Equal(t, "mfalab proxy authority", fmt.Sprintf(verb, a))
	}
	require.Equal(t, "mfalab proxy authority", a.LogValue().String())
}
