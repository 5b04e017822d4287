package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines returns the lines of a file of testdata that are not comments.
func lines(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

func kindNamed(t testing.TB, name string) Kind {
	t.Helper()
	i := slices.IndexFunc(kinds[:], func(k struct{ name, allows, denies string }) bool { return k.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return Kind(i)
}

func mustParse(t testing.TB, kind Kind, text string) *Document {
	t.Helper()
	d, err := Parse(kind, text)
	require.NoError(t, err, text)
	return d
}

// canonical holds the seven policies of Section 4.4 by their number; they lie where people find them, in docs/policies.
var canonical = map[string]Kind{
	"1-force-mfa": Identity, "2-self-manage-mfa": Identity, "3-hardware-mfa": Identity, "4-resync-mfa": Identity,
	"5-trust-mfa": Trust, "6-bucket-mfa": Resource, "7-fresh-mfa": Identity,
}

func fixture(t testing.TB, name string) *Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../docs/policies", name+".json"))
	require.NoError(t, err)
	return mustParse(t, canonical[name], string(text))
}

func TestMalformedDocumentsGetTheRecordedMessages(t *testing.T) {
	for _, line := range lines(t, "malformed.txt") {
		part := strings.SplitN(line, "|", 3)
		kind, want, text := kindNamed(t, strings.TrimSpace(part[0])), part[1][1:len(part[1])-1], strings.TrimSpace(part[2])
		d, err := Parse(kind, text)
		require.Nil(t, d, text)
		var refused *Error
		require.ErrorAs(t, err, &refused, text)
		require.Equal(t, want, refused.Message, "%s: %s", text, refused.Detail)
		require.NotEmpty(t, refused.Detail, text)
		require.Equal(t, map[bool]string{true: "MalformedPolicy", false: "MalformedPolicyDocument"}[kind == Resource], refused.Code)
		require.Equal(t, 400, refused.Status)
	}
}

func TestWellFormedDocumentsAreAccepted(t *testing.T) {
	for _, line := range lines(t, "wellformed.txt") {
		kind, text, _ := strings.Cut(line, "|")
		mustParse(t, kindNamed(t, strings.TrimSpace(kind)), text)
	}
	for name := range canonical {
		require.NotEmpty(t, fixture(t, name).Statements, name)
	}
}

func TestEveryTextThatIsNotRecordedSaysSo(t *testing.T) {
	for f, text := range texts {
		require.Contains(t, "RSK", string(text.known), "fault %d", f)
		require.Equal(t, text.granted != "", text.grantedKnown != 0, "fault %d", f)
		require.NotContains(t, refuse(Trust, fault(f), "", 1, 2, 3).Message+refuse(Identity, fault(f), "", 1, 2, 3).Message, "{", "fault %d", f)
	}
}

func TestTheDetailSaysWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		`{"Version":"2012-10-17","Statement":{"effect":"Allow"}}`:   "write Effect",
		`{"Version":"2012-10-17","Id":"a","Id":"b"}`:                `"Id" twice`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"denY"}]}`:  "write Deny",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Block"}]}`: `statement 1 has the effect "Block"`,
	} {
		_, err := Parse(Identity, text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestADocumentTooLongForTheWireIsRefused(t *testing.T) {
	right := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get","Resource":"*"}}`
	mustParse(t, Identity, right+strings.Repeat(" ", maxText-len(right)))
	_, err := Parse(Identity, right+strings.Repeat(" ", maxText-len(right)+1))
	require.ErrorContains(t, err, "ValidationError: 1 validation error detected")
	_, err = Parse(Identity, "{\"Version\":\"2012-10-17\",\"Id\":\"\xff\"}")
	require.ErrorContains(t, err, "not UTF-8")
}

func TestQuotasCountWithoutWhiteSpace(t *testing.T) {
	require.Equal(t, 5, Size(" {\t\"a\" \n}\r"))
	for _, c := range []struct {
		quota Quota
		name  string
		want  string
	}{
		{InlineUser, "bob", "LimitExceeded: Maximum policy size of 2048 bytes exceeded for user bob"},
		{InlineGroup, "ops", "LimitExceeded: Maximum policy size of 5120 bytes exceeded for group ops"},
		{InlineRole, "app", "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role app"},
		{Managed, "", "LimitExceeded: Cannot exceed quota for PolicySize: 6144"},
		{TrustPolicy, "", "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048"},
		{Bucket, "", "PolicyTooLarge: Policies must not exceed 20480 bytes"},
	} {
		require.NoError(t, c.quota.Check(int(c.quota), c.name))
		require.ErrorContains(t, c.quota.Check(int(c.quota)+1, c.name), c.want)
	}
}

func TestOneFormKeepsTheMeaning(t *testing.T) {
	d := mustParse(t, Resource, `{"Statement": {"Effect": "Deny", "Principal": {"AWS": "111122223333", "Service": ["a", "b"]},
		"NotAction": "s3:Get", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": false}}}}`)
	require.Equal(t, `{"Statement":[{"Effect":"Deny","Principal":{"AWS":["111122223333"],"Service":["a","b"]},"NotAction":["s3:Get"],`+
		`"Resource":["*"],"Condition":{"Bool":{"aws:SecureTransport":["false"]}}}]}`, d.JSON())
	for name, kind := range canonical {
		once := fixture(t, name).JSON()
		require.Equal(t, once, mustParse(t, kind, once).JSON())
	}
}
