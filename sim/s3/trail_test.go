package s3_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/trail"
)

// records returns the account's records of S3, one a line, without what every run has anew.
func (l *lab) records() string {
	l.t.Helper()
	events, _, err := l.service.EventsAfter(l.t.Context(), trail.Filter{By: trail.EventSource, Value: "s3.amazonaws.com"}, 0, 0)
	require.NoError(l.t, err)
	var b strings.Builder
	for _, e := range events {
		b.WriteString(e.Record(l.service.Account()).JSON() + "\n")
	}
	for _, each := range [][2]string{
		{`"(requestID|x-amz-id-2)":"[^"]*"`, `"$1":"ID"`}, {`"userAgent":"[^"]*"`, `"userAgent":"client"`},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:8776"}, {`,"x-id":"[^"]*"`, ""},
		{`"bytesTransferredIn":\d+`, `"bytesTransferredIn":0`},
	} {
		b2 := regexp.MustCompile(each[0]).ReplaceAllString(b.String(), each[1])
		b.Reset()
		b.WriteString(b2)
	}
	return b.String()
}

// TestS3InTheTrail plays MFA delete and compares what the trail says of it. No code is in it, on whichever side of the space.
func TestS3InTheTrail(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", true)
	one := l.code()
	l.send("PUT", "/records?versioning", turnOn, nil, 403)
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": "424242 313131"}, 400)
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": one}, 200)
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": one}, 400)
	l.send("GET", "/records?versioning", "", nil, 200)
	version := *put(t, root, "records", "a/b c", "hello").VersionId
	require.Equal(t, "hello", content(t, root, "records", "a/b c"))
	_, err := root.DeleteObject(t.Context(), &client.DeleteObjectInput{Bucket: aws.String("records"), Key: aws.String("a/b c"), VersionId: &version})
	require.Error(t, err)
	two := l.code()
	_, err = root.DeleteObject(t.Context(), &client.DeleteObjectInput{Bucket: aws.String("records"), Key: aws.String("a/b c"), VersionId: &version, MFA: &two})
	require.NoError(t, err)
	_, err = root.ListObjectsV2(t.Context(), &client.ListObjectsV2Input{Bucket: aws.String("records"), Prefix: aws.String("a/")})
	require.NoError(t, err)
	l.send("PUT", "/records?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject",`+
		`"Resource":"arn:aws:s3:::records/*","Condition":{"Null":{"aws:MultiFactorAuthAge":"true"}}}]}`, nil, 204)
	seen := l.records()
	for _, code := range []string{one[len(l.serial)+1:], two[len(l.serial)+1:], "424242", "313131"} {
		require.NotContains(t, seen, code)
		for _, d := range l.recorded {
			require.NotContains(t, d.Params, iam.Fact{Name: "SerialNumber", Value: code})
		}
	}
	file := filepath.Join("testdata", "trail.jsonl")
	if os.Getenv("MFALAB_UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(seen), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), seen)
}

// TestDataEventsAreNotLookedUp holds that LookupEvents finds what was done to buckets, and nothing about objects.
func TestDataEventsAreNotLookedUp(t *testing.T) {
	l := newLab(t)
	put(t, l.bucket("records", false), "records", "a", "hello")
	found := l.do("cloudtrail", "LookupEvents", "AttributeKey", "ResourceName", "AttributeValue", "records").(iam.LookedUp)
	require.Len(t, found.Events, 1)
	require.Equal(t, "CreateBucket", found.Events[0].Name)
	require.Contains(t, l.records(), `"eventName":"PutObject"`)
}

// TestNobodyInTheTrail records who did not say who it is.
func TestNobodyInTheTrail(t *testing.T) {
	l := newLab(t)
	l.bucket("records", false)
	unsigned := l.request("GET", "/a", "", nil)
	unsigned.Host = "records.s3.us-east-1.amazonaws.com"
	response, err := http.DefaultClient.Do(unsigned)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 403, response.StatusCode)
	lines := strings.Split(strings.TrimSpace(l.records()), "\n")
	var r trail.Record
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r))
	require.Equal(t, trail.UserIdentity{Type: "AWSAccount", AccountID: "ANONYMOUS_PRINCIPAL"}, r.UserIdentity)
	require.Equal(t, "AccessDenied", r.ErrorCode)
}

// noTrail is a store that has no room for events.
type noTrail struct {
	iam.Store
	full bool
}

type noTrailTx struct{ iam.Tx }

var errFull = errors.New("the disk is full")

func (s *noTrail) Update(ctx context.Context, f func(iam.Tx) error) error {
	return s.Store.Update(ctx, s.in(f))
}
func (s *noTrail) Note(ctx context.Context, f func(iam.Tx) error) error {
	return s.Store.Note(ctx, s.in(f))
}

func (s *noTrail) in(f func(iam.Tx) error) func(iam.Tx) error {
	return func(tx iam.Tx) error {
		if s.full {
			tx = noTrailTx{tx}
		}
		return f(tx)
	}
}

func (tx noTrailTx) Put(kind, key string, value []byte) error {
	if kind == "trail" {
		return errFull
	}
	return tx.Tx.Put(kind, key, value)
}

// TestATrailThatCannotBeWrittenStopsTheCall holds for what reads, for what changes and for what is refused.
func TestATrailThatCannotBeWrittenStopsTheCall(t *testing.T) {
	store := &noTrail{}
	l := newLabOn(t, func(s iam.Store) iam.Store { store.Store = s; return store })
	root := l.bucket("records", true)
	put(t, root, "records", "a", "hello")
	store.full = true
	require.Contains(t, l.send("GET", "/records/a", "", nil, 500), "<Code>InternalError</Code>")
	require.NotContains(t, l.send("GET", "/records?list-type=2", "", nil, 500), "hello")
	l.send("PUT", "/records/b", "new", nil, 500)
	l.send("PUT", "/records?versioning", turnOn, nil, 500)
	store.full = false
	l.send("GET", "/records/b", "", nil, 404)
	require.Equal(t, 1, l.files(), "the content of what was not done is gone")
}
