package iam_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// publicKey returns an RSA key of that length in both forms.
func publicKey(t *testing.T, bits int) (line, inPEM, fingerprint string) {
	private, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	public, err := ssh.NewPublicKey(&private.PublicKey)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), ssh.FingerprintLegacyMD5(public)
}

// signingCertificate returns a certificate in PEM.
func signingCertificate(t *testing.T) string {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bob"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// colon writes a refusal of the table as said writes one.
func colon(refusal string) string {
	return strings.Replace(refusal, "ValidationError ", "ValidationError: ", 1)
}

func TestSSHPublicKeys(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "Bob")
	line, inPEM, fingerprint := publicKey(t, 2048)
	made := c.must("UploadSSHPublicKey", "UserName", "bob", "SSHPublicKeyBody", line+" bob@desk")
	id := field(made, "SSHPublicKeyId")
	require.Regexp(t, `^APKA[A-Z2-7]{17}$`, id)
	require.Equal(t, "<SSHPublicKey><UserName>Bob</UserName><SSHPublicKeyId>"+id+"</SSHPublicKeyId><Fingerprint>"+fingerprint+"</Fingerprint>"+
		"<SSHPublicKeyBody>"+line+" bob@desk</SSHPublicKeyBody><Status>Active</Status><UploadDate>2026-02-17T09:44:55Z</UploadDate></SSHPublicKey>", made)
	t.Run("a key is read in both forms, whichever it came in", func(t *testing.T) {
		read := c.must("GetSSHPublicKey", "UserName", "bob", "SSHPublicKeyId", id, "Encoding", "PEM")
		require.Equal(t, inPEM, strings.ReplaceAll(field(read, "SSHPublicKeyBody"), "&#xA;", "\n"))
		c.must("CreateUser", "UserName", "eve")
		other := field(c.must("UploadSSHPublicKey", "UserName", "eve", "SSHPublicKeyBody", inPEM), "SSHPublicKeyId")
		read = c.must("GetSSHPublicKey", "UserName", "eve", "SSHPublicKeyId", other, "Encoding", "SSH")
		require.Equal(t, line, field(read, "SSHPublicKeyBody"))
		require.Equal(t, fingerprint, field(read, "Fingerprint"))
	})
	t.Run("a list tells no more than it must", func(t *testing.T) {
		c.must("UpdateSSHPublicKey", "UserName", "bob", "SSHPublicKeyId", id, "Status", "Inactive")
		require.Equal(t, "<SSHPublicKeys><member><UserName>Bob</UserName><SSHPublicKeyId>"+id+"</SSHPublicKeyId><Status>Inactive</Status>"+
			"<UploadDate>2026-02-17T09:44:55Z</UploadDate></member></SSHPublicKeys><IsTruncated>false</IsTruncated>", c.must("ListSSHPublicKeys", "UserName", "bob"))
	})
	t.Run("what is no such key is refused", func(t *testing.T) {
		short, _, _ := publicKey(t, 1024)
		for body, code := range map[string]string{
			"ssh-rsa AAAA": "UnrecognizedPublicKeyEncoding",
			"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFjZWxVYXEZo5DPCUgM4l1CkiUVZ2hbHVXOHgFhsBkSe": "UnrecognizedPublicKeyEncoding",
			strings.ReplaceAll(inPEM, "MII", "MIJ"):                                            "UnrecognizedPublicKeyEncoding",
			short:                                                                              "InvalidPublicKey",
			inPEM:                                                                              "DuplicateSSHPublicKey",
		} {
			require.Equal(t, code, c.refused("UploadSSHPublicKey", "UserName", "bob", "SSHPublicKeyBody", body).Code, body)
		}
		for _, action := range []string{"GetSSHPublicKey", "UpdateSSHPublicKey", "DeleteSSHPublicKey"} {
			e := c.refused(action, "UserName", "bob", "SSHPublicKeyId", "APKAXXXXXXXXXXXXXXXXX", "Encoding", "SSH", "Status", "Active")
			require.Equal(t, "The Public Key with id APKAXXXXXXXXXXXXXXXXX cannot be found.", e.Message)
			e = c.refused(action, "UserName", "eve", "SSHPublicKeyId", id, "Encoding", "SSH", "Status", "Active")
			require.Equal(t, "The Public Key with id "+id+" cannot be found.", e.Message, "another user's")
		}
	})
	t.Run("a user who has one is not deleted", func(t *testing.T) {
		require.Equal(t, "Cannot delete entity, must remove referenced objects first.", c.refused("DeleteUser", "UserName", "bob").Message)
		c.must("DeleteSSHPublicKey", "UserName", "bob", "SSHPublicKeyId", id)
		c.must("DeleteUser", "UserName", "bob")
	})
}

func TestSigningCertificates(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	e := c.refused("UploadSigningCertificate", "UserName", "bob", "CertificateBody", "invalid-certificate-body")
	require.Equal(t, "400 MalformedCertificate: Certificate invalid-certificate-body is malformed.", said(e))
	one, two := signingCertificate(t), signingCertificate(t)
	made := c.must("UploadSigningCertificate", "UserName", "bob", "CertificateBody", one)
	id := field(made, "CertificateId")
	require.Regexp(t, `^[A-Z2-7]{32}$`, id)
	require.Equal(t, "DuplicateCertificate", c.refused("UploadSigningCertificate", "UserName", "bob", "CertificateBody", one).Code)
	c.must("UploadSigningCertificate", "UserName", "bob", "CertificateBody", two)
	require.Equal(t, "409 LimitExceeded: Cannot exceed quota for CertificatesPerUser: 2",
		said(c.refused("UploadSigningCertificate", "UserName", "bob", "CertificateBody", signingCertificate(t))))
	c.must("UpdateSigningCertificate", "UserName", "bob", "CertificateId", id, "Status", "Inactive")
	require.ElementsMatch(t, []string{"Active", "Inactive"}, fields(c.must("ListSigningCertificates", "UserName", "bob"), "Status"))
	require.Contains(t, c.must("GetAccountSummary"), "<key>AccountSigningCertificatesPresent</key><value>0</value>")
	c.must("UploadSigningCertificate", "CertificateBody", two)
	require.Contains(t, c.must("GetAccountSummary"), "<key>AccountSigningCertificatesPresent</key><value>1</value>")
	require.Equal(t, "The Certificate with id NONEXISTENTCERTID12345678901 cannot be found.",
		c.refused("DeleteSigningCertificate", "UserName", "bob", "CertificateId", "NONEXISTENTCERTID12345678901").Message)
	require.Equal(t, "DeleteConflict", c.refused("DeleteUser", "UserName", "bob").Code)
	for _, id := range fields(c.must("ListSigningCertificates", "UserName", "bob"), "CertificateId") {
		c.must("DeleteSigningCertificate", "UserName", "bob", "CertificateId", id)
	}
	c.must("DeleteUser", "UserName", "bob")
}

func TestServiceSpecificCredentials(t *testing.T) {
	const git, password = "codecommit.amazonaws.com", `^[A-Za-z0-9+/]{43}=$`
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	require.Equal(t, "404 NoSuchEntity: No such service lambda.amazonaws.com is supported for Service Specific Credentials",
		said(c.refused("CreateServiceSpecificCredential", "UserName", "bob", "ServiceName", "lambda.amazonaws.com")))
	require.Equal(t, "404 NoSuchEntity: The user with name ghost cannot be found.",
		said(c.refused("CreateServiceSpecificCredential", "UserName", "ghost", "ServiceName", "lambda.amazonaws.com")))
	made := c.must("CreateServiceSpecificCredential", "UserName", "bob", "ServiceName", git)
	id, first := field(made, "ServiceSpecificCredentialId"), field(made, "ServicePassword")
	require.Regexp(t, `^ACCA[A-Z2-7]{17}$`, id)
	require.Regexp(t, password, first)
	require.Equal(t, "bob-at-123456789012", field(made, "ServiceUserName"))
	require.Equal(t, "bob+1-at-123456789012", field(c.must("CreateServiceSpecificCredential", "UserName", "bob", "ServiceName", git), "ServiceUserName"))
	require.Equal(t, "LimitExceeded", c.refused("CreateServiceSpecificCredential", "UserName", "bob", "ServiceName", git).Code)
	c.must("CreateServiceSpecificCredential", "UserName", "bob", "ServiceName", "cassandra.amazonaws.com")
	t.Run("a password is shown once", func(t *testing.T) {
		listed := c.must("ListServiceSpecificCredentials", "UserName", "bob", "ServiceName", git)
		require.Len(t, fields(listed, "ServiceUserName"), 2)
		require.NotContains(t, listed, "ServicePassword")
		second := field(c.must("ResetServiceSpecificCredential", "UserName", "bob", "ServiceSpecificCredentialId", id), "ServicePassword")
		require.Regexp(t, password, second)
		require.NotEqual(t, first, second)
		for _, e := range c.events() {
			b, err := e.AppendJSON(nil)
			require.NoError(t, err)
			require.NotContains(t, string(b), first)
			require.NotContains(t, string(b), second)
		}
	})
	t.Run("the user is looked for before the credential", func(t *testing.T) {
		for _, action := range []string{"ResetServiceSpecificCredential", "UpdateServiceSpecificCredential", "DeleteServiceSpecificCredential"} {
			require.Equal(t, "404 NoSuchEntity: No such credential satisfiesregexbutstillinvalid exists",
				said(c.refused(action, "UserName", "bob", "ServiceSpecificCredentialId", "satisfiesregexbutstillinvalid", "Status", "Active")))
			require.Equal(t, "404 NoSuchEntity: The user with name ghost cannot be found.",
				said(c.refused(action, "UserName", "ghost", "ServiceSpecificCredentialId", id, "Status", "Active")))
			require.Equal(t, colon(constraint(`serviceSpecificCredentialId Member must satisfy regular expression pattern: [\w]+`)),
				said(c.refused(action, "UserName", "bob", "ServiceSpecificCredentialId", "totally-wrong-credential-id-with-hyphens", "Status", "Active")))
		}
		require.Equal(t, colon(constraint("status Member must satisfy enum value set")),
			said(c.refused("UpdateServiceSpecificCredential", "UserName", "bob", "ServiceSpecificCredentialId", id, "Status", "Gone")))
	})
	c.must("UpdateServiceSpecificCredential", "UserName", "bob", "ServiceSpecificCredentialId", id, "Status", "Inactive")
	require.Equal(t, "409 DeleteConflict: Cannot delete entity, must remove referenced objects first.", said(c.refused("DeleteUser", "UserName", "bob")))
	for _, id := range fields(c.must("ListServiceSpecificCredentials", "UserName", "bob"), "ServiceSpecificCredentialId") {
		c.must("DeleteServiceSpecificCredential", "UserName", "bob", "ServiceSpecificCredentialId", id)
	}
	c.must("DeleteUser", "UserName", "bob")
}
