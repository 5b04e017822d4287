package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// openSSL runs OpenSSL, which shares no code with us, and returns what it says and whether it is content.
func openSSL(t *testing.T) func(args ...string) (said string, content bool) {
	t.Helper()
	const path = "/usr/bin/openssl"
	requireClients(t, map[string]string{path: "openssl"})
	return func(args ...string) (string, bool) {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Stdin = bytes.NewReader(nil)
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	}
}

// writing writes files into a folder of its own.
func writing(t *testing.T) func(name, text string) string {
	dir := t.TempDir()
	return func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
}

func certificatesOf(t *testing.T, do func(args ...string) string) (list []live.Certificate) {
	require.NoError(t, json.Unmarshal([]byte(do("mds", "certificates", "--json")), &list))
	return list
}

// OpenSSL checks every certificate that a lab makes, strictly, and the lists of revoked ones with it: what is revoked is refused, and
// nothing else.
func TestOpenSSLChecksEveryCertificate(t *testing.T) {
	openssl, file := openSSL(t), writing(t)
	dir, owner := detached(t)
	do := doing(t, dir)
	do("mds", "set", "--distribution-points")
	serial := strings.TrimSpace(do("key", "new", "--profile", "ctap2.3", "--touch", "auto"))
	root := file("root.pem", do("mds", "certificates", "--pem", "root"))
	issuer := file("issuer.pem", do("mds", "certificates", "--pem", live.RoleMetadataIssuer))
	var lists string
	fetch := func() {
		var all string
		for _, name := range []string{"root", "metadata", "tpm"} {
			_, _, list := fetched(t, owner.URL, name+".crl.pem")
			all += list
		}
		lists = file("lists.pem", all)
	}
	fetch()
	// verify checks all at once, and says of which OpenSSL is content.
	verify := func(list []live.Certificate) (said string, content []bool) {
		args := []string{"verify", "-x509_strict", "-CAfile", root, "-untrusted", issuer, "-crl_check_all", "-CRLfile", lists}
		for i, c := range list {
			args = append(args, file(fmt.Sprintf("%d.pem", i), c.PEM))
		}
		said, _ = openssl(args...)
		for i := range list {
			content = append(content, strings.Contains(said, fmt.Sprintf("/%d.pem: OK\n", i)))
		}
		return said, content
	}
	roles := map[string]int{}
	all := certificatesOf(t, do)
	said, content := verify(all)
	for i, c := range all {
		require.True(t, content[i], "%s of %s: %s", c.Role, c.Of, said)
		roles[c.Role]++
	}
	require.Len(t, roles, 8, "%v", roles)
	own := do("mds", "certificates", "--pem", serial)
	text, _ := openssl("x509", "-noout", "-text", "-in", file("leaf.pem", own[strings.LastIndex(own, "-----BEGIN"):]))
	require.Contains(t, text, "URI:"+owner.URL+"/mds/root.crl")
	require.Contains(t, text, "1.3.6.1.4.1.45724.1.1.4", "the AAGUID")

	for _, what := range []string{serial, "u2f", live.RoleMetadataSigner} {
		do("mds", "revoke", what, "--reason", "keyCompromise")
	}
	fetch()
	all = certificatesOf(t, do)
	said, content = verify(all)
	require.Contains(t, said, "certificate revoked")
	for i, c := range all {
		gone := c.Of == serial || c.Of == "u2f" || c.Role == live.RoleMetadataSigner
		require.Equal(t, !gone, content[i], "%s of %s: %s", c.Role, c.Of, said)
		if gone {
			require.Equal(t, "keyCompromise", string(c.Revoked.Reason))
		}
	}
	_, _, list := fetched(t, owner.URL, "metadata.crl.pem")
	text, right := openssl("crl", "-noout", "-text", "-in", file("list.pem", list), "-CAfile", issuer)
	require.True(t, right, text)
	require.Contains(t, text, "verify OK")
	require.Regexp(t, `X509v3 CRL Number: \n +4\n`, text)
	require.Contains(t, text, "Key Compromise")
	require.Contains(t, text, "Next Update: Dec 31 00:00:00 2099 GMT")

	do("mds", "revoke", "ctap2.3", "--reason", "certificate-hold")
	do("mds", "restore", "ctap2.3")
	fetch()
	status, _, errs := mfalab(t, dir, "mds", "restore", "u2f")
	require.Equal(t, 1, status)
	require.Contains(t, errs, "for good")
	all = certificatesOf(t, do)
	said, content = verify(all)
	for i, c := range all {
		require.Equal(t, c.Revoked == nil, content[i], "%s of %s: %s", c.Role, c.Of, said)
		require.True(t, c.Revoked == nil || c.Of != "ctap2.3")
	}
	do("mds", "set", "--next-update", "2021-01-01")
	fetch()
	said, content = verify(all[1:2])
	require.False(t, content[0])
	require.Contains(t, said, "CRL has expired")
}

// The certificates that the lab's proxy serves lead to its authority under every name, and to none of its names under another.
func TestOpenSSLChecksTheProxysCertificates(t *testing.T) {
	openssl := openSSL(t)
	dir, owner := detached(t)
	ca := filepath.Join(dir, ".mfalab", "ca.pem")
	said, content := openssl("verify", "-x509_strict", "-CAfile", ca, ca)
	require.True(t, content, said)
	for _, name := range []string{"iam.amazonaws.com", "sts.eu-north-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn", "iam.global.api.aws",
		"signin.aws.amazon.com", "mds.fidoalliance.org", "mds3.fidoalliance.org"} {
		connect := []string{"s_client", "-proxy", strings.TrimPrefix(owner.URL, "http://"), "-connect", name + ":443", "-CAfile", ca, "-x509_strict",
			"-verify_return_error", "-brief", "-verify_hostname"}
		said, content := openssl(append(connect, name)...)
		require.True(t, content, said)
		require.Contains(t, said, "Verification: OK")
		require.Contains(t, said, "Verified peername: "+name)
		said, content = openssl(append(connect, "other."+name)...)
		require.False(t, content, said)
	}
}
