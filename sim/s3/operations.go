package s3

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"slices"
)

// namespace is that of the answers: S3 API Reference.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// An operation is one row of the table: by which method and which query parameter it is told, and what the policies have
// to allow. Action is "" where the operation asks for itself.
type operation struct {
	name, action string
	method       string
	level        level
	by           string // the query parameter that makes it this one; "" where there is none
	run          func(*request) error
}

type level int

const (
	account level = iota
	ofBucket
	ofObject
)

// operations is the table; of rows of one method and level the one whose parameter is there counts, and a row without one
// only where no other parameter of S3's is there.
var operations = []operation{
	{"ListBuckets", "s3:ListAllMyBuckets", "GET", account, "", (*request).listBuckets},

	{"CreateBucket", "s3:CreateBucket", "PUT", ofBucket, "", (*request).createBucket},
	{"DeleteBucket", "s3:DeleteBucket", "DELETE", ofBucket, "", (*request).deleteBucket},
	{"HeadBucket", "s3:ListBucket", "HEAD", ofBucket, "", (*request).headBucket},
	{"GetBucketLocation", "s3:GetBucketLocation", "GET", ofBucket, "location", (*request).getLocation},
	{"GetBucketVersioning", "s3:GetBucketVersioning", "GET", ofBucket, "versioning", (*request).getVersioning},
	{"PutBucketVersioning", "s3:PutBucketVersioning", "PUT", ofBucket, "versioning", (*request).putVersioning},
	{"GetBucketPolicy", "s3:GetBucketPolicy", "GET", ofBucket, "policy", (*request).getPolicy},
	{"PutBucketPolicy", "s3:PutBucketPolicy", "PUT", ofBucket, "policy", (*request).putPolicy},
	{"DeleteBucketPolicy", "s3:DeleteBucketPolicy", "DELETE", ofBucket, "policy", (*request).deletePolicy},
	{"GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", "GET", ofBucket, "lifecycle", (*request).getLifecycle},
	{"PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration", "PUT", ofBucket, "lifecycle", (*request).putLifecycle},
	{"DeleteBucketLifecycle", "s3:PutLifecycleConfiguration", "DELETE", ofBucket, "lifecycle", (*request).deleteLifecycle},
	{"ListObjectVersions", "s3:ListBucketVersions", "GET", ofBucket, "versions", (*request).listVersions},
	{"ListObjectsV2", "s3:ListBucket", "GET", ofBucket, "list-type", (*request).listV2},
	{"ListObjects", "s3:ListBucket", "GET", ofBucket, "", (*request).listV1},
	{"DeleteObjects", "", "POST", ofBucket, "delete", (*request).deleteObjects},

	{"GetObject", "s3:GetObject", "GET", ofObject, "", (*request).getObject},
	{"HeadObject", "s3:GetObject", "HEAD", ofObject, "", (*request).getObject},
	{"PutObject", "s3:PutObject", "PUT", ofObject, "", (*request).putObject},
	{"DeleteObject", "s3:DeleteObject", "DELETE", ofObject, "", (*request).deleteObject},
	{"CreateMultipartUpload", "s3:PutObject", "POST", ofObject, "uploads", (*request).createUpload},
	{"UploadPart", "s3:PutObject", "PUT", ofObject, "uploadId", (*request).uploadPart},
	{"CompleteMultipartUpload", "s3:PutObject", "POST", ofObject, "uploadId", (*request).completeUpload},
	{"AbortMultipartUpload", "s3:AbortMultipartUpload", "DELETE", ofObject, "uploadId", (*request).abortUpload},
}

// subresources are query parameters that make a request another one.
var subresources = []string{"accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory",
	"legal-hold", "lifecycle", "list-type", "location", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy",
	"policyStatus", "publicAccessBlock", "replication", "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent",
	"uploadId", "uploads", "versioning", "versions", "website"}

// operation returns the row of the table, nil where there is none.
func (q *request) operation() *operation {
	at := account
	switch {
	case q.key != "":
		at = ofObject
	case q.bucket != "":
		at = ofBucket
	}
	by := ""
	for _, name := range subresources {
		if q.query.Has(name) {
			by = name
		}
	}
	i := slices.IndexFunc(operations, func(op operation) bool { return op.method == q.r.Method && op.level == at && op.by == by })
	if i < 0 {
		return nil
	}
	if operations[i].name == "PutObject" && q.r.Header.Get(copySource) != "" {
		return &copyObject
	}
	return &operations[i]
}

// answer writes a document.
func (q *request) answer(v any) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		return err
	}
	if err := q.beside.Leave(q.ctx); err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/xml")
	_, _ = q.w.Write(b.Bytes()) // a client that has gone is no error of ours
	return nil
}

// nothing answers without a body.
func (q *request) nothing() error {
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}
