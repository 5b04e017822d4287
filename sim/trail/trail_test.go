package trail

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var moment = time.Date(2026, 2, 17, 9, 44, 55, 0, time.UTC)

func someEvent() *Event {
	return &Event{Time: moment, Source: "iam", Name: "EnableMFADevice", Region: "us-east-1", IP: "127.0.0.1", Agent: "aws-cli",
		Who:     Identity{Kind: IAMUser, Principal: "AIDA1", ARN: "arn:aws:iam::123456789012:user/bob", Key: "AKIA1", User: "bob"},
		Request: json.RawMessage(`{"userName":"bob","serialNumber":"GAHT12345678"}`), RequestID: "r", EventID: "e"}
}

func TestAnEventComesBackAsItWasStored(t *testing.T) {
	full := someEvent()
	full.Code, full.Message, full.Response, full.Extra = "AccessDenied", "no <&>", json.RawMessage(`{}`), json.RawMessage(`{"a":1}`)
	full.SharedID, full.ReadOnly, full.SignIn, full.Role, full.TLS = "s", true, true, "arn", &TLS{"TLSv1.3", "c", "h"}
	full.Who.Since, full.Who.MFA, full.Who.SourceIdentity, full.Who.InvokedBy = moment, true, "x", "AWS Internal"
	full.Who.Issuer = &Issuer{"Role", "AROA1", "arn", "R"}
	full.Details, full.Console, full.Data, full.About = json.RawMessage(`{"b":2}`), true, true, []Resource{{"AWS::S3::Object", "x"}}
	for _, whole := range []reflect.Value{reflect.ValueOf(*full), reflect.ValueOf(full.Who)} {
		for i := range whole.NumField() {
			require.False(t, whole.Field(i).IsZero(), "%s is not tested", whole.Type().Field(i).Name)
		}
	}
	for _, e := range []*Event{{}, someEvent(), full} {
		b, err := e.AppendJSON([]byte{})
		require.NoError(t, err)
		want, err := json.Marshal(e)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(b))
		back, err := Parse(b)
		require.NoError(t, err)
		require.Equal(t, e, back)
	}
	_, err := (&Event{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}).AppendJSON(nil)
	require.Error(t, err)
	_, err = Parse([]byte("{"))
	require.ErrorContains(t, err, "no event of a trail")
}

func TestIdentities(t *testing.T) {
	session := func(kind Kind, i *Issuer) Identity {
		return Identity{Kind: kind, Principal: "AROA1:demo", ARN: "arn", Key: "ASIA1", Since: moment, MFA: i == nil, Issuer: i}
	}
	for _, test := range []struct {
		name, user, want string
		who              Identity
	}{
		{"a user with an access key", "bob", `{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::123456789012:user/bob",` +
			`"accountId":"1","accessKeyId":"AKIA1","userName":"bob"}`, someEvent().Who},
		{"root", "root", `{"type":"Root","principalId":"1","arn":"r","accountId":"1","accessKeyId":"AKIA1"}`,
			Identity{Kind: Root, Principal: "1", ARN: "r", Key: "AKIA1"}},
		{"a session with a code", "demo", `{"type":"AssumedRole","principalId":"AROA1:demo","arn":"arn","accountId":"1","accessKeyId":"ASIA1",` +
			`"sessionContext":{"attributes":{"creationDate":"2026-02-17T09:44:55Z","mfaAuthenticated":"true"}}}`, session(AssumedRole, nil)},
		{"a role", "demo", `{"type":"AssumedRole","principalId":"AROA1:demo","arn":"arn","accountId":"1","accessKeyId":"ASIA1",` +
			`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA1","arn":"role","accountId":"1","userName":"R"},` +
			`"attributes":{"creationDate":"2026-02-17T09:44:55Z","mfaAuthenticated":"false"}}}`,
			session(AssumedRole, &Issuer{"Role", "AROA1", "role", "R"})},
	} {
		e := someEvent()
		e.Who = test.who
		b, err := json.Marshal(e.Record("1").UserIdentity)
		require.NoError(t, err)
		require.Equal(t, test.want, string(b), test.name)
		require.Equal(t, test.user, e.UserName(), test.name)
	}
}

func TestSignIns(t *testing.T) {
	record := func(change func(*Event)) Record {
		e := someEvent()
		change(e)
		return e.Record("1")
	}
	r := record(func(e *Event) { e.ConsoleLogin(SignIn{Used: true, Device: "GAHT12345678", To: "https://console"}) })
	require.Equal(t, "signin.amazonaws.com AwsConsoleSignIn ConsoleLogin", r.EventSource+" "+r.EventType+" "+r.EventName)
	require.Nil(t, r.RequestParameters)
	require.Nil(t, r.UserIdentity.AccessKeyID)
	require.JSONEq(t, `{"ConsoleLogin":"Success"}`, string(r.ResponseElements))
	require.JSONEq(t, `{"LoginTo":"https://console","MobileVersion":"No","MFAUsed":"Yes","MFAIdentifier":"GAHT12345678"}`,
		string(r.AdditionalEventData))

	r = record(func(e *Event) { e.ConsoleLogin(SignIn{Failed: true, Device: "not told"}) })
	require.Equal(t, "Failed authentication", r.ErrorMessage)
	require.Empty(t, r.ErrorCode)
	require.Equal(t, "", *r.UserIdentity.AccessKeyID)
	require.Empty(t, r.UserIdentity.ARN+r.UserIdentity.PrincipalID)
	require.JSONEq(t, `{"ConsoleLogin":"Failure"}`, string(r.ResponseElements))
	require.JSONEq(t, `{"MobileVersion":"No","MFAUsed":"No"}`, string(r.AdditionalEventData))

	r = record(func(e *Event) { e.Region = "eu-north-1"; e.ConsoleLogin(SignIn{Root: true}) })
	require.Equal(t, "us-east-1", r.AWSRegion, "root's are there, wherever the page was")
	r = record(func(e *Event) { e.CheckMFA(Multiple) })
	require.JSONEq(t, `{"CheckMfa":"Success"}`, string(r.ResponseElements))
	require.JSONEq(t, `{"MfaType":"Multiple MFA Devices"}`, string(r.AdditionalEventData))
	r = record(func(e *Event) { e.PasswordUpdated(false) })
	require.JSONEq(t, `{"PasswordUpdated":"Success"}`, string(r.ResponseElements))
}

func TestFilters(t *testing.T) {
	e := someEvent()
	e.Response = json.RawMessage(`{"x":[{"roleName":"R"},{"accessKeyId":"AKIA2"}],"n":[1,true,null]}`)
	require.Equal(t, []Resource{{"AWS::IAM::User", "bob"}, {"AWS::IAM::MFADevice", "GAHT12345678"}, {"AWS::IAM::Role", "R"},
		{"AWS::IAM::AccessKey", "AKIA2"}}, e.Resources())
	for by, value := range map[Attribute]string{EventID: "e", EventName: "EnableMFADevice", ReadOnly: "false", UserName: "bob",
		ResourceType: "AWS::IAM::Role", ResourceName: "GAHT12345678", EventSource: "iam.amazonaws.com", AccessKeyID: "AKIA1", "": ""} {
		require.True(t, Filter{By: by, Value: value}.Match(e), by)
		require.Equal(t, by == "", Filter{By: by, Value: "other"}.Match(e), by)
	}
	second := time.Second
	require.True(t, Filter{Start: moment, End: moment}.Match(e), "the bounds are inside")
	require.False(t, Filter{Start: moment.Add(second)}.Match(e))
	require.False(t, Filter{End: moment.Add(-second)}.Match(e))
	require.Len(t, Attributes(), 8)
}

func TestElementsLeaveOutWhatIsSecret(t *testing.T) {
	type member struct{ Key, Value string }
	type list struct {
		Members []member `xml:"member"`
	}
	type Inner struct{ IsTruncated bool }
	v := struct {
		Credentials struct {
			AccessKeyID                   string `xml:"AccessKeyId"`
			SecretAccessKey, SessionToken string
			Expiration                    string
		}
		Tags             list
		Left             string `xml:",omitempty"`
		Base32StringSeed string
		Blob             []byte
		Nothing          *member
		Count            int
		Inner
	}{Count: 3, Blob: []byte("x"), Base32StringSeed: "seed", Tags: list{[]member{{"a", `"é`}, {"b", "c"}}}}
	v.Credentials.AccessKeyID, v.Credentials.SecretAccessKey, v.Credentials.SessionToken = "ASIA", "secret", "token"
	v.Credentials.Expiration = "2026-02-17T21:44:55Z"
	require.Equal(t, `{"credentials":{"accessKeyId":"ASIA","expiration":"Feb 17, 2026 9:44:55 PM"},`+
		`"tags":[{"key":"a","value":"\"é"},{"key":"b","value":"c"}],"count":3,"isTruncated":false}`, string(Elements(v)))
	require.Nil(t, Elements(nil))
	require.Nil(t, Elements(struct{}{}))
	require.Equal(t, "mfaDevices", Camel("MFADevices"))
	require.Equal(t, "virtualMFADeviceName", Camel("VirtualMFADeviceName"))
}
