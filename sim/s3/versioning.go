package s3

import (
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// mfaHeader carries the serial number of a device, a space, and its code.
const mfaHeader = "X-Amz-Mfa"

var (
	serialShape = regexp.MustCompile(`^[\w+=/:,.@-]{1,256}$`)
	codeShape   = regexp.MustCompile(`^[0-9]{1,16}$`)
)

// parseMFA reads the header. How many digits a code has is for the device to say.
func parseMFA(values []string) (serial, code string, ok bool) {
	if len(values) != 1 {
		return "", "", false
	}
	serial, code, _ = strings.Cut(values[0], " ")
	return serial, code, serialShape.MatchString(serial) && codeShape.MatchString(code)
}

// mfa returns what the header says, of those who may use it. The order in which the real service refuses is not recorded:
// what is wrong with the request comes before what is wrong with the caller.
func (q *request) mfa() (serial, code string, err error) {
	values := q.r.Header.Values(mfaHeader)
	if len(values) == 0 {
		return "", "", refuse("MFAMissing")
	}
	serial, code, ok := parseMFA(values)
	switch {
	case !ok:
		return "", "", refuse("MFAMalformed", "ArgumentName", "x-amz-mfa", "ArgumentValue", strings.Join(values, ","))
	case q.call.Caller.Session != nil:
		return "", "", refuse("MFASession")
	case !q.call.Caller.IsRoot():
		return "", "", refuse("MFANotOwner")
	}
	return serial, code, nil
}

// versioningXML is both question and answer.
type versioningXML struct {
	XMLName   xml.Name `xml:"VersioningConfiguration" json:"-"`
	Namespace string   `xml:"xmlns,attr,omitempty" json:"-"`
	Status    string   `xml:",omitempty" json:",omitempty"`
	MfaDelete string   `xml:",omitempty" json:",omitempty"`
}

// getVersioning implements GetBucketVersioning: a bucket that never had versioning says nothing at all, which
// clients tell from one in which it is suspended.
func (q *request) getVersioning() error {
	return q.answer(versioningXML{Namespace: namespace, Status: q.b.Versioning, MfaDelete: q.b.MFADelete})
}

// putVersioning changes the state of a bucket. A code is needed where MFA delete is on, or is to be turned on.
func (q *request) putVersioning() error {
	var v versioningXML
	if err := q.readXML(&v); err != nil {
		return err
	}
	if !slices.Contains([]string{"", enabled, suspended}, v.Status) || !slices.Contains([]string{"", enabled, disabled}, v.MfaDelete) {
		return refuse("MalformedXML")
	}
	if v.Status == "" {
		return refuse("NoVersioning")
	}
	q.shows("VersioningConfiguration", v)
	if v.MfaDelete == enabled && q.b.Lifecycle != "" {
		return refuse("MFALifecycle")
	}
	need := func(b *bucket) bool { return b.MFADelete == enabled || v.MfaDelete == enabled }
	return q.change(need, func(r *iam.Records, b *bucket) ([]string, error) {
		if v.MfaDelete == enabled && b.Lifecycle != "" {
			return nil, refuse("MFALifecycle")
		}
		b.Versioning = v.Status
		if v.MfaDelete != "" {
			b.MFADelete = v.MfaDelete
		}
		return nil, put(r, kindBucket, b.Name, b)
	})
}

// maxXML is how long a document of a request may be. Our choice: a DeleteObjects of 1000 keys of 1024 bytes, all of them
// escaped, is the longest.
const maxXML = 8 << 20

// readBody reads a body that is a document, checked as content is.
func (q *request) readBody() ([]byte, error) {
	if q.r.ContentLength > maxXML {
		return nil, refuse("TooLarge")
	}
	c, err := q.checker()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.TeeReader(io.LimitReader(q.r.Body, maxXML+1), c))
	if err == nil && len(b) > maxXML {
		err = refuse("TooLarge")
	}
	if err == nil {
		err = c.compare(q.r)
	}
	return b, err
}

// readXML reads the document of a request into v, whatever its namespace.
func (q *request) readXML(v any) error {
	b, err := q.readBody()
	if err != nil {
		return err
	}
	if xml.Unmarshal(b, v) != nil {
		return refuse("MalformedXML")
	}
	return nil
}
