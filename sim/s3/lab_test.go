package s3_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/s3"
)

// A lab is an account with its S3 behind the lab's port. Its clock moves when a test says so; the wall's is the machine's.
type lab struct {
	t        *testing.T
	service  *iam.Service
	store    iam.Store
	folder   *s3.Folder
	dir      string
	url      string
	root     aws.Credentials
	serial   string // of root's device
	seed     string
	mu       sync.Mutex
	now      time.Time
	recorded []iam.Decision
}

func newLab(t *testing.T) *lab {
	return newLabOn(t, func(s iam.Store) iam.Store { return s })
}

// newLabOn is newLab with a store around the one in memory.
func newLabOn(t *testing.T, around func(iam.Store) iam.Store) *lab {
	l := &lab{t: t, now: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC), store: around(memory.New()), dir: t.TempDir()}
	var err error
	l.service, err = iam.New(t.Context(), iam.Config{Store: l.store, Chance: sim.NewChance([]byte("s3")), Record: func(d iam.Decision) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.recorded = append(l.recorded, d)
	}}, l.now)
	require.NoError(t, err)
	l.folder, err = s3.OpenFolder(l.dir)
	require.NoError(t, err)
	e := endpoint.New(endpoint.Config{IAM: l.service, Clock: func() (time.Time, time.Time) { return l.at(), time.Now() },
		Beside: map[string]endpoint.Beside{"s3": s3.New(l.service, l.folder)}})
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	l.url = server.URL
	l.root = l.key("")
	l.serial, l.seed = l.device("root")
	l.enrol("signin")
	return l
}

var totpOptions = totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix}

func (l *lab) at() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

// do calls the relying party as root.
func (l *lab) do(service, action string, params ...string) any {
	l.t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	out, err := l.service.Do(context.Background(), iam.Call{Service: service, Action: action, Params: form, Caller: l.service.RootCaller(), Now: l.at(), Wall: time.Now()})
	require.NoError(l.t, err, action)
	return out
}

// key makes an access key: root's for "".
func (l *lab) key(user string) aws.Credentials {
	l.t.Helper()
	var params []string
	if user != "" {
		params = []string{"UserName", user}
	}
	id, secret := l.do("iam", "CreateAccessKey", params...).(interface{ Credential() (string, string) }).Credential()
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
}

// device makes a virtual device and returns its serial number and seed.
func (l *lab) device(name string) (serial, seed string) {
	l.t.Helper()
	made := reflect.ValueOf(l.do("iam", "CreateVirtualMFADevice", "VirtualMFADeviceName", name)).FieldByName("VirtualMFADevice")
	b, err := base64.StdEncoding.DecodeString(made.FieldByName("Base32StringSeed").String())
	require.NoError(l.t, err)
	return made.FieldByName("SerialNumber").String(), string(b)
}

// enrol enables the device.
func (l *lab) enrol(service string, params ...string) {
	l.t.Helper()
	one, err := totp.GenerateCodeCustom(l.seed, l.at(), totpOptions)
	require.NoError(l.t, err)
	two, err := totp.GenerateCodeCustom(l.seed, l.at().Add(30*time.Second), totpOptions)
	require.NoError(l.t, err)
	l.do(service, "EnableMFADevice", append(params, "SerialNumber", l.serial, "AuthenticationCode1", one, "AuthenticationCode2", two)...)
	l.advance(time.Minute)
}

// code is the next code of root's device: half a minute passes.
func (l *lab) code() string {
	l.t.Helper()
	l.advance(30 * time.Second)
	code, err := totp.GenerateCodeCustom(l.seed, l.at(), totpOptions)
	require.NoError(l.t, err)
	return l.serial + " " + code
}

// as returns a client with somebody's credentials.
func (l *lab) as(c aws.Credentials) *client.Client {
	return client.New(client.Options{Region: "us-east-1", BaseEndpoint: &l.url, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: c}})
}

// refused returns the code and the text of a refusal.
func refused(t *testing.T, err error) string {
	t.Helper()
	var e smithy.APIError
	require.True(t, errors.As(err, &e), "%v", err)
	return e.ErrorCode() + ": " + e.ErrorMessage()
}

// files counts the contents in the folder, and what is being written.
func (l *lab) files() int {
	entries, err := os.ReadDir(l.dir)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(l.t, err)
	}
	return len(entries)
}

// bucket makes a bucket, with versioning where it is to have it.
func (l *lab) bucket(name string, versioning bool) *client.Client {
	l.t.Helper()
	root := l.as(l.root)
	_, err := root.CreateBucket(l.t.Context(), &client.CreateBucketInput{Bucket: &name})
	require.NoError(l.t, err)
	if versioning {
		l.send("PUT", "/"+name+"?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`, nil, 200)
	}
	return root
}

// send sends a request that root signs, and returns the answer's body.
func (l *lab) send(method, path, body string, headers map[string]string, status int) string {
	l.t.Helper()
	r := l.request(method, path, body, headers)
	sign(l.t, r, l.root, body, time.Now())
	response, err := http.DefaultClient.Do(r)
	require.NoError(l.t, err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	require.NoError(l.t, err)
	require.Equal(l.t, status, response.StatusCode, "%s %s: %s", method, path, b)
	return string(b)
}

func (l *lab) request(method, path, body string, headers map[string]string) *http.Request {
	r, err := http.NewRequest(method, l.url+path, bytes.NewReader([]byte(body)))
	require.NoError(l.t, err)
	for name, v := range headers {
		r.Header.Set(name, v)
	}
	return r
}

func put(t *testing.T, c *client.Client, bucket, key, content string) *client.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &client.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)})
	require.NoError(t, err)
	return out
}

func content(t *testing.T, c *client.Client, bucket, key string) string {
	t.Helper()
	out, err := c.GetObject(t.Context(), &client.GetObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return string(b)
}
