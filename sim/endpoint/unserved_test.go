package endpoint_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	client "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/iam"
)

// TestAServiceThatIsNotThereIsNamed sends what the clients of other services send, by the lab's address and by the names that
// lead through the proxy.
func TestAServiceThatIsNotThereIsNamed(t *testing.T) {
	_, cfg := newDesk(t)
	e := endpoint.New(cfg)
	const form, text = "application/x-www-form-urlencoded", " is not among the services of mfalab: "
	for _, c := range []struct{ service, method, path, kind, target, body, want string }{
		{"lambda", "GET", "/2015-03-31/functions", "", "", "", `{"message":"lambda` + text + `it serves IAM, STS, `},
		{"kms", "POST", "/", "application/x-amz-json-1.1", "TrentService.ListKeys", "{}", `"message":"kms` + text},
		{"cloudformation", "POST", "/", form, "", "Action=ListStacks&Version=2010-05-15", "<Message>cloudformation" + text},
		{"sqs", "POST", "/", form, "", "Action=ListQueues&Version=2012-11-05", "<Message>sqs" + text},
		{"route53", "GET", "/2013-04-01/hostedzone", "", "", "", "<Message>route53" + text},
	} {
		for _, host := range []string{"127.0.0.1:6325", c.service + ".us-east-1.amazonaws.com"} {
			r := httptest.NewRequest(c.method, "http://"+host+c.path, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			if c.target != "" {
				r.Header.Set("X-Amz-Target", c.target)
			}
			w := serve(e, sign(t, r, c.service))
			require.Equal(t, http.StatusBadRequest, w.Code, "%s at %s: %s", c.service, host, w.Body)
			require.Contains(t, w.Body.String(), c.want, host)
		}
	}
}

func TestTheProxyTakesClientsOfOtherServicesToTheirAnswer(t *testing.T) {
	_, cfg := newDesk(t)
	cfg.Authority = newAuthority(t)
	address, _ := start(t, endpoint.New(cfg))
	r, err := http.NewRequest("GET", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions", http.NoBody)
	require.NoError(t, err)
	answer, err := through(t, address, cfg.Authority, false).Do(sign(t, r, "lambda"))
	require.Contains(t, read(t, answer, err), "lambda is not among the services of mfalab: ")
	require.Equal(t, "UnknownOperationException", answer.Header.Get("X-Amzn-Errortype"))
}

// TestWhatTheRealServiceHasIsThereOrLacking holds the table of what is lacking against the operations of the AWS SDK for Go.
func TestWhatTheRealServiceHasIsThereOrLacking(t *testing.T) {
	has := map[string]bool{}
	for _, name := range iam.Operations() {
		has[name] = true
	}
	for service, sdk := range map[string]any{"iam": &client.Client{}, "sts": &sts.Client{}} {
		known := 0
		var forgotten []string
		for m := range reflect.TypeOf(sdk).Methods() {
			if m.Name == "Options" {
				continue
			}
			known++
			if has[service+":"+m.Name] == iam.Lacks(service, m.Name) {
				forgotten = append(forgotten, m.Name)
			}
		}
		require.Greater(t, known, 5, service)
		require.Empty(t, forgotten, service)
	}
	_, cfg := newDesk(t)
	r := httptest.NewRequest("POST", "http://127.0.0.1:6325/", strings.NewReader("Action=CreateInstanceProfile&Version=2010-05-08"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	require.Contains(t, serve(endpoint.New(cfg), sign(t, r, "iam")).Body.String(), "mfalab's iam does not have CreateInstanceProfile, which the real service has")
}
