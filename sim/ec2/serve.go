package ec2

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/policy"
	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// From the specification: the version of the API, and the namespace of its answers.
const (
	version   = "2016-11-15"
	namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
)

// Account is the relying party whose instances these are; *iam.Service is one.
type Account interface {
	// Account returns the account's 12-digit number.
	Account() string
	// Beside lets a call use the account's store and journal.
	Beside(ctx context.Context, call iam.Call, params []iam.Fact, told iam.Told, f func(*iam.Beside) error) error
	// Authorize decides a request by the policies of its caller; the error is an *iam.Error.
	Authorize(ctx context.Context, r iam.Request) (policy.Decision, error)
	// EncodeDenial returns the message for sts:DecodeAuthorizationMessage that says why d denied r.
	EncodeDenial(ctx context.Context, r iam.Request, d policy.Decision) (string, error)
}

// A Service is the account's EC2. It may be used by many goroutines.
type Service struct{ account Account }

// New returns the EC2 of an account.
func New(account Account) *Service { return &Service{account} }

// A request is one call on its way.
type request struct {
	*Service
	ctx    context.Context
	call   iam.Call
	form   url.Values
	beside *iam.Beside
}

// operations is the table by the name of the action.
var operations = map[string]func(*request) (any, error){
	"RunInstances":       (*request).run,
	"DescribeInstances":  (*request).describe,
	"StartInstances":     (*request).start,
	"StopInstances":      (*request).stop,
	"TerminateInstances": (*request).terminate,
	"CreateTags":         (*request).createTags,
	"DeleteTags":         (*request).deleteTags,
	"DescribeTags":       (*request).describeTags,
}

// refuse makes an answer that refuses: Amazon EC2 API Reference, "Error codes".
func refuse(status int, code, rule, format string, args ...any) *iam.Error {
	return &iam.Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...), Rule: rule, Section: "EC2 API Reference, Error codes"}
}

// ServeCall answers a request whose signature has been checked, or refuses the one that err speaks of.
func (s *Service) ServeCall(w http.ResponseWriter, r *http.Request, call iam.Call, err error) {
	var result any
	if err == nil {
		result, err = s.serve(r, &call)
	}
	var b bytes.Buffer
	status := http.StatusOK
	if err == nil {
		err = appendResult(&b, &call, result)
	}
	if err != nil {
		e := translated(err)
		status = e.Status
		b.Reset()
		b.WriteString(xml.Header + "<Response><Errors><Error><Code>" + e.Code + "</Code><Message>")
		_ = xml.EscapeText(&b, []byte(e.Message)) // into memory
		b.WriteString("</Message></Error></Errors><RequestID>" + call.RequestID + "</RequestID></Response>")
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("X-Amzn-Requestid", call.RequestID)
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that has gone is no error of ours
}

// appendResult writes an answer: the parts of the result stand beside the request's ID, with no element around them.
func appendResult(b *bytes.Buffer, call *iam.Call, result any) error {
	const around = "result"
	var parts bytes.Buffer
	if err := xml.NewEncoder(&parts).EncodeElement(result, xml.StartElement{Name: xml.Name{Local: around}}); err != nil {
		return err
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(parts.String(), "<"+around+">"), "</"+around+">")
	fmt.Fprintf(b, "%s<%sResponse xmlns=%q><requestId>%s</requestId>%s</%[2]sResponse>", xml.Header, call.Action, namespace, call.RequestID, inner)
	return nil
}

// serve reads the form and decides the call. An action that is not there leaves no event. Form and signature have come
// together: the signature covers the body that is read here.
func (s *Service) serve(r *http.Request, call *iam.Call) (result any, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err == nil && len(form) == 0 {
		form, err = url.ParseQuery(r.URL.RawQuery)
	}
	if err != nil {
		return nil, refuse(400, "MalformedQueryString", "form", "The query string contains a syntax error.")
	}
	f := operations[form.Get("Action")]
	if f == nil || form.Get("Version") != version {
		// The first sentence is the real service's; of what the real one has and the lab has not the client's user learns so.
		return nil, refuse(400, "InvalidAction", "action", "The action %s is not valid for this web service. mfalab's EC2 has %s, in version %s.",
			form.Get("Action"), strings.Join(slices.Sorted(maps.Keys(operations)), ", "), version)
	}
	call.Service, call.Action = "ec2", form.Get("Action")
	q := &request{Service: s, ctx: r.Context(), call: *call, form: form}
	var params []iam.Fact
	for _, id := range q.list("InstanceId") {
		params = append(params, iam.Fact{Name: "InstanceId", Value: id})
	}
	err = s.account.Beside(q.ctx, q.call, params, q.told(), func(b *iam.Beside) (err error) {
		q.beside = b
		result, err = f(q)
		return err
	})
	return result, err
}

// translated returns the answer that err means in EC2. The same signature that IAM refuses is refused here with codes and statuses of
// EC2's own, which its clients act on: RequestExpired has them look at their clock. EC2 API Reference, "Error codes".
func translated(err error) *iam.Error {
	id := ""
	if s, ok := errors.AsType[*sigv4.Error](err); ok {
		id = s.ID
	}
	if e, ok := errors.AsType[*iam.Error](err); ok {
		if e.Code != "InvalidClientTokenId" && e.Code != "ExpiredToken" && e.Code != "MissingAuthenticationToken" {
			return e
		}
		id = e.Code
	}
	switch id {
	case "":
		return refuse(500, "InternalError", "store", "An internal error has occurred")
	case "SignatureExpired", "SignatureEarly":
		return refuse(400, "RequestExpired", "skew", "Request has expired.")
	case "ExpiredToken":
		return refuse(400, "RequestExpired", "expiry", "Request has expired.")
	case "MissingAuthenticationToken":
		return refuse(400, "MissingAuthenticationToken", "signature", "Request is missing Authentication Token")
	}
	return refuse(401, "AuthFailure", "signature", "AWS was not able to validate the provided access credentials")
}

// list returns the parameters NAME.1, NAME.2 and so on.
func (q *request) list(name string) []string {
	var all []string
	for i := 1; q.form.Has(name + "." + strconv.Itoa(i)); i++ {
		all = append(all, q.form.Get(name+"."+strconv.Itoa(i)))
	}
	return all
}

// tags returns the tags NAME.1.Key, NAME.1.Value and so on.
func (q *request) tags(name string) ([]tag, error) {
	var all []tag
	for i := 1; q.form.Has(fmt.Sprintf("%s.%d.Key", name, i)); i++ {
		t := tag{q.form.Get(fmt.Sprintf("%s.%d.Key", name, i)), q.form.Get(fmt.Sprintf("%s.%d.Value", name, i))}
		if t.Key == "" || len(t.Key) > 127 || len(t.Value) > 255 || i > 50 {
			return nil, refuse(400, "InvalidParameterValue", "tags", "Tag key exceeds the maximum length of 127 characters, tag value 255, or there are more than 50.")
		}
		all = append(all, t)
	}
	return all, nil
}

// allow asks the policies; what they deny is an UnauthorizedOperation here. Each of more sets condition keys that are the
// action's own.
func (q *request) allow(action, arn string, has, asked []tag, more ...func(*policy.Context)) error {
	set := func(c *policy.Context) {
		c.Set("ec2:Region", q.call.Region)
		for _, t := range has {
			c.Set(policy.ResourceTag(t.Key), t.Value)
			c.Set(policy.Key("ec2:ResourceTag/"+t.Key), t.Value)
		}
		var keys []string
		for _, t := range asked {
			c.Set(policy.RequestTag(t.Key), t.Value)
			keys = append(keys, t.Key)
		}
		c.Set(policy.TagKeys, keys...)
		for _, f := range more {
			f(c)
		}
	}
	r := iam.Request{Caller: q.call.Caller, Action: action, Resource: arn, Set: set, Now: q.call.Now,
		SourceIP: q.call.SourceIP, UserAgent: q.call.UserAgent, Region: q.call.Region, Secure: q.call.Secure}
	d, err := q.account.Authorize(q.ctx, r)
	e, denied := errors.AsType[*iam.Error](err)
	if !denied || e.Code != "AccessDenied" {
		return err
	}
	q.beside.Fact("policy", d.String())
	why, err := q.account.EncodeDenial(q.ctx, r, d)
	if err != nil {
		return err
	}
	return refuse(403, "UnauthorizedOperation", "policy", "You are not authorized to perform this operation. %s. Encoded authorization failure message: %s",
		strings.TrimSuffix(e.Message, "."), why)
}

// dry ends a request that only asks whether it may: API_TerminateInstances, DryRun. The answer is an error in either case, and the
// code says which; it is asked after the policies and before anything changes. So a script can ask whether its MFA is still fresh.
func (q *request) dry() error {
	if q.form.Get("DryRun") != "true" {
		return nil
	}
	return refuse(412, "DryRunOperation", "dry-run", "Request would have succeeded, but DryRun flag is set.")
}
