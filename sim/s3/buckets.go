package s3

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/policy"
)

// stamp is how documents write a time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// ownerXML is who owns everything: the account. Its canonical ID is its number, where the real one is a hash of 64 digits.
type ownerXML struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

// owner is who owns every bucket: the account. The real service has a canonical ID of 64 digits, which says nothing
// more.
func (s *Service) owner() ownerXML { return ownerXML{ID: s.account.Account()} }

type bucketsXML struct {
	XMLName   xml.Name `xml:"ListAllMyBucketsResult"`
	Namespace string   `xml:"xmlns,attr"`
	Owner     ownerXML
	Buckets   struct {
		Bucket []bucketXML
	}
}

type bucketXML struct{ Name, CreationDate string }

// listBuckets implements ListBuckets, in the order of the names. The real one asks for the permission
// s3:ListAllMyBuckets, and shows whoever has it every bucket of the account, also those that their policies close to
// them.
func (q *request) listBuckets() error {
	list := bucketsXML{Namespace: namespace, Owner: q.owner()}
	err := q.beside.View(q.ctx, func(tx iam.Tx) error {
		return walk(tx, kindBucket, "", "", func(_ string, b *bucket) error {
			list.Buckets.Bucket = append(list.Buckets.Bucket, bucketXML{b.Name, stamp(b.Created)})
			return nil
		})
	})
	if err != nil {
		return err
	}
	return q.answer(list)
}

// createBucket implements CreateBucket. Names are those of all accounts; the lab has one, so that a name that is
// taken is always the caller's own. MFA delete cannot be given with the bucket: it begins without versioning.
func (q *request) createBucket() error {
	body, err := q.readBody()
	if err != nil {
		return err
	}
	var in struct {
		XMLName            xml.Name `xml:"CreateBucketConfiguration"`
		LocationConstraint string
	}
	if len(body) > 0 && xml.Unmarshal(body, &in) != nil {
		return refuse("MalformedXML")
	}
	if !validBucket(q.bucket) {
		return refuse("BucketName", "BucketName", q.bucket)
	}
	region := in.LocationConstraint
	if region == "" {
		region = "us-east-1"
	}
	err = q.beside.Update(q.ctx, func(r *iam.Records) error {
		found, err := get(r, kindBucket, q.bucket, &bucket{})
		if err != nil {
			return err
		}
		if found {
			return refuse("BucketYours", "BucketName", q.bucket)
		}
		return put(r, kindBucket, q.bucket, &bucket{Name: q.bucket, Created: q.now(), Region: region})
	})
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+q.bucket)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// deleteBucket deletes an empty bucket: one without versions and delete markers. Uploads under way go with it.
func (q *request) deleteBucket() error {
	err := q.change(freely, func(r *iam.Records, b *bucket) (gone []string, err error) {
		records, err := r.Scan(kindVersion, b.Name+"\x01", "", 1)
		if err != nil {
			return nil, err
		}
		if len(records) > 0 {
			if b.Versioning != "" {
				return nil, refuse("BucketVersions", "BucketName", b.Name)
			}
			return nil, refuse("BucketNotEmpty", "BucketName", b.Name)
		}
		var open []string
		if err := walk(r, kindUpload, "", "", func(id string, u *upload) error {
			if u.Bucket == b.Name {
				open = append(open, id)
			}
			return nil
		}); err != nil {
			return nil, err
		}
		for _, id := range open {
			names, err := dropUpload(r, id)
			if err != nil {
				return nil, err
			}
			gone = append(gone, names...)
		}
		return gone, r.Delete(kindBucket, b.Name)
	})
	if err != nil {
		return err
	}
	return q.nothing()
}

// headBucket implements HeadBucket. Its record is left before the first byte of the answer: HEAD has no body in
// which a failure could be told.
func (q *request) headBucket() error {
	if err := q.beside.Leave(q.ctx); err != nil {
		return err
	}
	q.w.Header().Set("X-Amz-Bucket-Region", q.b.Region)
	q.w.Header().Set("Content-Type", "application/xml")
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// getLocation says nothing of us-east-1, as the real service does.
func (q *request) getLocation() error {
	region := q.b.Region
	if region == "us-east-1" {
		region = ""
	}
	return q.answer(struct {
		XMLName   xml.Name `xml:"LocationConstraint"`
		Namespace string   `xml:"xmlns,attr"`
		Region    string   `xml:",chardata"`
	}{Namespace: namespace, Region: region})
}

// getPolicy implements GetBucketPolicy: the text as it was given, white space and all, since clients compare it with
// theirs.
func (q *request) getPolicy() error {
	if q.b.Policy == "" {
		return refuse("NoSuchPolicy", "BucketName", q.bucket)
	}
	if err := q.beside.Leave(q.ctx); err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/json")
	_, _ = q.w.Write([]byte(q.b.Policy)) // a client that has gone is no error of ours
	return nil
}

// putPolicy implements PutBucketPolicy. The policy is in the record of the call whole: who opened a bucket, and how
// far, is what the trail is read for.
func (q *request) putPolicy() error {
	text, err := q.readBody()
	if err != nil {
		return err
	}
	if err := q.checkPolicy(string(text)); err != nil {
		return err
	}
	q.shows("bucketPolicy", json.RawMessage(text))
	return q.setting(func(b *bucket) { b.Policy = string(text) })
}

// checkPolicy refuses what is no policy, or one that speaks of another bucket.
func (q *request) checkPolicy(text string) error {
	d, err := policy.Parse(policy.Resource, text)
	if err == nil {
		err = policy.Bucket.Check(policy.Size(text), "")
	}
	if err != nil {
		return refusedPolicy(err)
	}
	for _, s := range d.Statements {
		for _, r := range s.Resources {
			if r != q.b.arn() && !strings.HasPrefix(r, q.b.arn()+"/") && !strings.HasPrefix(r, q.b.arn()+"*") {
				return &refusal{&iam.Error{Code: "MalformedPolicy", Status: 400, Message: "Policy has invalid resource", Rule: "policy"}, []string{"Detail", r}}
			}
		}
	}
	return nil
}

// deletePolicy implements DeleteBucketPolicy. That there was none is no error.
func (q *request) deletePolicy() error { return q.setting(func(b *bucket) { b.Policy = "" }) }

// setting changes the bucket's record and answers without a body.
func (q *request) setting(set func(*bucket)) error {
	err := q.change(freely, func(r *iam.Records, b *bucket) ([]string, error) {
		set(b)
		return nil, put(r, kindBucket, b.Name, b)
	})
	if err != nil {
		return err
	}
	return q.nothing()
}

// getLifecycle implements GetBucketLifecycleConfiguration: the text as it was given.
func (q *request) getLifecycle() error {
	if q.b.Lifecycle == "" {
		return refuse("NoSuchLifecycle", "BucketName", q.bucket)
	}
	if err := q.beside.Leave(q.ctx); err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/xml")
	_, _ = q.w.Write([]byte(q.b.Lifecycle)) // a client that has gone is no error of ours
	return nil
}

// putLifecycle keeps the configuration as it came. It excludes MFA delete, and MFA delete it.
func (q *request) putLifecycle() error {
	text, err := q.readBody()
	if err != nil {
		return err
	}
	var in struct {
		XMLName xml.Name   `xml:"LifecycleConfiguration"`
		Rule    []struct{} `xml:"Rule"`
	}
	if xml.Unmarshal(text, &in) != nil || len(in.Rule) == 0 {
		return refuse("MalformedXML")
	}
	err = q.change(freely, func(r *iam.Records, b *bucket) ([]string, error) {
		if b.MFADelete == enabled {
			return nil, refuse("LifecycleMFA")
		}
		b.Lifecycle = string(text)
		return nil, put(r, kindBucket, b.Name, b)
	})
	if err == nil {
		q.w.WriteHeader(http.StatusOK)
	}
	return err
}

// deleteLifecycle implements DeleteBucketLifecycle, after which MFA delete can be turned on.
func (q *request) deleteLifecycle() error { return q.setting(func(b *bucket) { b.Lifecycle = "" }) }
