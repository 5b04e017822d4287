package s3

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/trail"
)

// What a record of S3 says is from the Amazon S3 User Guide, "Amazon S3 CloudTrail events" and "Example: Amazon S3 log file
// entries". Calls about a bucket are management events; calls about objects, and the lists of them, are data events, which a
// trail has where somebody paid for them and LookupEvents never shows. The lab's trail has them all.

// managed are the operations whose events are management events.
var managed = map[string]bool{"ListBuckets": true, "CreateBucket": true, "DeleteBucket": true, "GetBucketLocation": true,
	"GetBucketVersioning": true, "PutBucketVersioning": true, "GetBucketPolicy": true, "PutBucketPolicy": true,
	"DeleteBucketPolicy": true, "GetBucketLifecycleConfiguration": true, "PutBucketLifecycleConfiguration": true,
	"DeleteBucketLifecycle": true}

// eventNames are the operations that records call otherwise than the API does.
var eventNames = map[string]string{"ListObjectsV2": "ListObjects", "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
	"PutBucketLifecycleConfiguration": "PutBucketLifecycle"}

// unrecorded are query parameters that are the signature's: whoever had them could send the request again.
var unrecorded = []string{"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"}

// told is what the record says of the call besides who, when and how it ended. The header of MFA delete is in no record:
// which device it was the journal has, and the code nobody.
func (q *request) told(op *operation) iam.Told {
	asked := map[string]any{"Host": q.r.Host}
	q.asked = asked
	for name, values := range q.query {
		if value := strings.Join(values, ","); !slices.Contains(unrecorded, name) && len(name)+len(value) <= maxKey {
			asked[name] = value
		}
	}
	t := iam.Told{Name: eventNames[op.name], ReadOnly: q.r.Method == "GET" || q.r.Method == "HEAD", Data: !managed[op.name]}
	if q.bucket != "" {
		asked["bucketName"] = q.bucket
		t.About = []trail.Resource{{Type: trail.BucketType, Name: "arn:aws:s3:::" + q.bucket}}
	}
	if q.key != "" {
		asked["key"] = q.key
		t.About = slices.Insert(t.About, 0, trail.Resource{Type: trail.ObjectType, Name: q.arn()})
	}
	if source, err := url.PathUnescape(q.r.Header.Get(copySource)); err == nil && source != "" {
		asked["x-amz-copy-source"] = source
	}
	method := "AuthHeader"
	switch {
	case q.query.Has("X-Amz-Signature"):
		method = "QueryString"
	case q.call.Caller.UserID == "":
		method = "" // anybody
	}
	extra := map[string]any{"x-amz-id-2": q.call.RequestID, "bytesTransferredIn": max(0, q.r.ContentLength)}
	if method != "" {
		extra["SignatureVersion"], extra["AuthenticationMethod"] = "SigV4", method
	}
	if q.call.TLS != nil {
		extra["CipherSuite"] = q.call.TLS.Suite
	}
	t.Request, t.Extra = members(asked), members(extra)
	return t
}

// members returns m as JSON. Its values are texts, numbers and structures of them, which always have a form in JSON.
func members(m map[string]any) json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		panic("s3: internal error: " + err.Error())
	}
	return b
}

// shows puts the document of a request that changes a bucket's settings beside its parameters.
func (q *request) shows(name string, document any) {
	q.asked[name] = document
	q.beside.Told().Request = members(q.asked)
}
