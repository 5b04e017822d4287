package trail

import (
	"encoding/json"
	"fmt"
	"time"
)

// An Event is one call or sign-in as the store keeps it: without what can be said of every event of the account. Its JSON
// has short names, because there is one for every call.
type Event struct {
	Time   time.Time `json:"t"` // the lab's, to the second
	Source string    `json:"s"` // "iam": without ".amazonaws.com"
	Name   string    `json:"n"` // "EnableMFADevice"
	Region string    `json:"g,omitempty"`
	IP     string    `json:"ip,omitempty"`
	Agent  string    `json:"ua,omitempty"`
	Who    Identity  `json:"w"`
	// Code is the refusal's, as CloudTrail names it ("NoSuchEntityException"), and Message its text; "" for a call that
	// was done.
	Code    string `json:"ec,omitempty"`
	Message string `json:"em,omitempty"`
	// Request, Response and Extra are requestParameters, responseElements and additionalEventData; nil is null.
	Request  json.RawMessage `json:"rq,omitempty"`
	Response json.RawMessage `json:"rs,omitempty"`
	Extra    json.RawMessage `json:"x,omitempty"`

	RequestID string `json:"r,omitempty"`
	EventID   string `json:"e"`
	SharedID  string `json:"sh,omitempty"`
	ReadOnly  bool   `json:"ro,omitempty"`
	SignIn    bool   `json:"si,omitempty"` // the page's, not the API's
	// Details is serviceEventDetails: what a service did by itself, nobody having called it; nil for calls.
	Details json.RawMessage `json:"sd,omitempty"`
	// Role is the ARN of the role that was assumed: it is listed as the record's resource.
	Role string `json:"ar,omitempty"`
	TLS  *TLS   `json:"tls,omitempty"`
	// Console is whether the session was begun at the sign-in page.
	Console bool `json:"co,omitempty"`
	// Data is whether the event is a data event, one about what is inside a resource: LookupEvents never finds those, a
	// trail has them where it is told to. About are the resources that the record of such an event lists.
	Data  bool       `json:"d,omitempty"`
	About []Resource `json:"ab,omitempty"`
}

// TLS is how the client was connected. Nil in an Event means without TLS.
type TLS struct {
	Version string `json:"v"` // "TLSv1.3"
	Suite   string `json:"c"` // "TLS_AES_128_GCM_SHA256"
	Host    string `json:"h"` // as the client named it
}

// A Kind of who calls: the type of a userIdentity.
type Kind string

// The kinds of callers.
const (
	Root          Kind = "Root"
	IAMUser       Kind = "IAMUser"
	AssumedRole   Kind = "AssumedRole"
	FederatedUser Kind = "FederatedUser"
	Anonymous     Kind = "AWSAccount" // somebody of another account or, in this lab, nobody who says who it is
	// Unknown is who signs in at IAM Identity Center: no user of the account.
	Unknown Kind = "Unknown"
)

// An Identity is who called. The account is not in it: it is the same in every record.
type Identity struct {
	Kind      Kind   `json:"k"`
	Principal string `json:"p,omitempty"` // the unique ID; of a role's session followed by ":" and its name
	ARN       string `json:"a,omitempty"`
	Key       string `json:"i,omitempty"` // the access key's ID
	User      string `json:"u,omitempty"` // an IAM user's name
	// Since is when the session began; zero where there is none. MFA says whether that took a device.
	Since time.Time `json:"c,omitzero"`
	MFA   bool      `json:"m,omitempty"`
	// Issuer is whose credentials the session was made from, for a role's and a federated user's.
	Issuer *Issuer `json:"si,omitempty"`
	// SourceIdentity is what AssumeRole was told.
	SourceIdentity string `json:"so,omitempty"`
	// InvokedBy is the service that called for somebody.
	InvokedBy string `json:"by,omitempty"`
}

// An Issuer is the role of a role's session, or the user (or root) who asked for a federated one.
type Issuer struct {
	Kind      string `json:"k"` // "Role", "IAMUser" or "Root"
	Principal string `json:"p"`
	ARN       string `json:"a"`
	User      string `json:"u,omitempty"` // the role's or the user's name
}

// Parse reads what AppendJSON wrote.
func Parse(b []byte) (*Event, error) {
	e := &Event{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("this is no event of a trail: %w", err)
	}
	return e, nil
}

// UserName is who called as LookupEvents has it: the name of a user or of a session, "root" for the root user.
func (e *Event) UserName() string {
	switch w := e.Who; w.Kind {
	case Root:
		return "root"
	case IAMUser, Unknown:
		return w.User
	default:
		return afterLast(w.Principal, ':')
	}
}
