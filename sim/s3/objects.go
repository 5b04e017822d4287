package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/policy"
)

// kept are the headers that an object keeps, besides those of its metadata: S3 API Reference, "PutObject".
var kept = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Expires",
	"X-Amz-Website-Redirect-Location"}

const (
	metaPrefix = "X-Amz-Meta-"
	copySource = "X-Amz-Copy-Source"
)

// headersOf returns what an object keeps of a request's headers. How the body came is not among it.
func headersOf(r *http.Request) map[string]string {
	m := map[string]string{}
	for _, name := range kept {
		if v := r.Header.Get(name); v != "" {
			m[name] = v
		}
	}
	// aws-chunked says how this one body came, and the SDKs set it without being asked: an object that kept it would be one that
	// no client can decode. "Signature calculations for the authorization header: transferring payload in multiple chunks".
	if encodings := strings.Split(m["Content-Encoding"], ","); strings.TrimSpace(encodings[0]) == "aws-chunked" {
		if m["Content-Encoding"] = strings.TrimSpace(strings.Join(encodings[1:], ",")); m["Content-Encoding"] == "" {
			delete(m, "Content-Encoding")
		}
	}
	for name, v := range r.Header {
		if strings.HasPrefix(name, metaPrefix) {
			m[name] = strings.Join(v, ",")
		}
	}
	return m
}

// receive reads the body into a content of its own. A body that ends early, or is not what the client says it is, leaves
// nothing behind. It is read before any transaction begins: a client on a slow line must not hold the store. The length
// that is announced is looked at first, so that what is too long is refused before it is sent ("Expect: 100-continue").
func (q *request) receive() (name string, c *checker, err error) {
	switch n := q.r.ContentLength; {
	case n < 0:
		return "", nil, refuse("MissingLength")
	case n > MaxObject:
		return "", nil, refuse("TooLarge", "ProposedSize", q.r.Header.Get("Content-Length"), "MaxSizeAllowed", "67108864")
	}
	if c, err = q.checker(); err != nil {
		return "", nil, err
	}
	d, err := q.folder.create()
	if err != nil {
		return "", nil, err
	}
	if _, err = io.Copy(io.MultiWriter(d, c), io.LimitReader(q.r.Body, MaxObject+1)); err == nil {
		err = c.compare(q.r)
	}
	// Which of these comes first matters: the disk that is full says so whatever the client sent, and a body that ended early
	// cannot have the right hash either.
	switch {
	case errors.Is(err, ErrFull):
		err = refuse("Full")
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = refuse("Incomplete")
	case err == nil && c.size > MaxObject:
		err = refuse("TooLarge")
	}
	if err != nil {
		d.discard()
		return "", nil, err
	}
	name, err = d.keep()
	return name, c, err
}

// putObject implements PutObject. The content is in the folder, checked against every hash that came with it, before
// a record names it: what is cut off or is not what its headers say leaves the object as it was.
func (q *request) putObject() error {
	name, c, err := q.receive()
	if err != nil {
		return err
	}
	v := &version{Key: q.key, Content: name, Size: c.size, ETag: c.etag(), Modified: q.now(), Headers: headersOf(q.r), Checksum: c.values()}
	if err := q.store(v, q.precondition); err != nil {
		return err
	}
	for algorithm, sum := range v.Checksum {
		q.w.Header().Set(checksumHeader+algorithm, sum)
	}
	q.w.Header().Set("ETag", `"`+v.ETag+`"`)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// store writes a new version whose content is in the folder; where it cannot, the content goes. Record and file cannot be
// changed in one transaction, hence the order: first the file, then the record that names it, and last the files that no
// record names any more. A crash between two of them leaves a file too many, and never an object without its content.
func (q *request) store(v *version, check func(tx iam.Tx) error) error {
	err := q.change(freely, func(r *iam.Records, b *bucket) ([]string, error) {
		if err := check(r); err != nil {
			return nil, err
		}
		gone, err := b.add(r, v)
		if b.Versioning != "" {
			q.beside.Told().Response = members(map[string]any{"x-amz-version-id": v.ID})
		}
		return gone, err
	})
	if err != nil {
		q.folder.remove(v.Content)
		return err
	}
	if q.b.Versioning != "" {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	return nil
}

// precondition is a write that must not take the place of an object: S3 API Reference, "PutObject", If-None-Match.
func (q *request) precondition(tx iam.Tx) error {
	switch q.r.Header.Get("If-None-Match") {
	case "":
		return nil
	case "*":
	default:
		return refuse("NotImplemented")
	}
	v, err := latest(tx, q.bucket, q.key)
	if err == nil && v != nil && !v.Marker {
		err = refuse("Precondition", "Condition", "If-None-Match")
	}
	return err
}

// find returns the version that a request means, the latest where it names none. An ID of another form than ours is refused
// as malformed and not as missing, as the real service does: people who mix up two buckets' IDs see which it was.
func find(tx iam.Tx, bucket, key, id string) (*version, error) {
	if id == "" {
		v, err := latest(tx, bucket, key)
		if err == nil && v == nil {
			err = refuse("NoSuchKey", "Key", key)
		}
		return v, err
	}
	if id != null && len(id) != 32 {
		return nil, refuse("BadVersionID", "ArgumentName", "versionId", "ArgumentValue", id)
	}
	v, err := versionWithID(tx, bucket, key, id)
	if err == nil && v == nil {
		err = refuse("NoSuchVersion", "Key", key, "VersionId", id)
	}
	return v, err
}

// marked says of a delete marker what it is. Who asks for the object is told that there is none, who asks for the marker by its
// version that nothing can be read of it; both learn from the header that it is a marker (S3 User Guide, "Working with delete
// markers").
func (q *request) marked(v *version, asked string) error {
	q.w.Header().Set("X-Amz-Delete-Marker", "true")
	q.w.Header().Set("X-Amz-Version-Id", v.ID)
	if asked == "" {
		return refuse("NoSuchKey", "Key", v.Key)
	}
	return refuse("DeleteMarker", "Method", q.r.Method, "ResourceType", "DeleteMarker")
}

// getObject answers GET and HEAD, ranges and conditions included. The content is opened inside the transaction that found its
// record: a file that is open can be read to its end, also when somebody deletes the object meanwhile.
func (q *request) getObject() error {
	var v *version
	var content io.ReadSeekCloser
	err := q.beside.View(q.ctx, func(tx iam.Tx) (err error) {
		if v, err = find(tx, q.bucket, q.key, q.query.Get("versionId")); err == nil && !v.Marker && content == nil {
			content, err = q.folder.open(v.Content)
		}
		return err
	})
	if err != nil {
		return q.unseen(err)
	}
	if v.Marker {
		return q.marked(v, q.query.Get("versionId"))
	}
	defer content.Close()
	if err := q.beside.Leave(q.ctx); err != nil {
		return err
	}
	h := q.w.Header()
	for name, value := range v.Headers {
		if strings.HasPrefix(name, metaPrefix) {
			h[strings.ToLower(name)] = []string{value} // clients show its case, which here is lower
			continue
		}
		h.Set(name, value)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "binary/octet-stream")
	}
	if q.b.Versioning != "" {
		h.Set("X-Amz-Version-Id", v.ID)
	}
	// A checksum is that of the whole; SDKs that ask for a range would compare it with a part.
	if strings.EqualFold(q.r.Header.Get("X-Amz-Checksum-Mode"), "enabled") && q.r.Header.Get("Range") == "" {
		for name, sum := range v.Checksum {
			h.Set(checksumHeader+name, sum)
		}
	}
	h.Set("ETag", `"`+v.ETag+`"`)
	http.ServeContent(q.w, q.r, "", v.Modified.Truncate(time.Second), content)
	return nil
}

// unseen hides from who may not list a bucket whether an object is there: S3 API Reference, "GetObject", Permissions.
func (q *request) unseen(err error) error {
	if e, ok := errors.AsType[*refusal](err); ok && e.answer.Code == "NoSuchKey" {
		if denied := q.allow("s3:ListBucket", q.b.arn()); denied != nil {
			return denied
		}
	}
	return err
}

var copyObject = operation{name: "CopyObject", action: "s3:PutObject", run: (*request).copy}

// copy implements CopyObject: it makes a new version of what another one consists of. It needs two permissions, to write the
// one and to read the other, and the second is asked with the policy of the other's bucket: without that, whoever may
// write anywhere could read everything. A copy onto itself that changes nothing is refused: S3 API Reference, "CopyObject".
func (q *request) copy() error {
	source, key, id, err := parseSource(q.r.Header.Get(copySource))
	if err != nil {
		return err
	}
	from := *q
	from.bucket, from.key, from.query = source, key, url.Values{}
	action := "s3:GetObject"
	if id != "" {
		action, from.query = "s3:GetObjectVersion", url.Values{"versionId": {id}}
	}
	if err := q.beside.View(q.ctx, func(tx iam.Tx) (err error) {
		from.b, err = bucketNamed(tx, source)
		return err
	}); err != nil {
		return err
	}
	if err := from.allow(action, from.arn()); err != nil {
		return err
	}
	replace := strings.EqualFold(q.r.Header.Get("X-Amz-Metadata-Directive"), "replace")
	if source == q.bucket && key == q.key && id == "" && !replace {
		return refuse("CopySelf")
	}
	old, name, err := q.duplicate(source, key, id)
	if err != nil {
		return err
	}
	v := &version{Key: q.key, Content: name, Size: old.Size, ETag: old.ETag, Modified: q.now(), Headers: maps.Clone(old.Headers),
		Checksum: maps.Clone(old.Checksum)}
	if replace {
		v.Headers = headersOf(q.r)
	}
	if err := q.store(v, func(iam.Tx) error { return nil }); err != nil {
		return err
	}
	if from.b.Versioning != "" {
		q.w.Header().Set("X-Amz-Copy-Source-Version-Id", old.ID)
	}
	return q.answer(struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		Namespace    string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
	}{Namespace: namespace, LastModified: stamp(v.Modified), ETag: `"` + v.ETag + `"`})
}

// duplicate copies the content of a version. Two records never share a file: what is deleted first would take it from the other.
func (q *request) duplicate(bucket, key, id string) (v *version, name string, err error) {
	var content io.ReadCloser
	err = q.beside.View(q.ctx, func(tx iam.Tx) (err error) {
		if v, err = find(tx, bucket, key, id); err == nil && v.Marker {
			err = refuse("NoSuchKey", "Key", key)
		}
		if err == nil && content == nil {
			content, err = q.folder.open(v.Content)
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	defer content.Close()
	d, err := q.folder.create()
	if err != nil {
		return nil, "", err
	}
	if _, err := io.Copy(d, content); err != nil {
		d.discard()
		if errors.Is(err, ErrFull) {
			err = refuse("Full")
		}
		return nil, "", err
	}
	name, err = d.keep()
	return v, name, err
}

// parseSource reads x-amz-copy-source: "/bucket/key?versionId=id", percent-encoded, with or without the first slash.
func parseSource(said string) (bucket, key, id string, err error) {
	path, query, versioned := strings.Cut(said, "?")
	path, err = url.PathUnescape(strings.TrimPrefix(path, "/"))
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if versioned {
		id, ok = strings.CutPrefix(query, "versionId=")
	}
	if err != nil || !ok || bucket == "" || key == "" || strings.ContainsAny(key, "\x00\x01") {
		return "", "", "", refuse("Argument", "ArgumentName", "x-amz-copy-source", "ArgumentValue", said)
	}
	return bucket, key, id, nil
}

// refusedPolicy is the answer to a bucket policy that is none.
func refusedPolicy(err error) error {
	if e, ok := errors.AsType[*policy.Error](err); ok {
		return &refusal{&iam.Error{Code: e.Code, Status: e.Status, Message: e.Message, Rule: "policy", Section: "AWS MFA, Appendix B"}, []string{"Detail", e.Detail}}
	}
	return err
}
