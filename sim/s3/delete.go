package s3

import (
	"encoding/xml"
	"errors"

	"github.com/mfalab/mfalab/sim/iam"
)

// deleteObject implements DeleteObject. It deletes an object, which adds a delete marker where there is versioning, or one
// version, which under MFA delete needs a code: a delete marker destroys nothing and can be deleted again, a version is gone (S3
// User Guide, "Configuring MFA delete"). Something that is not there is deleted with success, as the real service does; a
// client that repeats a request whose answer it lost must not fail.
func (q *request) deleteObject() error {
	id := q.query.Get("versionId")
	if q.query.Has("versionId") && id != null && len(id) != 32 {
		return refuse("BadVersionID", "ArgumentName", "versionId", "ArgumentValue", id)
	}
	var d deleted
	need := func(b *bucket) bool { return b.MFADelete == enabled && id != "" }
	err := q.change(need, func(r *iam.Records, b *bucket) (_ []string, err error) {
		d, err = b.remove(r, q.key, id, q.now())
		return d.gone, err
	})
	if err != nil {
		return err
	}
	if d.version != "" {
		q.w.Header().Set("X-Amz-Version-Id", d.version)
	}
	if d.marker {
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	return q.nothing()
}

// maxDeletes is how many objects one request deletes: S3 API Reference, "DeleteObjects".
const maxDeletes = 1000

// deletesXML is the body of DeleteObjects.
type deletesXML struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Object  []struct{ Key, VersionId string }
}

// deletedXML says of one object that it is deleted: VersionId is what was asked for, the other what the delete
// marker got.
type deletedXML struct {
	XMLName               xml.Name `xml:"Deleted"`
	Key                   string
	VersionId             string `xml:",omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionId string `xml:",omitempty"`
}

// undeletedXML says of one object why it is not.
type undeletedXML struct {
	XMLName   xml.Name `xml:"Error"`
	Key       string
	VersionId string `xml:",omitempty"`
	Code      string
	Message   string
}

// deleteObjects deletes many with one code. Where one of them is a version and MFA delete is on, a request without a code
// fails as a whole (S3 API Reference, "DeleteObjects"); what the policies deny fails alone. So one code reaches a thousand
// versions, where DeleteObject takes a code, and half a minute, for each: scripts that empty a bucket use this one.
func (q *request) deleteObjects() error {
	var in deletesXML
	if err := q.readXML(&in); err != nil {
		return err
	}
	if len(in.Object) == 0 || len(in.Object) > maxDeletes {
		return refuse("MalformedXML")
	}
	denied := make([]*iam.Error, len(in.Object))
	versions := false
	for i, o := range in.Object {
		if o.Key == "" || len(o.Key) > maxKey {
			return refuse("MalformedXML")
		}
		action := "s3:DeleteObject"
		if o.VersionId != "" {
			action, versions = "s3:DeleteObjectVersion", true
		}
		if err := q.allow(action, q.b.arn()+"/"+o.Key); err != nil && !errors.As(err, &denied[i]) {
			return err
		}
	}
	var out []any
	need := func(b *bucket) bool { return b.MFADelete == enabled && versions }
	err := q.change(need, func(r *iam.Records, b *bucket) (gone []string, err error) {
		out = nil
		for i, o := range in.Object {
			if e := denied[i]; e != nil {
				out = append(out, undeletedXML{Key: o.Key, VersionId: o.VersionId, Code: e.Code, Message: e.Message})
				continue
			}
			d, err := b.remove(r, o.Key, o.VersionId, q.now())
			if err != nil {
				return nil, err
			}
			gone = append(gone, d.gone...)
			if done := (deletedXML{Key: o.Key, VersionId: o.VersionId, DeleteMarker: d.marker}); !in.Quiet {
				if d.marker {
					done.DeleteMarkerVersionId = d.version
				}
				out = append(out, done)
			}
		}
		return gone, nil
	})
	if err != nil {
		return err
	}
	return q.answer(struct {
		XMLName   xml.Name `xml:"DeleteResult"`
		Namespace string   `xml:"xmlns,attr"`
		Each      []any
	}{Namespace: namespace, Each: out})
}
