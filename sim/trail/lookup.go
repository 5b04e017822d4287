package trail

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// An Attribute is what events can be looked up by: LookupAttributeKey of the service model.
type Attribute string

// The attributes.
const (
	EventID      Attribute = "EventId"
	EventName    Attribute = "EventName"
	ReadOnly     Attribute = "ReadOnly"
	UserName     Attribute = "Username"
	ResourceType Attribute = "ResourceType"
	ResourceName Attribute = "ResourceName"
	EventSource  Attribute = "EventSource"
	AccessKeyID  Attribute = "AccessKeyId"
)

// Attributes are all of them, in the order of the service model.
func Attributes() []Attribute {
	return []Attribute{EventID, EventName, ReadOnly, UserName, ResourceType, ResourceName, EventSource, AccessKeyID}
}

// A Filter says which events are asked for. The zero value asks for all.
type Filter struct {
	By    Attribute // "" asks for any
	Value string
	// Start and End are the first and the last moment; zero is no bound.
	Start, End time.Time
	// Management leaves data events out, as LookupEvents does.
	Management bool
	// Region is where the calls came in; "" asks for any.
	Region string
}

// Match reports whether e is one of those asked for.
func (f Filter) Match(e *Event) bool {
	if f.Management && e.Data || f.Region != "" && e.Region != f.Region {
		return false
	}
	if !f.Start.IsZero() && e.Time.Before(f.Start) || !f.End.IsZero() && e.Time.After(f.End) {
		return false
	}
	switch f.By {
	case "":
		return true
	case EventID:
		return e.EventID == f.Value
	case EventName:
		return e.Name == f.Value
	case ReadOnly:
		return strconv.FormatBool(e.ReadOnly) == f.Value
	case UserName:
		return e.UserName() == f.Value
	case EventSource:
		return e.Source+domain == f.Value
	case AccessKeyID:
		return e.Who.Key == f.Value && f.Value != ""
	}
	for _, r := range e.Resources() {
		if f.By == ResourceType && r.Type == f.Value || f.By == ResourceName && r.Name == f.Value {
			return true
		}
	}
	return false
}

// A Resource is something that an event is about.
type Resource struct {
	Type string `json:"t"` // "AWS::IAM::User"
	Name string `json:"n"` // its name, ID or ARN
}

const roleType = "AWS::IAM::Role"

// The types of the resources of S3.
const (
	BucketType = "AWS::S3::Bucket"
	ObjectType = "AWS::S3::Object"
)

// resourceTypes are the types of what is named in an event by a member of that name. The types are those of
// CloudFormation, as the service uses them; which members it looks at is our reading of its answers.
var resourceTypes = map[string]string{
	"userName": "AWS::IAM::User", "roleName": roleType, "roleArn": roleType, "groupName": "AWS::IAM::Group",
	"policyArn": "AWS::IAM::Policy", "policyName": "AWS::IAM::Policy", "accessKeyId": "AWS::IAM::AccessKey",
	"serialNumber": "AWS::IAM::MFADevice", "virtualMFADeviceName": "AWS::IAM::MFADevice",
	"instanceProfileName": "AWS::IAM::InstanceProfile", "bucketName": BucketType,
	"instanceId": "AWS::EC2::Instance",
}

// Resources returns what e is about: what its parameters and its answer name, each once, in that order.
func (e *Event) Resources() []Resource {
	var out []Resource
	seen := map[Resource]bool{}
	for _, part := range []json.RawMessage{e.Request, e.Response} {
		walk(json.NewDecoder(strings.NewReader(string(part))), "", func(member, value string) {
			r := Resource{resourceTypes[member], value}
			if r.Type != "" && value != "" && !seen[r] {
				seen[r] = true
				out = append(out, r)
			}
		})
	}
	return out
}

// walk visits every text of one JSON value with the name of the member that it stands under, in order.
func walk(d *json.Decoder, member string, visit func(member, value string)) {
	t, err := d.Token()
	if err != nil {
		return
	}
	switch t := t.(type) {
	case string:
		visit(member, t)
	case json.Delim:
		for d.More() {
			inner := member
			if t == '{' {
				name, err := d.Token()
				if err != nil {
					return
				}
				inner, _ = name.(string)
			}
			walk(d, inner, visit)
		}
		_, _ = d.Token() // the closing one
	}
}
