package policy

import (
	"fmt"
	"unicode"
)

// A Kind says what a document is attached to, and with it which elements it may have and how it counts.
type Kind byte

// The kinds of documents (User Guide, "Policies and permissions in IAM").
const (
	Identity Kind = iota // of a user, a group or a role, managed or inline
	Boundary             // a permissions boundary: what identity policies may allow at most
	Session              // passed to AssumeRole or GetFederationToken: what the session may do at most
	Resource             // of a resource, such as a bucket
	Trust                // of a role: who may assume it
)

// kinds holds the words of the denial texts, Section 4.3. "sessions policy" is the real service's spelling.
var kinds = [...]struct{ name, allows, denies string }{
	Identity: {"identity", "no identity-based policy", "an identity-based policy"},
	Boundary: {"boundary", "no permissions boundary", "a permissions boundary"},
	Session:  {"session", "no session policy", "a sessions policy"},
	Resource: {"resource", "no resource-based policy", "a resource-based policy"},
	Trust:    {"trust", "no role trust policy", "the role trust policy"},
}

// String returns the kind's name in lower case, such as "identity".
func (k Kind) String() string {
	if int(k) >= len(kinds) {
		return "unknown"
	}
	return kinds[k].name
}

// granted reports whether documents of this kind name the principals they speak of.
func (k Kind) granted() bool { return k == Resource || k == Trust }

// A Quota is how many characters, white space left out, documents may have together.
type Quota int

// From the specification (User Guide, "IAM and AWS STS quotas"). The inline quotas are for all inline policies of one
// user, group or role together; the others are for one document.
const (
	InlineUser  Quota = 2048
	InlineGroup Quota = 5120
	InlineRole  Quota = 10240
	Managed     Quota = 6144 // boundaries too: they are managed policies
	TrustPolicy Quota = 2048
	SessionText Quota = 2048
	Bucket      Quota = 20480 // Amazon S3 User Guide, "Bucket policies"
)

// maxText is the longest document that the wire takes, white space included (policyDocumentType, Appendix A.2).
const maxText = 131072

// Size returns how many characters of a document count against a quota: all but white space.
func Size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// Check returns an *Error if size is over the quota. Name is who owns the inline policies, "" for other documents.
func (q Quota) Check(size int, name string) error {
	if size <= int(q) {
		return nil
	}
	f := tooLarge
	switch q {
	case InlineUser, InlineGroup, InlineRole:
		f = tooLargeInline
		if name == "" { // 2048 is the quota of trust and session documents as well
			f = tooLargeTrust
		}
	case Bucket:
		f = tooLargeBucket
	}
	return q.refuse(f, size, name)
}

// refuse makes the error, with the owner's kind in the texts of inline policies.
func (q Quota) refuse(f fault, size int, name string) error {
	owner := map[Quota]string{InlineUser: "user", InlineGroup: "group", InlineRole: "role"}[q]
	kind := Identity
	if q == Bucket {
		kind = Resource
	}
	e := refuse(kind, f, "", int(q), owner, name)
	e.Detail = fmt.Sprintf("%d characters without white space, %d are the limit: shorten it or split it", size, int(q))
	return e
}
