package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

// TestTheGoSDKSignsIn drives a running lab with the AWS SDK for Go, configured by nothing but its address and keys.
func TestTheGoSDKSignsIn(t *testing.T) {
	dir, owner := detached(t)
	press := func(serial string) *string {
		status, code, errs := output(t, program(t, dir, "fob", "press", serial, "--next"))
		require.Zero(t, status, errs)
		return aws.String(strings.TrimSpace(code))
	}
	lab, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(live.Region), config.WithBaseEndpoint(owner.URL),
		config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil))
	require.NoError(t, err)
	as := func(id, secret, token string) aws.Config {
		c := lab.Copy()
		c.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
		return c
	}
	keys := adminKeys(t, dir)
	admin := iam.NewFromConfig(as(keys.AccessKeyID, keys.SecretAccessKey, ""))

	_, err = admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("carol")})
	require.NoError(t, err)
	_, serial, _ := output(t, program(t, dir, "fob", "new"))
	serial = strings.TrimSpace(serial)
	_, err = admin.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{UserName: aws.String("carol"), SerialNumber: &serial,
		AuthenticationCode1: press(serial), AuthenticationCode2: press(serial)})
	require.NoError(t, err)
	made, err := admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("carol")})
	require.NoError(t, err)

	carol := sts.NewFromConfig(as(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, ""))
	code := press(serial)
	got, err := carol.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: &serial, TokenCode: code})
	require.NoError(t, err)
	who, err := sts.NewFromConfig(as(*got.Credentials.AccessKeyId, *got.Credentials.SecretAccessKey, *got.Credentials.SessionToken)).
		GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	require.Equal(t, "arn:aws:iam::123456789012:user/carol", *who.Arn)

	_, err = carol.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: &serial, TokenCode: code})
	var refusal smithy.APIError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "AccessDenied", refusal.ErrorCode())
	require.Equal(t, "MultiFactorAuthentication failed with invalid MFA one time pass code. ", refusal.ErrorMessage())
}

// TestOneCodeIsGoodOnceOnTheWire has sixty-four clients of a running lab send one code at once: through HTTP, signatures
// and the durable store exactly one of them gets a session.
func TestOneCodeIsGoodOnceOnTheWire(t *testing.T) {
	const racers, rounds = 64, 10
	dir := t.TempDir()
	plan := filepath.Join(dir, "plan.json")
	require.NoError(t, os.WriteFile(plan, []byte(`{"fobs":[{"serial":"GAHT00000001"}],"users":[{"name":"dave","accessKey":true,"fobs":["GAHT00000001"]}]}`), 0o600))
	home, owner := detached(t, "--init", plan)
	lab := control.Dial(owner.URL, owner.Token)
	var keys live.Credentials
	require.NoError(t, lab.Get(t.Context(), "/v1/credentials", &keys))
	dave := sts.New(sts.Options{Region: live.Region, BaseEndpoint: &owner.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keys.Users["dave"].AccessKeyID, keys.Users["dave"].SecretAccessKey, "")})
	for round := range rounds {
		status, code, errs := output(t, program(t, home, "fob", "press", "GAHT00000001", "--next"))
		require.Zero(t, status, errs)
		var won atomic.Int64
		var all sync.WaitGroup
		start := make(chan struct{})
		for range racers {
			all.Go(func() {
				<-start
				_, err := dave.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: aws.String("GAHT00000001"),
					TokenCode: aws.String(strings.TrimSpace(code))})
				if err == nil {
					won.Add(1)
				}
			})
		}
		close(start)
		all.Wait()
		require.EqualValues(t, 1, won.Load(), "round %d", round)
	}
}
