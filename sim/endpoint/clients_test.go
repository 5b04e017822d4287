package endpoint_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/iam"
)

// office is a lab with the real relying party, an administrator and its key.
type office struct {
	*iam.Service
	key     aws.Credentials
	address string
	*endpoint.Authority
}

func newOffice(t testing.TB) *office {
	o := &office{Service: newService(t, time.Now()), Authority: newAuthority(t)}
	root := iam.Caller{UserID: iam.Root, ARN: "arn:aws:iam::123456789012:root"}
	do := func(action string) any {
		result, err := o.Do(t.Context(), iam.Call{Service: "iam", Action: action, Caller: root, Now: time.Now(), Wall: time.Now(),
			Params: url.Values{"UserName": {"admin"}, "PolicyArn": {"arn:aws:iam::aws:policy/AdministratorAccess"}}})
		require.NoError(t, err)
		return result
	}
	do("CreateUser")
	do("AttachUserPolicy")
	b, err := xml.Marshal(do("CreateAccessKey"))
	require.NoError(t, err)
	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	require.NoError(t, xml.Unmarshal(b, &made))
	o.key = aws.Credentials{AccessKeyID: made.AccessKey.AccessKeyId, SecretAccessKey: made.AccessKey.SecretAccessKey}
	now := func() (time.Time, time.Time) { n := time.Now(); return n, n }
	o.address, _ = start(t, endpoint.New(endpoint.Config{IAM: o.Service, Clock: now, Authority: o.Authority}))
	return o
}

func (o *office) config(key aws.Credentials, c aws.HTTPClient) aws.Config {
	return aws.Config{Region: "eu-north-1", HTTPClient: c, RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: key}}
}

// TestTheGoSDK drives the real relying party with the real SDK, by an endpoint of its own and through the proxy.
func TestTheGoSDK(t *testing.T) {
	for _, way := range []string{"endpoint", "proxy", "proxy, HTTP/2"} {
		t.Run(way, func(t *testing.T) {
			o := newOffice(t)
			cfg := o.config(o.key, http.DefaultClient)
			if way == "endpoint" {
				cfg.BaseEndpoint = aws.String("http://" + o.address)
			} else {
				cfg.HTTPClient = through(t, o.address, o.Authority, way != "proxy")
			}
			ctx := context.Background()
			who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
			require.NoError(t, err)
			require.Equal(t, "arn:aws:iam::123456789012:user/admin", *who.Arn)
			require.Equal(t, "123456789012", *who.Account)

			users := sdkiam.NewFromConfig(cfg)
			made, err := users.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: aws.String("bob"), Path: aws.String("/a b/")})
			requireCode(t, err, "ValidationError")
			require.Nil(t, made)
			made, err = users.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: aws.String("bob"), Path: aws.String("/x&y'/")})
			require.NoError(t, err)
			require.Equal(t, "/x&y'/", *made.User.Path)
			list, err := users.ListUsers(ctx, nil)
			require.NoError(t, err)
			require.Len(t, list.Users, 2)
			_, err = users.DeleteUser(ctx, &sdkiam.DeleteUserInput{UserName: aws.String("bob")})
			require.NoError(t, err)
			_, err = users.GetCredentialReport(ctx, nil)
			requireCode(t, err, "ReportNotPresent")

			session, err := sts.NewFromConfig(cfg).GetSessionToken(ctx, nil)
			require.NoError(t, err)
			cfg.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId,
				*session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
			who, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
			require.NoError(t, err)
			require.Equal(t, "arn:aws:iam::123456789012:user/admin", *who.Arn)
			_, err = sdkiam.NewFromConfig(cfg).ListUsers(ctx, nil)
			requireCode(t, err, "InvalidClientTokenId")

			cfg.Credentials = credentials.NewStaticCredentialsProvider(o.key.AccessKeyID, "wrong", "")
			_, err = sdkiam.NewFromConfig(cfg).ListUsers(ctx, nil)
			requireCode(t, err, "SignatureDoesNotMatch")
		})
	}
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.ErrorCode(), "%v", err)
}

// TestTheUnmodifiedCLI runs Debian's aws CLI, which knows no AWS_ENDPOINT_URL, with nothing but the proxy.
func TestTheUnmodifiedCLI(t *testing.T) {
	const cli = "/usr/bin/aws"
	if _, err := os.Stat(cli); err != nil {
		if os.Getenv("MFALAB_CLIENTS") != "required" {
			t.Skip("the aws CLI is not installed: run with MFALAB_CLIENTS=required to make that a failure")
		}
		t.Fatal("the aws CLI is not installed: apt-get install awscli")
	}
	o := newOffice(t)
	dir := t.TempDir()
	bundle := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(bundle, o.CertificatePEM(), 0o600))
	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, cli, args...)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "AWS_PAGER=", "AWS_REGION=eu-north-1", "AWS_MAX_ATTEMPTS=1",
			"AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=" + o.key.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + o.key.SecretAccessKey,
			"HTTPS_PROXY=http://" + o.address, "AWS_CA_BUNDLE=" + bundle}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
	require.NoError(t, err, out)
	require.Equal(t, "arn:aws:iam::123456789012:user/admin\n", out)

	out, err = run("iam", "get-user", "--user-name", "no&body")
	require.Error(t, err)
	require.Contains(t, out, "(ValidationError) when calling the GetUser operation")
	require.Contains(t, out, ": 1 validation error detected: Value at 'userName' failed to satisfy constraint")

	out, err = run("sqs", "list-queues")
	require.Error(t, err)
	require.Contains(t, out, "sqs is not among the services of mfalab: it serves IAM, STS, ")
}

func BenchmarkGetCallerIdentity(b *testing.B) {
	o := newOffice(b)
	client := sts.NewFromConfig(o.config(o.key, nil), func(c *sts.Options) { c.BaseEndpoint = aws.String("http://" + o.address) })
	b.Run("SDK", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.GetCallerIdentity(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	// Without a client's own work: one presigned request again and again on one connection, and the same connection with
	// nothing to do, for comparison.
	presigned, err := sts.NewPresignClient(client).PresignGetCallerIdentity(b.Context(), nil)
	require.NoError(b, err)
	for _, target := range []struct {
		name, url string
		status    int
	}{{"presigned", presigned.URL, 200}, {"404", fmt.Sprintf("http://%s/none", o.address), 404}} {
		b.Run(target.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.Get(target.url)
				if err != nil || r.StatusCode != target.status {
					b.Fatal(r, err)
				}
				read(b, r, nil)
			}
		})
	}
}
