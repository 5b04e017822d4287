package endpoint

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// The AWS JSON protocol, version 1.1, as far as CloudTrail's LookupEvents needs it: a POST whose X-Amz-Target names the
// operation and whose body holds its parameters. From the service model of botocore 1.43.11.
const (
	jsonType    = "application/x-amz-json-1.1"
	trailTarget = "CloudTrail_20131101." // with or without the package that botocore writes before it
	trailSource = "cloudtrail"
)

// jsonCodes are the codes that JSON services have for what the query services call otherwise: "Common Errors" of the
// CloudTrail API Reference.
var jsonCodes = map[string]string{
	"InvalidClientTokenId": "UnrecognizedClientException", "SignatureDoesNotMatch": "InvalidSignatureException",
	"AccessDenied": "AccessDeniedException", "ExpiredToken": "ExpiredTokenException",
	"MissingAuthenticationToken": "MissingAuthenticationTokenException", "IncompleteSignature": "IncompleteSignatureException",
	"ValidationError": "ValidationException", "InvalidAction": "UnknownOperationException",
}

// serveJSON answers one request of the JSON protocol.
func (e *Endpoint) serveJSON(w http.ResponseWriter, r *http.Request, id string) {
	target := r.Header.Get("X-Amz-Target")
	at := strings.LastIndex(target, trailTarget)
	if at < 0 || at > 0 && target[at-1] != '.' {
		e.refuseService(w, r, id)
		return
	}
	call := iam.Call{Service: trailSource, Action: target[at+len(trailTarget):], RequestID: id, UserAgent: r.UserAgent(),
		SourceIP: sourceIP(r), TLS: tlsDetails(r)}
	call.Now, call.Wall = e.cfg.Clock()
	result, refusal := e.decideJSON(w, r, &call)
	if refusal != nil {
		code, ok := jsonCodes[refusal.Code]
		if !ok {
			code = refusal.Code
		}
		status := refusal.Status
		if status == http.StatusForbidden {
			status = http.StatusBadRequest // JSON services say so of every fault of the client
		}
		writeJSON(w, id, status, map[string]string{"__type": code, "message": refusal.Message})
		return
	}
	writeJSON(w, id, http.StatusOK, lookedUp(result.(iam.LookedUp)))
}

func (e *Endpoint) decideJSON(w http.ResponseWriter, r *http.Request, call *iam.Call) (any, *iam.Error) {
	body, refusal := e.readBody(w, r)
	if refusal != nil {
		return nil, refusal
	}
	if !e.operations[call.Service+":"+call.Action] {
		return nil, e.cfg.IAM.Refuse("NotInTheLab", call.Service, strings.ToValidUTF8(call.Action, "?"))
	}
	if refusal := e.authenticate(r, body, call); refusal != nil {
		e.cfg.IAM.Rejected(*call, refusal)
		return nil, refusal
	}
	var err error
	if call.Params, err = lookupParams(body); err != nil {
		return nil, &iam.Error{Code: "SerializationException", Status: http.StatusBadRequest, Message: err.Error()}
	}
	if call.Params == nil {
		return nil, e.cfg.IAM.Refuse("LookupAttributes")
	}
	result, err := e.cfg.IAM.Do(r.Context(), *call)
	return result, e.refusal(err)
}

// lookupRequest is LookupEventsRequest of the service model.
type lookupRequest struct {
	LookupAttributes []struct{ AttributeKey, AttributeValue string }
	StartTime        json.Number
	EndTime          json.Number
	EventCategory    string
	MaxResults       *int64
	NextToken        string
}

// lookupParams turns a body into the parameters that package iam has for the operation, nil where it has two attributes:
// "currently the list can contain only one item".
func lookupParams(body []byte) (url.Values, error) {
	var in lookupRequest
	if len(body) > 0 {
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, fmt.Errorf("the body is no LookupEventsRequest: %w", err)
		}
	}
	if len(in.LookupAttributes) > 1 {
		return nil, nil
	}
	p := url.Values{}
	set := func(name, value string) {
		if value != "" {
			p.Set(name, value)
		}
	}
	for _, a := range in.LookupAttributes {
		p.Set("AttributeKey", a.AttributeKey)
		p.Set("AttributeValue", a.AttributeValue)
	}
	set("StartTime", in.StartTime.String())
	set("EndTime", in.EndTime.String())
	set("EventCategory", in.EventCategory)
	set("NextToken", in.NextToken)
	if in.MaxResults != nil {
		p.Set("MaxResults", strconv.FormatInt(*in.MaxResults, 10))
	}
	return p, nil
}

// lookupEvent is Event of the service model: the record itself is text in it.
type lookupEvent struct {
	EventID         string `json:"EventId"`
	EventName       string
	ReadOnly        string
	AccessKeyID     string `json:"AccessKeyId,omitempty"`
	EventTime       int64
	EventSource     string
	Username        string           `json:",omitempty"`
	Resources       []lookupResource // never null
	CloudTrailEvent string
}

type lookupResource struct{ ResourceType, ResourceName string }

// lookedUp writes the result of LookupEvents as its clients read it.
func lookedUp(found iam.LookedUp) any {
	out := struct {
		Events    []lookupEvent
		NextToken string `json:",omitempty"`
	}{[]lookupEvent{}, found.NextToken}
	for _, e := range found.Events {
		r := e.Record(found.Account)
		x := lookupEvent{EventID: r.EventID, EventName: r.EventName, ReadOnly: strconv.FormatBool(r.ReadOnly),
			AccessKeyID: e.Who.Key, EventTime: e.Time.Unix(), EventSource: r.EventSource, Username: e.UserName(),
			Resources: []lookupResource{}, CloudTrailEvent: r.JSON()}
		for _, resource := range e.Resources() {
			x.Resources = append(x.Resources, lookupResource{resource.Type, resource.Name})
		}
		out.Events = append(out.Events, x)
	}
	return out
}

func writeJSON(w http.ResponseWriter, id string, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("endpoint: internal error: " + err.Error())
	}
	w.Header().Set("X-Amzn-RequestId", id)
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	w.Write(body) // a client that has gone is no error of ours
}

// isJSON reports whether r speaks the protocol of another kind of service, such as DynamoDB.
func isJSON(r *http.Request) bool {
	return r.Header.Get("X-Amz-Target") != "" ||
		slices.ContainsFunc(r.Header["Content-Type"], func(t string) bool { return strings.HasPrefix(t, "application/x-amz-json") })
}
