package iam

import (
	"net/url"
	"time"

	"github.com/mfalab/mfalab/sim/trail"
)

// A Call is one request whose signature has been checked.
type Call struct {
	Service string     // "iam" or "sts"
	Action  string     // "EnableMFADevice"
	Params  url.Values // the form without Action and Version
	Caller  Caller
	Region  string
	// Now is the lab's time: it judges codes, sessions and the age of everything.
	Now time.Time
	// Wall is the time of the client's clock: expirations go out as wall time plus what is left in lab time.
	Wall      time.Time
	RequestID string
	SourceIP  string
	UserAgent string
	// Secure is whether the call came over TLS.
	Secure bool
	// TLS is how the client was connected, nil without TLS.
	TLS *trail.TLS
}

// Root is the UserID of the account's root user in records and callers.
const Root = "root"

// A Caller is who signed: an access key of a user or of root, or a session made from one.
type Caller struct {
	AccessKeyID string
	UserID      string // "AIDA...", or Root
	UserName    string // empty for root
	ARN         string // as GetCallerIdentity says it
	// Session is nil for a long-term access key.
	Session *Session
}

// IsRoot reports whether the account's root user called, by its own key or in a session.
func (c Caller) IsRoot() bool { return c.UserID == Root }

// redacted returns c without the keys of its session.
func (c Caller) redacted() Caller {
	if c.Session != nil {
		x := *c.Session
		x.Secret, x.TokenHash = "", ""
		c.Session = &x
	}
	return c
}

// A Session is a set of temporary credentials.
type Session struct {
	AccessKeyID string    `json:"accessKeyId"` // "ASIA..."
	Secret      string    `json:"secret"`
	TokenHash   string    `json:"tokenHash"` // SHA-256 of the session token, hex
	UserID      string    `json:"userId"`    // whose policies count: the user's, Root, or the role's
	Created     time.Time `json:"created"`   // lab time
	Expires     time.Time `json:"expires"`   // lab time
	// MFA is whether the session began with a code; MFASerial says from which device.
	MFA       bool   `json:"mfa"`
	MFASerial string `json:"mfaSerial,omitempty"`
	// Console is whether somebody signed in for it: then it may call IAM without MFA, too.
	Console bool `json:"console,omitempty"`

	// Kind says how the session began; what follows is for those of roles and federated users.
	Kind SessionKind `json:"kind,omitempty"`
	Name string      `json:"name,omitempty"` // RoleSessionName, or the federated user's Name
	// IssuerARN and IssuerName are those of the role, or of the user who asked for the session, when it began.
	IssuerARN  string          `json:"issuerArn,omitempty"`
	IssuerName string          `json:"issuerName,omitempty"`
	Policies   []SessionPolicy `json:"policies,omitempty"`
	Tags       []Tag           `json:"tags,omitempty"`
	// Transitive are the keys of the tags that go on to the next role's session.
	Transitive     []string `json:"transitive,omitempty"`
	SourceIdentity string   `json:"sourceIdentity,omitempty"`
	// From is the access key ID of the console session from which somebody switched to the role; it ends with that.
	From string `json:"from,omitempty"`
}

// A User is one IAM user, or root.
type User struct {
	ID               string        `json:"id"`
	Name             string        `json:"name"`
	Path             string        `json:"path"`
	Created          time.Time     `json:"created"`
	PasswordLastUsed time.Time     `json:"passwordLastUsed,omitzero"`
	LoginProfile     *LoginProfile `json:"loginProfile,omitempty"`
	AccessKeys       []string      `json:"accessKeys,omitempty"` // IDs in the order of their making
	Devices          []string      `json:"devices,omitempty"`    // serial numbers of the assigned MFA devices, in that order
	Tags             []Tag         `json:"tags,omitempty"`
	Groups           []string      `json:"groups,omitempty"` // IDs, in the order of joining
	holding
}

// A Group is users that share policies.
type Group struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	Created time.Time `json:"created"`
	holding
}

// A Role is a set of policies that is assumed for a time.
type Role struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	Created     time.Time `json:"created"`
	Description string    `json:"description,omitempty"`
	// Trust is the document that says who may assume the role, as it was given.
	Trust string `json:"trust"`
	// MaxSession is how long a session may last, in seconds.
	MaxSession     int64     `json:"maxSession"`
	LastUsed       time.Time `json:"lastUsed,omitzero"`
	LastUsedRegion string    `json:"lastUsedRegion,omitempty"`
	Tags           []Tag     `json:"tags,omitempty"`
	holding
}

// holding is what a user, a group and a role have in common: managed policies are attached to them. Their inline policies
// are records of their own.
type holding struct {
	Attached []string `json:"attached,omitempty"` // ARNs of managed policies, in the order of attaching
	// Boundary is the ARN of the permissions boundary, which a group cannot have.
	Boundary string `json:"boundary,omitempty"`
}

// A ManagedPolicy is a policy of its own that can be attached. Its documents are records of their own.
type ManagedPolicy struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Path        string          `json:"path"`
	Description string          `json:"description,omitempty"`
	Created     time.Time       `json:"created"`
	Updated     time.Time       `json:"updated"`
	Default     string          `json:"default"` // "v1"
	Last        int64           `json:"last"`    // the number of the version made last
	Versions    []PolicyVersion `json:"versions"`
	Tags        []Tag           `json:"tags,omitempty"`
}

// A PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	ID      string    `json:"id"` // "v1"
	Created time.Time `json:"created"`
}

// A LoginProfile is a user's console password.
type LoginProfile struct {
	Hash          string    `json:"hash"` // bcrypt
	Created       time.Time `json:"created"`
	Changed       time.Time `json:"changed"`
	ResetRequired bool      `json:"resetRequired,omitempty"`
	Previous      []string  `json:"previous,omitempty"` // hashes, the newest first
	Throttle
}

// An AccessKey is a long-term credential.
type AccessKey struct {
	ID              string    `json:"id"`
	Secret          string    `json:"secret"`
	UserID          string    `json:"userId"`
	Inactive        bool      `json:"inactive,omitempty"`
	Created         time.Time `json:"created"`
	LastUsed        time.Time `json:"lastUsed,omitzero"`
	LastUsedRegion  string    `json:"lastUsedRegion,omitempty"`
	LastUsedService string    `json:"lastUsedService,omitempty"`
}

// A Tag is a key and a value on a user or a device.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Kinds of records in the store, with what their keys are.
const (
	kindAccount = "account" // "account"
	kindUser    = "user"    // the name in lower case; names are unique whatever their case
	kindUserID  = "userid"  // the ID; the value is the name in lower case
	kindKey     = "key"     // the access key ID
	kindSession = "session" // the access key ID
	kindDevice  = "mfa"     // the serial number: the factory's inventory and the virtual devices
	// kindCredential is the index of security keys: base64url of the credential ID; the value is the serial number.
	kindCredential = "credential"
	kindCeremony   = "ceremony" // the user's ID, a space, the ceremony's ID
	kindSignIn     = "signin"   // the sign-in's ID
	kindMessage    = "message"  // when it came, in nanoseconds, a hyphen, an ID
	kindGrave      = "grave"    // the name in lower case of a deleted user; the value is when

	kindGroup   = "group"   // the name in lower case
	kindGroupID = "groupid" // the ID; the value is the name in lower case
	kindMember  = "member"  // the group's ID, a space, the user's ID
	kindRole    = "role"    // the name in lower case
	kindRoleID  = "roleid"  // the ID; the value is the name in lower case
	kindPolicy  = "policy"  // the name of a managed policy in lower case
	// kindDocument is the text of a policy: the ID of the user, group or role and the inline policy's name, or the ID of
	// the managed policy and its version, with a space between.
	kindDocument = "document"
	// kindUsage is where a managed policy is used: its ARN, a space, "attached" or "boundary", a space, the ID of the user,
	// group or role.
	kindUsage = "usage"

	// The next three have the user's ID, a space and the thing's own ID.
	kindSSHKey            = "sshkey"
	kindCertificate       = "certificate"
	kindServiceCredential = "servicecredential"

	kindTrail = "trail" // the number of an event in 16 hexadecimal digits
	// kindThrottle has the key strangers, and with the weakness count-per-session a serial number, a space, an access key ID.
	kindThrottle = "throttle"
)
