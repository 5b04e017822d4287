package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

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
