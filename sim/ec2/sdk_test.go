package ec2_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/ec2"
	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/trail"
)

const (
	fob     = "GAHT00000001"
	fobSeed = "the seed of the fob number 1"
	// fobText is the same in base32, as pquerna/otp takes it.
	fobText = "ORUGKIDTMVSWIIDPMYQHI2DFEBTG6YRANZ2W2YTFOIQDC"
)

// protecting is the policy of the articles: instances in production are terminated within five minutes of MFA, others freely.
const protecting = `{"Version": "2012-10-17", "Statement": [
	{"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:TerminateInstances"], "Resource": "*"},
	{"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
	{"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*", "Condition": {"StringEquals": {"ec2:CreateAction": "RunInstances"}}},
	{"Effect": "Deny", "Action": "ec2:TerminateInstances", "Resource": "*", "Condition": {
		"StringEquals": {"aws:ResourceTag/stage": "production"}, "NumericGreaterThanIfExists": {"aws:MultiFactorAuthAge": "300"}}}]}`

// A region is an account behind the lab's port with its administrator, and alice, who has a fob and that policy.
type region struct {
	t       *testing.T
	service *iam.Service
	url     string
	now     time.Time
	admin   *client.Client
	alice   aws.Credentials
}

func newRegion(t *testing.T) *region {
	r := &region{t: t, now: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}
	var err error
	r.service, err = iam.New(t.Context(), iam.Config{Store: memory.New(), Chance: sim.NewChance([]byte("ec2"))}, r.now)
	require.NoError(t, err)
	server := httptest.NewServer(endpoint.New(endpoint.Config{IAM: r.service, Clock: func() (time.Time, time.Time) { return r.now, time.Now() },
		Beside: map[string]endpoint.Beside{"ec2": ec2.New(r.service)}}))
	t.Cleanup(server.Close)
	r.url = server.URL
	r.admin = r.as(r.user("admin"))
	r.do("AttachUserPolicy", "UserName", "admin", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
	r.alice = r.user("alice")
	r.do("PutUserPolicy", "UserName", "alice", "PolicyName", "protecting", "PolicyDocument", protecting)
	require.NoError(t, r.service.Stock(t.Context(), []iam.HardwareDevice{{Serial: fob, Seed: []byte(fobSeed)}}))
	one := r.code()
	r.do("EnableMFADevice", "UserName", "alice", "SerialNumber", fob, "AuthenticationCode1", one, "AuthenticationCode2", r.code())
	return r
}

// do calls the relying party as root.
func (r *region) do(action string, params ...string) any {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	out, err := r.service.Do(r.t.Context(), iam.Call{Service: "iam", Action: action, Params: form, Caller: r.service.RootCaller(), Now: r.now, Wall: time.Now()})
	require.NoError(r.t, err, action)
	return out
}

// user makes a user and returns its access key.
func (r *region) user(name string) aws.Credentials {
	r.do("CreateUser", "UserName", name)
	id, secret := r.do("CreateAccessKey", "UserName", name).(interface{ Credential() (string, string) }).Credential()
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
}

// code is the fob's next code: half a minute passes.
func (r *region) code() string {
	r.now = r.now.Add(30 * time.Second)
	code, err := totp.GenerateCode(fobText, r.now)
	require.NoError(r.t, err)
	return code
}

func (r *region) as(c aws.Credentials) *client.Client {
	return client.New(client.Options{Region: "us-east-1", BaseEndpoint: &r.url, RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: c}})
}

// session is alice's with MFA.
func (r *region) session() *client.Client {
	got, err := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &r.url, RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: r.alice}}).
		GetSessionToken(r.t.Context(), &sts.GetSessionTokenInput{SerialNumber: aws.String(fob), TokenCode: aws.String(r.code())})
	require.NoError(r.t, err)
	c := got.Credentials
	return r.as(aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken})
}

// run starts an instance with that tag, none for "".
func run(t *testing.T, c *client.Client, stage string) (string, error) {
	in := &client.RunInstancesInput{ImageId: aws.String("ami-12345678"), InstanceType: types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
	if stage != "" {
		in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeInstance,
			Tags: []types.Tag{{Key: aws.String("stage"), Value: &stage}}}}
	}
	out, err := c.RunInstances(t.Context(), in)
	if err != nil {
		return "", err
	}
	require.Len(t, out.Instances, 1)
	require.Equal(t, types.InstanceStateNamePending, out.Instances[0].State.Name)
	return *out.Instances[0].InstanceId, nil
}

// refusal is the code of what c says to the end of an instance, "" where it ends.
func refusal(t *testing.T, c *client.Client, id string) string {
	out, err := c.TerminateInstances(t.Context(), &client.TerminateInstancesInput{InstanceIds: []string{id}})
	if err == nil {
		require.Equal(t, types.InstanceStateNameShuttingDown, out.TerminatingInstances[0].CurrentState.Name)
		return ""
	}
	var e smithy.APIError
	require.ErrorAs(t, err, &e)
	return e.ErrorCode()
}

// TestTheGoSDKTerminatesInstancesWithFreshMFA plays the article's example with the AWS SDK for Go, and compares what the
// trail has of it.
func TestTheGoSDKTerminatesInstancesWithFreshMFA(t *testing.T) {
	r := newRegion(t)
	production, err := run(t, r.admin, "production")
	require.NoError(t, err)
	play, err := run(t, r.admin, "")
	require.NoError(t, err)
	key := r.as(r.alice)
	_, err = run(t, key, "")
	require.ErrorContains(t, err, "UnauthorizedOperation", "to start one takes MFA")
	require.Equal(t, "UnauthorizedOperation", refusal(t, key, production))
	require.Empty(t, refusal(t, key, play))
	require.Equal(t, "InvalidInstanceID.NotFound", refusal(t, key, "i-00000000000000000"))

	session := r.session()
	started, err := run(t, session, "production")
	require.NoError(t, err)
	r.now = r.now.Add(301 * time.Second)
	require.Equal(t, "UnauthorizedOperation", refusal(t, session, production), "five minutes are over")
	_, err = r.session().CreateTags(t.Context(), &client.CreateTagsInput{Resources: []string{production}, Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("play")}}})
	require.ErrorContains(t, err, "UnauthorizedOperation", "the tag that protects is not hers to change")
	require.Empty(t, refusal(t, r.session(), production))
	pages := client.NewDescribeInstancesPaginator(key, &client.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("tag:stage"), Values: []string{"production"}}, {Name: aws.String("instance-state-name"), Values: []string{"running"}}}})
	page, err := pages.NextPage(t.Context())
	require.NoError(t, err)
	require.Len(t, page.Reservations, 1)
	require.Equal(t, started, *page.Reservations[0].Instances[0].InstanceId)

	compare(t, r)
}

// drawn is what is another thing in every run of the test, or with every release of the SDK.
var drawn = regexp.MustCompile(`((?:"(?:userAgent|requestID|requestId)": "|failure message: ))[^"]*`)

// compare holds the records of EC2 against testdata/trail.json.
func compare(t *testing.T, r *region) {
	events, _, err := r.service.EventsAfter(t.Context(), trail.Filter{By: trail.EventSource, Value: "ec2.amazonaws.com"}, 0, 0)
	require.NoError(t, err)
	records := make([]trail.Record, len(events))
	for i, e := range events {
		records[i] = e.Record(r.service.Account())
	}
	b, err := json.MarshalIndent(records, "", "  ")
	require.NoError(t, err)
	got := drawn.ReplaceAllString(string(b), "$1*") + "\n"
	if os.Getenv("MFALAB_UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile("testdata/trail.json", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/trail.json")
	require.NoError(t, err)
	require.Equal(t, string(want), got)
	require.False(t, strings.Contains(got, r.alice.SecretAccessKey))
}
