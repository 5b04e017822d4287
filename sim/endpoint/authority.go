package endpoint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"time"
)

// The lab's certificates are good whatever the day, because clients check them against their own clocks.
var (
	notBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC)
)

// authorityName is the subject of the lab's authority.
const authorityName = "mfalab proxy authority"

// permitted are the only domains that an authority can vouch for, so that whoever trusts it and loses it has lost no more
// than AWS's names and the metadata service's on that machine. RFC 5280, Section 4.2.1.10.
var permitted = []string{"amazonaws.com", "amazonaws.com.cn", "api.aws", "aws.amazon.com", "mds.fidoalliance.org", "mds3.fidoalliance.org"}

// An Authority is the lab's own certification authority. Clients of the proxy have to trust it (AWS_CA_BUNDLE). It may be
// used by many goroutines. Its key is a secret.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	mu          sync.Mutex
	leaves      map[string]*tls.Certificate
}

// maxLeaves bounds the memory. Our choice: AWS has some 35 regions.
const maxLeaves = 128

// NewAuthority makes an authority with a new random key.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newAuthority(key)
}

// Renewed returns the authority with a certificate for all names that the proxy serves; again is false where it has that already.
// The key stays, so that who trusts the certificate of before goes on doing so, for the names in it.
func (a *Authority) Renewed() (_ *Authority, again bool, err error) {
	if slices.Equal(a.certificate.PermittedDNSDomains, permitted) {
		return a, false, nil
	}
	a, err = newAuthority(a.key)
	return a, err == nil, err
}

func newAuthority(key *ecdsa.PrivateKey) (*Authority, error) {
	template := &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{CommonName: authorityName},
		NotBefore:                   notBefore,
		NotAfter:                    notAfter,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         permitted,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Authority{certificate: certificate, key: key, leaves: map[string]*tls.Certificate{}}, nil
}

// Types of PEM blocks. RFC 7468, Sections 5 and 10.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// ParseAuthority returns the authority that AppendPEM wrote.
func ParseAuthority(b []byte) (*Authority, error) {
	a := &Authority{leaves: map[string]*tls.Certificate{}}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		var err error
		switch block.Type {
		case certificateBlock:
			a.certificate, err = x509.ParseCertificate(block.Bytes)
		case keyBlock:
			var key any
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
			a.key, _ = key.(*ecdsa.PrivateKey)
		}
		if err != nil {
			return nil, fmt.Errorf("the proxy's authority is damaged: %w", err)
		}
	}
	switch {
	case a.certificate == nil || a.key == nil:
		return nil, errors.New("the proxy's authority is damaged: it lacks its certificate or its ECDSA key")
	case !a.key.PublicKey.Equal(a.certificate.PublicKey):
		return nil, errors.New("the proxy's authority is damaged: the key is not that of the certificate")
	case !a.certificate.IsCA:
		return nil, errors.New("the proxy's authority is damaged: the certificate is not that of an authority")
	}
	return a, nil
}

// AppendPEM appends the certificate and the secret key; ParseAuthority reads them. Keep the file to its owner.
func (a *Authority) AppendPEM(b []byte) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		panic("endpoint: internal error: " + err.Error())
	}
	b = append(b, a.CertificatePEM()...)
	return append(b, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})...)
}

// CertificatePEM returns the certificate alone, for clients to trust.
func (a *Authority) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: a.certificate.Raw})
}

// String names the authority, without its key.
func (a *Authority) String() string { return authorityName }

// Format writes String whatever the verb, so that no verb writes the key.
func (a *Authority) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// LogValue returns String.
func (a *Authority) LogValue() slog.Value { return slog.StringValue(a.String()) }

// config returns the TLS side of a tunnel to name. A client that asks for another name gets that one's certificate if the
// lab serves it.
func (a *Authority) config(name string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "" {
				name = hostname(hello.ServerName)
			}
			if !tunnelledName(name) {
				return nil, fmt.Errorf("%q is not served here", name)
			}
			return a.leaf(name)
		},
	}
}

// leaf returns the certificate for name, made on demand.
func (a *Authority) leaf(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[name]; c != nil {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "mfalab proxy"}, // a name may be longer than a CommonName may
		DNSNames:     []string{name},
		NotBefore:    notBefore,
		NotAfter:     notAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[name] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return a.leaves[name], nil
}

// serial returns a random serial number. RFC 5280, Section 4.1.2.2.
func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program first
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}
