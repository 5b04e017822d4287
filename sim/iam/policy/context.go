package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Key is the name of a condition key, such as "aws:MultiFactorAuthPresent"; its case does not count.
type Key string

// The global keys and those of services that matter to MFA (User Guide, "AWS global condition context keys"; Section 4.1).
const (
	CurrentTime           Key = "aws:CurrentTime"
	EpochTime             Key = "aws:EpochTime"
	MFAAge                Key = "aws:MultiFactorAuthAge"
	MFAPresent            Key = "aws:MultiFactorAuthPresent"
	PrincipalAccount      Key = "aws:PrincipalAccount"
	PrincipalARN          Key = "aws:PrincipalArn"
	PrincipalType         Key = "aws:PrincipalType"
	RequestedRegion       Key = "aws:RequestedRegion"
	SecureTransport       Key = "aws:SecureTransport"
	SourceIP              Key = "aws:SourceIp"
	TagKeys               Key = "aws:TagKeys"
	TokenIssueTime        Key = "aws:TokenIssueTime"
	UserAgent             Key = "aws:UserAgent"
	UserID                Key = "aws:userid"
	UserName              Key = "aws:username"
	ViaAWSService         Key = "aws:ViaAWSService"
	IAMPermissionBoundary Key = "iam:PermissionsBoundary"
	IAMPolicyARN          Key = "iam:PolicyARN"
	IAMPassedToService    Key = "iam:PassedToService"
	STSExternalID         Key = "sts:ExternalId"
	STSRoleSessionName    Key = "sts:RoleSessionName"
	STSSourceIdentity     Key = "sts:SourceIdentity"
	S3Prefix              Key = "s3:prefix"
	S3VersionID           Key = "s3:VersionId"
)

// PrincipalTag is the key of a tag of the caller.
func PrincipalTag(name string) Key { return Key("aws:PrincipalTag/" + name) }

// RequestTag is the key of a tag that the request passes.
func RequestTag(name string) Key { return Key("aws:RequestTag/" + name) }

// ResourceTag is the key of a tag of the resource.
func ResourceTag(name string) Key { return Key("aws:ResourceTag/" + name) }

// Is reports whether k and other are the same key.
func (k Key) Is(other Key) bool {
	return len(k) == len(other) && strings.EqualFold(string(k), string(other))
}

// A Context is what is known of a request: keys with their values. The zero value knows nothing. A key without values is
// absent.
type Context struct{ entries []entry }

type entry struct {
	key    Key
	values []string
}

// NewContext returns a context that knows what time it is: now, which sets aws:CurrentTime and aws:EpochTime.
func NewContext(now time.Time) *Context {
	c := &Context{entries: make([]entry, 0, 16)}
	c.SetTime(CurrentTime, now)
	c.Set(EpochTime, strconv.FormatInt(now.Unix(), 10))
	return c
}

// Set gives a key its values, instead of those that it had; without values the key becomes absent.
func (c *Context) Set(k Key, values ...string) {
	for i := range c.entries {
		if c.entries[i].key.Is(k) {
			c.entries[i].values = values
			return
		}
	}
	c.entries = append(c.entries, entry{k, values})
}

// SetBool gives a key the value "true" or "false".
func (c *Context) SetBool(k Key, v bool) { c.Set(k, strconv.FormatBool(v)) }

// SetNumber gives a key a whole number.
func (c *Context) SetNumber(k Key, n int64) { c.Set(k, strconv.FormatInt(n, 10)) }

// SetTime gives a key a time, to the second.
func (c *Context) SetTime(k Key, t time.Time) { c.Set(k, t.UTC().Format(time.RFC3339)) }

// SetMFA sets the two MFA keys of temporary credentials, Section 4.1: the age in whole seconds is there only if MFA was
// used, the presence always. For long-term access keys neither is set: do not call it.
func (c *Context) SetMFA(used bool, at, now time.Time) {
	c.SetBool(MFAPresent, used)
	c.Set(MFAAge)
	if used {
		c.SetNumber(MFAAge, int64(max(0, now.Sub(at))/time.Second))
	}
}

// Get returns the values of a key, nil where it is absent. The slice belongs to the context. A nil context has no keys.
func (c *Context) Get(k Key) []string {
	if c == nil {
		return nil
	}
	for i := range c.entries {
		if e := &c.entries[i]; len(e.key) == len(k) && (e.key == k || e.key.Is(k)) {
			return e.values
		}
	}
	return nil
}

// Keys returns the keys that have values, sorted.
func (c *Context) Keys() []Key {
	var keys []Key
	for _, e := range c.entries {
		if len(e.values) > 0 {
			keys = append(keys, e.key)
		}
	}
	slices.Sort(keys)
	return keys
}
