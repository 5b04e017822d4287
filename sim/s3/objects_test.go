package s3_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/s3"
)

// TestVersioningOfObjects takes one object through a bucket without versioning, with it, and with it suspended.
func TestVersioningOfObjects(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", false)
	require.Nil(t, put(t, root, "records", "a", "plain").VersionId)
	require.Nil(t, put(t, root, "records", "a", "plain again").VersionId)
	require.Equal(t, 1, l.files(), "the first content is gone")
	l.send("PUT", "/records?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`, nil, 200)
	first := *put(t, root, "records", "a", "one").VersionId
	require.Len(t, first, 32)
	del, err := root.DeleteObject(t.Context(), &client.DeleteObjectInput{Bucket: aws.String("records"), Key: aws.String("a")})
	require.NoError(t, err)
	require.True(t, *del.DeleteMarker)
	_, err = root.GetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("records"), Key: aws.String("a")})
	require.Contains(t, refused(t, err), "NoSuchKey: ")
	_, err = root.GetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("records"), Key: aws.String("a"), VersionId: del.VersionId})
	require.Contains(t, refused(t, err), "MethodNotAllowed: ")
	l.send("PUT", "/records?versioning", `<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`, nil, 200)
	require.Equal(t, "null", *put(t, root, "records", "a", "suspended").VersionId)
	list, err := root.ListObjectVersions(t.Context(), &client.ListObjectVersionsInput{Bucket: aws.String("records")})
	require.NoError(t, err)
	var got []string
	for _, v := range list.Versions {
		got = append(got, *v.VersionId, fmt.Sprint(*v.IsLatest))
	}
	require.Equal(t, []string{"null", "true", first, "false"}, got, "the null version of before versioning was replaced")
	require.Len(t, list.DeleteMarkers, 1)
	// The marker taken away, and what is on top of it, the version below shows again.
	for _, id := range []string{"null", *del.VersionId} {
		_, err := root.DeleteObject(t.Context(), &client.DeleteObjectInput{Bucket: aws.String("records"), Key: aws.String("a"), VersionId: &id})
		require.NoError(t, err)
	}
	require.Equal(t, "one", content(t, root, "records", "a"))
	_, err = root.GetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("records"), Key: aws.String("a"), VersionId: aws.String(strings.Repeat("x", 32))})
	require.Contains(t, refused(t, err), "NoSuchVersion: ")
	_, err = root.GetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("records"), Key: aws.String("a"), VersionId: aws.String("1")})
	require.Contains(t, refused(t, err), "InvalidArgument: Invalid version id specified")
}

// TestListsComeInPages compares every page length with what is there, for keys that share beginnings and hold oddities.
func TestListsComeInPages(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", true)
	keys := []string{"a", "a b", "a/1", "a/2", "a/b/1", "b", "c/1", "c/2", "z", "ü&<>"}
	for _, k := range keys {
		put(t, root, "records", k, "1")
		put(t, root, "records", k, "2")
	}
	for size := range int32(len(keys) + 1) {
		var got, folders, versions []string
		for p := client.NewListObjectsV2Paginator(root, &client.ListObjectsV2Input{Bucket: aws.String("records"), MaxKeys: aws.Int32(size + 1)}); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			require.NoError(t, err)
			for _, o := range page.Contents {
				got = append(got, *o.Key)
			}
		}
		require.Equal(t, keys, got, "pages of %d", size+1)
		for p := client.NewListObjectsV2Paginator(root, &client.ListObjectsV2Input{Bucket: aws.String("records"), Delimiter: aws.String("/"),
			MaxKeys: aws.Int32(size + 1)}); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			require.NoError(t, err)
			for _, o := range page.Contents {
				folders = append(folders, *o.Key)
			}
			for _, o := range page.CommonPrefixes {
				folders = append(folders, *o.Prefix)
			}
		}
		require.ElementsMatch(t, []string{"a", "a b", "a/", "b", "c/", "ü&<>", "z"}, folders, "pages of %d", size+1)
		for p := client.NewListObjectVersionsPaginator(root, &client.ListObjectVersionsInput{Bucket: aws.String("records"),
			MaxKeys: aws.Int32(size + 1), Prefix: aws.String("a")}); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			require.NoError(t, err)
			for _, o := range page.Versions {
				versions = append(versions, *o.Key)
			}
		}
		require.Equal(t, []string{"a", "a", "a b", "a b", "a/1", "a/1", "a/2", "a/2", "a/b/1", "a/b/1"}, versions, "pages of %d", size+1)
	}
}

// TestTheBucketPolicyOfTheGuide has both examples of the policy: no MFA, and one that is older than an hour.
func TestTheBucketPolicyOfTheGuide(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", false)
	put(t, root, "records", "taxes/a", "a")
	put(t, root, "records", "free", "b")
	text, err := os.ReadFile("../../docs/policies/6-bucket-mfa.json")
	require.NoError(t, err)
	_, err = root.PutBucketPolicy(t.Context(), &client.PutBucketPolicyInput{Bucket: aws.String("records"), Policy: aws.String(string(text))})
	require.NoError(t, err)
	got, err := root.GetBucketPolicy(t.Context(), &client.GetBucketPolicyInput{Bucket: aws.String("records")})
	require.NoError(t, err)
	require.Equal(t, string(text), *got.Policy)

	l.do("iam", "CreateUser", "UserName", "alice")
	key := l.key("alice")
	l.serial, l.seed = l.device("alice")
	l.enrol("iam", "UserName", "alice")
	session := func(mfa bool) aws.Credentials {
		_, caller, err := l.service.Credential(t.Context(), key.AccessKeyID, "", l.at())
		require.NoError(t, err)
		form := map[string][]string{}
		if mfa {
			_, code, _ := strings.Cut(l.code(), " ")
			form = map[string][]string{"SerialNumber": {l.serial}, "TokenCode": {code}}
		}
		out, err := l.service.Do(t.Context(), iam.Call{Service: "sts", Action: "GetSessionToken", Params: form, Caller: caller, Now: l.at(), Wall: time.Now()})
		require.NoError(t, err)
		c := reflect.ValueOf(out).FieldByName("Credentials")
		return aws.Credentials{AccessKeyID: c.FieldByName("AccessKeyID").String(), SecretAccessKey: c.FieldByName("SecretAccessKey").String(),
			SessionToken: c.FieldByName("SessionToken").String()}
	}
	with := session(true)
	for name, c := range map[string]aws.Credentials{"access key": key, "session without MFA": session(false)} {
		require.Equal(t, "b", content(t, l.as(c), "records", "free"), name)
		_, err := l.as(c).GetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("records"), Key: aws.String("taxes/a")})
		require.Equal(t, `AccessDenied: User: arn:aws:iam::123456789012:user/alice is not authorized to perform: s3:GetObject on resource: `+
			`"arn:aws:s3:::records/taxes/a" with an explicit deny in a resource-based policy`, refused(t, err), name)
	}
	require.Equal(t, "a", content(t, l.as(with), "records", "taxes/a"))
	l.advance(time.Hour + time.Second)
	_, err = l.as(with).GetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("records"), Key: aws.String("taxes/a")})
	require.Contains(t, refused(t, err), "AccessDenied: ", "the MFA is older than an hour")
	_, err = l.as(key).PutObject(t.Context(), &client.PutObjectInput{Bucket: aws.String("records"), Key: aws.String("free"), Body: strings.NewReader("x")})
	require.Contains(t, refused(t, err), "AccessDenied: ", "nothing allows it")

	_, err = root.PutBucketPolicy(t.Context(), &client.PutBucketPolicyInput{Bucket: aws.String("records"),
		Policy: aws.String(strings.ReplaceAll(string(text), "arn:aws:s3:::records/", "arn:aws:s3:::others/"))})
	require.Equal(t, "MalformedPolicy: Policy has invalid resource", refused(t, err))
	_, err = root.PutBucketPolicy(t.Context(), &client.PutBucketPolicyInput{Bucket: aws.String("records"), Policy: aws.String("{")})
	require.Contains(t, refused(t, err), "MalformedPolicy: ")
}

// TestPartsAreJoined uploads in parts; parts that were not completed go with an abort, and by a sweep after a crash.
func TestPartsAreJoined(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", false)
	name, key := aws.String("records"), aws.String("big")
	begin := func() *string {
		up, err := root.CreateMultipartUpload(t.Context(), &client.CreateMultipartUploadInput{Bucket: name, Key: key})
		require.NoError(t, err)
		return up.UploadId
	}
	id := begin()
	var done types.CompletedMultipartUpload
	for i, size := range []int{5 << 20, 10} {
		out, err := root.UploadPart(t.Context(), &client.UploadPartInput{Bucket: name, Key: key, UploadId: id, PartNumber: aws.Int32(int32(i + 1)),
			Body: strings.NewReader(strings.Repeat(fmt.Sprint(i), size))})
		require.NoError(t, err)
		done.Parts = append(done.Parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(int32(i + 1))})
	}
	swapped := types.CompletedMultipartUpload{Parts: []types.CompletedPart{done.Parts[1], done.Parts[0]}}
	_, err := root.CompleteMultipartUpload(t.Context(), &client.CompleteMultipartUploadInput{Bucket: name, Key: key, UploadId: id, MultipartUpload: &swapped})
	require.Contains(t, refused(t, err), "InvalidPartOrder: ")
	_, err = root.CompleteMultipartUpload(t.Context(), &client.CompleteMultipartUploadInput{Bucket: name, Key: key, UploadId: id, MultipartUpload: &done})
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("0", 5<<20)+strings.Repeat("1", 10), content(t, root, "records", "big"))
	require.Equal(t, 1, l.files())

	id = begin()
	_, err = root.UploadPart(t.Context(), &client.UploadPartInput{Bucket: name, Key: key, UploadId: id, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.dir+"/00000000000000000000000000000000", []byte("stray"), 0o600))
	require.NoError(t, s3.Sweep(t.Context(), l.store, l.folder))
	require.Equal(t, 2, l.files(), "a stray goes, the part of an open upload stays")
	_, err = root.AbortMultipartUpload(t.Context(), &client.AbortMultipartUploadInput{Bucket: name, Key: key, UploadId: id})
	require.NoError(t, err)
	require.Equal(t, 1, l.files())
}
