package live

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// listed are the numbers of the certificates that stand in a list, and when they were revoked.
func listed(t *testing.T, l *Lab, name string) map[string]time.Time {
	t.Helper()
	m, err := l.Metadata(t.Context())
	require.NoError(t, err)
	list, err := x509.ParseRevocationList(m.Lists[name])
	require.NoError(t, err)
	out := map[string]time.Time{}
	for _, e := range list.RevokedCertificateEntries {
		out[e.SerialNumber.Text(16)] = e.RevocationTime
	}
	return out
}

// What is revoked is revoked at the lab's time, by names and by numbers, and stays so when the lab is opened again, saved and loaded.
func TestRevocationsAreKept(t *testing.T) {
	dir := t.TempDir()
	start := time.Date(2031, 2, 3, 4, 5, 6, 789, time.UTC)
	l, err := Open(t.Context(), Options{Dir: dir, Start: start, Virtual: true})
	require.NoError(t, err)
	key, err := l.NewKey(t.Context(), KeySpec{})
	require.NoError(t, err)
	names := map[string]int{"ctap2.1": 3, "u2f": 1, key.Serial: 1, RoleMetadataIssuer: 2, "9c5d401e-6a27-4b3c-8e61-2fd073b51a23": 3}
	for name, want := range names {
		list, err := l.Revoke(t.Context(), name, "superseded")
		require.NoError(t, err, name)
		require.Len(t, list, want, name)
		for _, c := range list {
			require.Equal(t, attest.Reason("superseded"), c.Revoked.Reason)
			require.Equal(t, start.Truncate(time.Second), c.Revoked.At)
			require.Contains(t, listed(t, l, attest.RootCRL), c.Number)
		}
	}
	signer, err := l.Revoke(t.Context(), RoleMetadataSigner, "")
	require.NoError(t, err)
	require.Len(t, listed(t, l, attest.MetadataCRL), len(signer))
	const lost = "0123456789abcdef0123456789abcdef"
	_, err = l.Revoke(t.Context(), lost, "")
	require.NoError(t, err, "a key that was thrown away")
	require.Contains(t, listed(t, l, "tpm.crl"), strings.TrimPrefix(lost, "0"))
	_, err = l.Revoke(t.Context(), "01:23:45:67:89:AB:CD:EF:00", "")
	require.NoError(t, err, "as OpenSSL writes numbers")
	require.Contains(t, listed(t, l, "tpm.crl"), "123456789abcdef00")
	for _, bad := range []string{"nobody", "abcdef", RoleRoot, ""} {
		_, err = l.Revoke(t.Context(), bad, "")
		require.ErrorContains(t, err, "no certificate is called", bad)
	}
	kept := listed(t, l, attest.RootCRL)
	saved, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())

	l, err = Open(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	require.Equal(t, kept, listed(t, l, attest.RootCRL))
	require.NoError(t, l.Reset(t.Context()))
	require.Empty(t, listed(t, l, attest.RootCRL))
	require.NoError(t, l.Load(t.Context(), saved))
	require.Equal(t, kept, listed(t, l, attest.RootCRL))
	_, err = l.Restore(t.Context(), "ctap2.1")
	require.ErrorContains(t, err, "for good")
	require.NoError(t, l.Close())
}

// New keys' certificates name their list while that is asked for; those of before stay what they are, and all can be revoked.
func TestDistributionPoints(t *testing.T) {
	l, err := Open(t.Context(), Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, l.Announce("http://127.0.0.1:4711", ""))
	yes, no := true, false
	p, err := l.ChangePublication(t.Context(), PublicationChange{Points: &yes})
	require.NoError(t, err)
	require.True(t, p.Points)
	named, err := l.NewKey(t.Context(), KeySpec{})
	require.NoError(t, err)
	_, err = l.ChangePublication(t.Context(), PublicationChange{Points: &no})
	require.NoError(t, err)
	plain, err := l.NewKey(t.Context(), KeySpec{})
	require.NoError(t, err)
	for serial, want := range map[string]bool{named.Serial: true, plain.Serial: false} {
		made, err := records(l.bench.keys[serial].flash)
		require.NoError(t, err)
		found := false
		for _, record := range made {
			found = found || bytes.Contains(record, []byte("http://127.0.0.1:4711/mds/root.crl"))
		}
		require.Equal(t, want, found)
	}
	list, err := l.Revoke(t.Context(), "ctap2.3", "keyCompromise")
	require.NoError(t, err)
	require.Len(t, list, 6, "with and without")
	require.NoError(t, l.Close())
}

// A day that is over, and a number that falls, are published as they are asked for; what is wrong changes nothing.
func TestThePublicationChanges(t *testing.T) {
	l, err := Open(t.Context(), Options{Dir: t.TempDir(), Ephemeral: true})
	require.NoError(t, err)
	change := func(due, fault string) (Publication, error) {
		return l.ChangePublication(t.Context(), PublicationChange{NextUpdate: &due, Fault: &fault})
	}
	p, err := change("2021-02-03", "other-root")
	require.NoError(t, err)
	require.Equal(t, Publication{Number: 1, NextUpdate: "2021-02-03", Fault: "other-root", Changed: p.Changed}, p)
	_, err = change("2021-02-30", "none")
	require.ErrorContains(t, err, "is no day")
	_, err = change("never", "everything")
	require.ErrorContains(t, err, "no BLOB is wrong")
	m, err := l.Metadata(t.Context())
	require.NoError(t, err)
	require.Equal(t, p, m.Publication)
	p, err = change("never", "none")
	require.NoError(t, err)
	require.Equal(t, metadata.Never, p.NextUpdate)
	require.Equal(t, uint64(2), p.Number)
	require.NoError(t, l.Close())
}
