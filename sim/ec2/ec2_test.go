package ec2

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/trail"
)

// A lab is an account with its instances; who calls was checked by somebody else.
type lab struct {
	*Service
	caller iam.Caller
	now    time.Time
}

func newLab(t testing.TB) *lab {
	now := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	account, err := iam.New(context.Background(), iam.Config{Store: memory.New(), Chance: sim.NewChance([]byte("ec2"))}, now)
	require.NoError(t, err)
	return &lab{New(account), account.RootCaller(), now}
}

// ask sends a form and returns status and body.
func (l *lab) ask(form string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
	w := httptest.NewRecorder()
	l.ServeCall(w, r, iam.Call{Caller: l.caller, Region: "us-east-1", Now: l.now, Wall: l.now, RequestID: "id"}, nil)
	return w.Code, w.Body.String()
}

func TestTheLifeOfAnInstance(t *testing.T) {
	l := newLab(t)
	status, body := l.ask("Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&" +
		"TagSpecification.1.Tag.1.Key=stage&TagSpecification.1.Tag.1.Value=%3Cprod%3E")
	require.Equal(t, 200, status, body)
	require.Contains(t, body, "<key>stage</key><value>&lt;prod&gt;</value>")
	id := regexp.MustCompile(`i-0[0-9a-f]{16}`).FindString(body)
	require.NotEmpty(t, id)
	for _, step := range []struct {
		after time.Duration
		form  string
		want  string
	}{
		{0, "Action=DescribeInstances", "<code>0</code><name>pending</name>"},
		{startTime, "Action=DescribeInstances&InstanceId.1=" + id, "<code>16</code><name>running</name>"},
		{0, "Action=TerminateInstances&DryRun=true&InstanceId.1=" + id, "DryRunOperation"},
		{0, "Action=DescribeInstances&Filter.1.Name=tag:stage&Filter.1.Value.1=x&Filter.1.Value.2=<prod>", "running"},
		{0, "Action=TerminateInstances&InstanceId.1=" + id, "<currentState><code>32</code><name>shutting-down</name></currentState><previousState><code>16</code>"},
		{stopTime, "Action=TerminateInstances&InstanceId.1=" + id, "<currentState><code>48</code><name>terminated</name>"},
		{shownTime, "Action=DescribeInstances&InstanceId.1=" + id, "InvalidInstanceID.NotFound"},
	} {
		l.now = l.now.Add(step.after)
		_, body := l.ask(strings.ReplaceAll(step.form, "<prod>", "%3Cprod%3E") + "&Version=2016-11-15")
		require.Contains(t, body, step.want, step.form)
	}
}

func TestWhoHasNoPolicyMayNothing(t *testing.T) {
	l := newLab(t)
	l.caller = iam.Caller{}
	for action := range operations {
		status, body := l.ask("Action=" + action + "&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&InstanceId.1=i-1&ResourceId.1=i-1&Tag.1.Key=a")
		require.GreaterOrEqual(t, status, 400, action)
		require.Regexp(t, "UnauthorizedOperation|InvalidInstanceID.NotFound", body, action)
	}
}

// FuzzForm holds that whatever a form says is answered in XML, and that a refusal starts no instance.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "Action=RunInstances", "Action=RunInstances&Version=2016-11-15&ImageId=a&MinCount=2&MaxCount=1",
		"Action=CreateTags&Version=2016-11-15&ResourceId.1=%00&Tag.1.Key=%ff", "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=x", "%zz"} {
		f.Add(s)
	}
	l := newLab(f)
	f.Fuzz(func(t *testing.T, form string) {
		_, before := l.ask("Action=DescribeInstances&Version=2016-11-15")
		status, body := l.ask(form)
		require.True(t, strings.HasPrefix(body, "<?xml"), body)
		if v, err := url.ParseQuery(form); status >= 400 || err != nil || v.Get("Action") == "" {
			_, after := l.ask("Action=DescribeInstances&Version=2016-11-15")
			require.Equal(t, before, after)
		}
	})
}

// TestInstancesInTheTrail holds what the records of instances say beyond those of IAM, and that what they were refused for can
// be decoded.
func TestInstancesInTheTrail(t *testing.T) {
	l := newLab(t)
	account := l.account.(*iam.Service)
	_, body := l.ask("Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance&" +
		"TagSpecification.1.Tag.1.Key=stage&TagSpecification.1.Tag.1.Value=production")
	id := regexp.MustCompile(`i-0[0-9a-f]{16}`).FindString(body)
	l.caller = iam.Caller{}
	_, body = l.ask("Action=TerminateInstances&Version=2016-11-15&InstanceId.1=" + id)
	require.Contains(t, body, "Encoded authorization failure message: ")
	encoded := regexp.MustCompile(`message: ([\w-]+)`).FindStringSubmatch(body)[1]
	l.caller = account.RootCaller()
	_, _ = l.ask("Action=TerminateInstances&Version=2016-11-15&InstanceId.1=" + id)

	decoded, err := account.Do(t.Context(), iam.Call{Service: "sts", Action: "DecodeAuthorizationMessage",
		Params: url.Values{"EncodedMessage": {encoded}}, Caller: account.RootCaller(), Now: l.now, Wall: l.now})
	require.NoError(t, err)
	message := fmt.Sprint(decoded)
	require.Contains(t, message, `{"key":"aws:ResourceTag/stage","values":{"items":[{"value":"production"}]}}`)
	require.Contains(t, message, `"resource":"arn:aws:ec2:us-east-1:123456789012:instance/`+id+`"`)

	events, _, err := account.EventsAfter(t.Context(), trail.Filter{By: trail.EventSource, Value: "ec2.amazonaws.com"}, 0, 0)
	require.NoError(t, err)
	require.Len(t, events, 3)
	run, refused, end := events[0].Record(account.Account()), events[1], events[2].Record(account.Account())
	require.JSONEq(t, `{"instancesSet":{"items":[{"imageId":"ami-1","minCount":1,"maxCount":1}]},"tagSpecificationSet":{"items":[`+
		`{"resourceType":"instance","tags":[{"key":"stage","value":"production"}]}]}}`, string(run.RequestParameters))
	require.Equal(t, "Client.UnauthorizedOperation", refused.Code)
	require.JSONEq(t, `{"requestId":"id","instancesSet":{"items":[{"instanceId":"`+id+`","currentState":{"code":32,"name":"shutting-down"},`+
		`"previousState":{"code":0,"name":"pending"}}]}}`, string(end.ResponseElements))
	require.False(t, end.ReadOnly)
	require.True(t, end.ManagementEvent)
	require.Equal(t, []trail.Resource{{Type: "AWS::EC2::Instance", Name: id}}, refused.Resources())
}

func TestAnInstanceIsStoppedAndStarted(t *testing.T) {
	l := newLab(t)
	_, body := l.ask("Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1")
	id := regexp.MustCompile(`i-0[0-9a-f]{16}`).FindString(body)
	require.NotEmpty(t, id)
	const refused = "<Code>IncorrectInstanceState</Code>"
	moved := func(from, to string) string {
		return fmt.Sprintf("<currentState><code>%d</code><name>%s</name></currentState><previousState><code>%d</code><name>%s</name></previousState>",
			codes[to], to, codes[from], from)
	}
	for _, step := range []struct {
		after        time.Duration
		action, want string
	}{
		{0, "StopInstances", refused},
		{0, "StartInstances", moved("pending", "pending")},
		{startTime, "StartInstances", moved("running", "running")},
		{0, "StopInstances", moved("running", "stopping")},
		{0, "StopInstances", moved("stopping", "stopping")},
		{0, "StartInstances", refused},
		{stopTime, "StopInstances", moved("stopped", "stopped")},
		{shownTime, "StartInstances", moved("stopped", "pending")},
		{startTime, "StopInstances", moved("running", "stopping")},
		{0, "TerminateInstances", moved("stopping", "shutting-down")},
		{0, "StartInstances", refused},
		{stopTime, "StopInstances", refused},
		{0, "TerminateInstances", moved("terminated", "terminated")},
	} {
		l.now = l.now.Add(step.after)
		_, body := l.ask("Action=" + step.action + "&Version=2016-11-15&InstanceId.1=" + id)
		require.Contains(t, body, step.want, step.action)
	}
}

func TestTagsAreTakenAway(t *testing.T) {
	l := newLab(t)
	for name, c := range map[string]struct{ ask, left string }{
		"by the key":                        {"&Tag.1.Key=a", "b"},
		"by the key and its value":          {"&Tag.1.Key=a&Tag.1.Value=1&Tag.2.Key=b&Tag.2.Value=3", "b"},
		"by an empty value that it has not": {"&Tag.1.Key=a&Tag.1.Value=", "ab"},
		"all of them":                       {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, body := l.ask("Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&TagSpecification.1.ResourceType=instance" +
				"&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=1&TagSpecification.1.Tag.2.Key=b&TagSpecification.1.Tag.2.Value=2")
			id := regexp.MustCompile(`i-0[0-9a-f]{16}`).FindString(body)
			status, body := l.ask("Action=DeleteTags&Version=2016-11-15&ResourceId.1=" + id + c.ask)
			require.Equal(t, 200, status, body)
			_, body = l.ask("Action=DescribeTags&Version=2016-11-15&Filter.1.Name=resource-id&Filter.1.Value.1=" + id)
			var left string
			for _, m := range regexp.MustCompile(`<key>(.)</key>`).FindAllStringSubmatch(body, -1) {
				left += m[1]
			}
			require.Equal(t, c.left, left)
		})
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	status, body := newLab(t).ask("Action=DescribeVpcs&Version=2016-11-15")
	require.Equal(t, 400, status)
	require.Contains(t, body, "<Code>InvalidAction</Code>")
	require.Contains(t, body, "mfalab&#39;s EC2 has CreateTags, DeleteTags, DescribeInstances, ")
}
