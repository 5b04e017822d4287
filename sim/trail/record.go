package trail

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// From the record contents and the samples of Section 7.
const (
	version       = "1.11"
	signInVersion = "1.08" // the newest one in the samples of sign-ins
	domain        = ".amazonaws.com"
	apiCall       = "AwsApiCall"
	consoleSignIn = "AwsConsoleSignIn"
	serviceEvent  = "AwsServiceEvent"
	management    = "Management"
	data          = "Data"
	// anonymous is the account of a request that nobody signed: "CloudTrail userIdentity element".
	anonymous = "ANONYMOUS_PRINCIPAL"
)

// A Record is one event as CloudTrail shows it, its fields in the order of the service's own records. What is nil or empty
// and not optional is null.
type Record struct {
	EventVersion        string           `json:"eventVersion"`
	UserIdentity        UserIdentity     `json:"userIdentity"`
	EventTime           string           `json:"eventTime"`
	EventSource         string           `json:"eventSource"`
	EventName           string           `json:"eventName"`
	AWSRegion           string           `json:"awsRegion"`
	SourceIPAddress     string           `json:"sourceIPAddress"`
	UserAgent           string           `json:"userAgent"`
	ErrorCode           string           `json:"errorCode,omitempty"`
	ErrorMessage        string           `json:"errorMessage,omitempty"`
	RequestParameters   json.RawMessage  `json:"requestParameters"`
	ResponseElements    json.RawMessage  `json:"responseElements"`
	AdditionalEventData json.RawMessage  `json:"additionalEventData,omitempty"`
	RequestID           string           `json:"requestID,omitempty"`
	EventID             string           `json:"eventID"`
	ReadOnly            bool             `json:"readOnly"`
	Resources           []RecordResource `json:"resources,omitempty"`
	EventType           string           `json:"eventType"`
	ManagementEvent     bool             `json:"managementEvent"`
	RecipientAccountID  string           `json:"recipientAccountId"`
	SharedEventID       string           `json:"sharedEventID,omitempty"`
	EventCategory       string           `json:"eventCategory"`
	// ServiceEventDetails are there for what a service records that nobody called.
	ServiceEventDetails json.RawMessage `json:"serviceEventDetails,omitempty"`
	TLSDetails          *TLSDetails     `json:"tlsDetails,omitempty"`
	// FromConsole is "true" for what is done in a session of the console, else absent.
	FromConsole string `json:"sessionCredentialFromConsole,omitempty"`
}

// A UserIdentity is who called: "CloudTrail userIdentity element".
type UserIdentity struct {
	Type        Kind   `json:"type"`
	PrincipalID string `json:"principalId,omitempty"`
	ARN         string `json:"arn,omitempty"`
	AccountID   string `json:"accountId"`
	// AccessKeyID is absent where the console signed somebody in, and "" where it refused to (Section 7).
	AccessKeyID    *string         `json:"accessKeyId,omitempty"`
	UserName       string          `json:"userName,omitempty"`
	SessionContext *SessionContext `json:"sessionContext,omitempty"`
	InvokedBy      string          `json:"invokedBy,omitempty"`
}

// A SessionContext is about the session of temporary credentials.
type SessionContext struct {
	SessionIssuer  *SessionIssuer    `json:"sessionIssuer,omitempty"`
	Attributes     SessionAttributes `json:"attributes"`
	SourceIdentity string            `json:"sourceIdentity,omitempty"`
}

// SessionAttributes are strings all: Section 7.
type SessionAttributes struct {
	CreationDate     string `json:"creationDate"`
	MFAAuthenticated string `json:"mfaAuthenticated"` // "true" or "false"
}

// A SessionIssuer is whose credentials a session was made from.
type SessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName,omitempty"`
}

// A RecordResource is something that a record lists: the role that AssumeRole was about, a bucket, an object.
type RecordResource struct {
	AccountID string `json:"accountId,omitempty"` // absent of an object: the bucket says whose it is
	Type      string `json:"type"`                // "AWS::IAM::Role"
	ARN       string `json:"ARN"`
}

// TLSDetails are there for clients that came by TLS.
type TLSDetails struct {
	TLSVersion               string `json:"tlsVersion"`
	CipherSuite              string `json:"cipherSuite"`
	ClientProvidedHostHeader string `json:"clientProvidedHostHeader"`
}

// Record returns the event as CloudTrail shows it to the account of that number.
func (e *Event) Record(account string) Record {
	r := Record{
		EventVersion: version, UserIdentity: e.identity(account), EventTime: Stamp(e.Time), EventSource: e.Source + domain,
		EventName: e.Name, AWSRegion: e.Region, SourceIPAddress: e.IP, UserAgent: e.Agent, ErrorCode: e.Code,
		ErrorMessage: e.Message, RequestParameters: e.Request, ResponseElements: e.Response, AdditionalEventData: e.Extra,
		RequestID: e.RequestID, EventID: e.EventID, ReadOnly: e.ReadOnly, EventType: apiCall, ManagementEvent: true,
		RecipientAccountID: account, SharedEventID: e.SharedID, EventCategory: management,
	}
	if e.SignIn {
		r.EventVersion, r.EventType, r.RequestID = signInVersion, consoleSignIn, ""
	}
	if e.Details != nil {
		r.EventVersion, r.EventType, r.ServiceEventDetails = signInVersion, serviceEvent, e.Details
	}
	if e.Console && !e.SignIn {
		r.FromConsole = "true"
	}
	if e.Role != "" {
		r.Resources = []RecordResource{{account, roleType, e.Role}}
	}
	for _, about := range e.About {
		listed := RecordResource{account, about.Type, about.Name}
		if about.Type == ObjectType {
			listed.AccountID = ""
		}
		r.Resources = append(r.Resources, listed)
	}
	if e.Data {
		r.ManagementEvent, r.EventCategory = false, data
	}
	if t := e.TLS; t != nil {
		r.TLSDetails = &TLSDetails{t.Version, t.Suite, t.Host}
	}
	return r
}

func (e *Event) identity(account string) UserIdentity {
	w := e.Who
	u := UserIdentity{Type: w.Kind, PrincipalID: w.Principal, ARN: w.ARN, AccountID: account, UserName: w.User, InvokedBy: w.InvokedBy}
	if w.Kind == Anonymous {
		u.AccountID = anonymous
	}
	if w.Key != "" || e.SignIn && e.Message != "" {
		u.AccessKeyID = &w.Key
	}
	if w.Since.IsZero() {
		return u
	}
	u.SessionContext = &SessionContext{SourceIdentity: w.SourceIdentity,
		Attributes: SessionAttributes{Stamp(w.Since), strconv.FormatBool(w.MFA)}}
	if i := w.Issuer; i != nil {
		u.SessionContext.SessionIssuer = &SessionIssuer{i.Kind, i.Principal, i.ARN, account, i.User}
	}
	return u
}

// JSON returns the record in one line, as LookupEvents carries it.
func (r Record) JSON() string {
	var b strings.Builder
	x := json.NewEncoder(&b)
	x.SetEscapeHTML(false)
	if err := x.Encode(r); err != nil {
		panic("trail: internal error: " + err.Error()) // raw parts are valid JSON: this package made them
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Stamp returns t as records have it: in UTC, to the second.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func afterLast(s string, c byte) string { return s[strings.LastIndexByte(s, c)+1:] }
