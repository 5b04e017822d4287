package s3_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
)

const turnOn = `<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>`

// TestTheHeaderMalformed has the header in more than ten ways in which it is none; none of them reaches the device.
func TestTheHeaderMalformed(t *testing.T) {
	l := newLab(t)
	l.bucket("records", true)
	for name, header := range map[string]string{
		"empty": "", "the serial alone": "GAHT12345678", "the code alone": "123456", "two spaces": "GAHT12345678  123456",
		"a tab": "GAHT12345678\t123456", "a comma": "GAHT12345678,123456", "a third word": "GAHT12345678 123 456", "letters for a code": "GAHT12345678 abcdef",
		"a sign": "GAHT12345678 -12345", "digits of another script": "GAHT12345678 １２３４５６", "a serial of other characters": "GAHT<12345678> 123456",
		"a serial too long": strings.Repeat("x", 257) + " 123456", "a code too long": "GAHT12345678 " + strings.Repeat("1", 17), "the code first": "123456 GAHT12345678",
	} {
		body := l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": header}, 400)
		require.Contains(t, body, "<Code>InvalidArgument</Code><Message>Mfa header is invalid -- the header should be formatted as "+
			"{serialNumber}(space){tokenCode}</Message><ArgumentName>x-amz-mfa</ArgumentName>", name)
	}
	require.NotContains(t, l.send("GET", "/records?versioning", "", nil, 200), "MfaDelete")
	for _, d := range l.recorded {
		require.NotEqual(t, "code", d.Rule)
	}
	// A code of another length is one that the device does not have.
	require.Contains(t, l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": l.serial + " 12345"}, 400), "TokenCodeInvalidError")
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": l.code()}, 200)
}

// TestVersionsGoWithOneCodeEach deletes many versions in virtual time: each needs a code of its own.
func TestVersionsGoWithOneCodeEach(t *testing.T) {
	const n = 20
	l := newLab(t)
	root := l.bucket("records", true)
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": l.code()}, 200)
	var versions []string
	for i := range n {
		versions = append(versions, *put(t, root, "records", "a", fmt.Sprint(i)).VersionId)
	}
	began, code := l.at(), l.code()
	for i, v := range versions {
		in := &client.DeleteObjectInput{Bucket: aws.String("records"), Key: aws.String("a"), VersionId: &v, MFA: &code}
		_, err := root.DeleteObject(t.Context(), in)
		if i > 0 { // the code is used up
			require.Equal(t, "TokenCodeInvalidError: The serial number and/or token code you provided is not valid.", refused(t, err))
			code = l.code()
			_, err = root.DeleteObject(t.Context(), in)
		}
		require.NoError(t, err)
	}
	require.Equal(t, n*30*time.Second, l.at().Sub(began))
	require.Zero(t, l.files())
}

// TestOneCodeDeletesOnce has many delete different versions with one code at once.
func TestOneCodeDeletesOnce(t *testing.T) {
	const n = 16
	l := newLab(t)
	root := l.bucket("records", true)
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": l.code()}, 200)
	var versions []string
	for i := range n {
		versions = append(versions, *put(t, root, "records", "a", fmt.Sprint(i)).VersionId)
	}
	code := l.code()
	var won atomic.Int64
	var all sync.WaitGroup
	for _, v := range versions {
		all.Go(func() {
			_, err := root.DeleteObject(t.Context(), &client.DeleteObjectInput{Bucket: aws.String("records"), Key: aws.String("a"), VersionId: &v, MFA: &code})
			if err == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	list, err := root.ListObjectVersions(t.Context(), &client.ListObjectVersionsInput{Bucket: aws.String("records")})
	require.NoError(t, err)
	require.Len(t, list.Versions, n-1)
}

// TestManyVersionsGoWithOneCode: one DeleteObjects needs one code, and fails as a whole without.
func TestManyVersionsGoWithOneCode(t *testing.T) {
	l := newLab(t)
	root := l.bucket("records", true)
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": l.code()}, 200)
	in := &client.DeleteObjectsInput{Bucket: aws.String("records"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("plain")}}}}
	put(t, root, "records", "plain", "x")
	for i := range 5 {
		out := put(t, root, "records", "a", fmt.Sprint(i))
		in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: aws.String("a"), VersionId: out.VersionId})
	}
	_, err := root.DeleteObjects(t.Context(), in)
	require.Equal(t, "AccessDenied: Mfa Authentication must be used for this request", refused(t, err))
	require.Equal(t, "x", content(t, root, "records", "plain"), "nothing of it was done")
	in.MFA = aws.String(l.code())
	out, err := root.DeleteObjects(t.Context(), in)
	require.NoError(t, err)
	require.Len(t, out.Deleted, 6)
	// A delete that only marks needs none.
	in.MFA, in.Delete.Objects = nil, in.Delete.Objects[:1]
	_, err = root.DeleteObjects(t.Context(), in)
	require.NoError(t, err)
}

// TestNoRecordHasTheCode looks for codes, right and wrong ones, in everything that was recorded and stored.
func TestNoRecordHasTheCode(t *testing.T) {
	l := newLab(t)
	l.bucket("records", true)
	other, _ := l.device("other")
	code := l.code()
	for _, header := range []string{other + " 918273", l.serial + " 918273", "nobody's 918273"} {
		body := l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": header}, 400)
		if strings.HasPrefix(header, other) {
			require.Contains(t, body, "that generated token 918273 is not owned by the authenticated user.")
		}
	}
	l.send("PUT", "/records?versioning", turnOn, map[string]string{"X-Amz-Mfa": code}, 200)
	_, digits, _ := strings.Cut(code, " ")
	l.recorded = append(l.recorded[:0:0], l.recorded[6:]...) // behind the enrolment
	text := fmt.Sprintf("%+v", l.recorded)
	for _, d := range l.recorded {
		text += fmt.Sprint(d.Err, d.Params, d.Facts)
	}
	require.NotContains(t, text, "918273")
	require.NotContains(t, text, digits)
	require.Contains(t, text, "PutBucketVersioning")
	snapshot, err := l.service.Snapshot(t.Context())
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprint(snapshot), "918273")
}
