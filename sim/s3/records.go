package s3

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// The kinds of records in the account's store. Package iam knows them too: a saved account has them.
const (
	kindBucket  = "bucket"
	kindVersion = "version"
	kindUpload  = "upload"
	kindPart    = "part"
)

// The states of a bucket's versioning. A bucket that never had any has none.
const (
	enabled   = "Enabled"
	suspended = "Suspended"
	disabled  = "Disabled" // of MFA delete
)

// null is the ID of the version that a bucket without versioning, or with suspended versioning, writes.
const null = "null"

// A bucket is the record of a bucket.
type bucket struct {
	Name       string    `json:"name"`
	Created    time.Time `json:"created"`
	Region     string    `json:"region"`
	Versioning string    `json:"versioning,omitempty"`
	MFADelete  string    `json:"mfaDelete,omitempty"` // enabled, disabled, or "" where it never was said
	// Policy and Lifecycle are the documents as they were put; "" where there is none.
	Policy    string `json:"policy,omitempty"`
	Lifecycle string `json:"lifecycle,omitempty"`
	// Written counts the versions written so far: it puts them in order.
	Written uint64 `json:"written"`
}

// arn is the bucket's name in policies: without account and region.
func (b *bucket) arn() string { return "arn:aws:s3:::" + b.Name }

// A version is the record of a version of an object, or of a delete marker.
type version struct {
	Bucket   string            `json:"bucket"`
	Key      string            `json:"key"`
	ID       string            `json:"id"` // "null" or 32 characters
	Seq      uint64            `json:"seq"`
	Marker   bool              `json:"marker,omitempty"`
	Content  string            `json:"content,omitempty"` // its name in the Folder
	Size     int64             `json:"size"`
	ETag     string            `json:"etag,omitempty"` // without quotes
	Modified time.Time         `json:"modified"`
	Headers  map[string]string `json:"headers,omitempty"` // Content-Type and the like, and x-amz-meta-...
	Checksum map[string]string `json:"checksum,omitempty"`
}

// place is the key of a version's record: of one object the newest comes first. No key of an object has the byte 1.
func (v *version) place() string {
	return fmt.Sprintf("%s%016x", under(v.Bucket, v.Key), ^v.Seq)
}

// under is what the keys of all records of an object begin with.
func under(bucket, key string) string { return bucket + "\x01" + key + "\x01" }

// An upload is the record of a multipart upload.
type upload struct {
	ID      string            `json:"id"`
	Bucket  string            `json:"bucket"`
	Key     string            `json:"key"`
	Started time.Time         `json:"started"`
	Headers map[string]string `json:"headers,omitempty"`
}

// A part is the record of a part of an upload.
type part struct {
	Number   int       `json:"number"`
	Content  string    `json:"content"`
	Size     int64     `json:"size"`
	ETag     string    `json:"etag"`
	Modified time.Time `json:"modified"`
}

// partPlace is the key of a part. The number has as many digits as the largest, so that the parts of an upload lie
// in their order.
func partPlace(upload string, number int) string { return fmt.Sprintf("%s %05d", upload, number) }

// get reads a record into v and reports whether it is there.
func get(tx iam.Tx, kind, key string, v any) (bool, error) {
	b, err := tx.Get(kind, key)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("the record %s %q is damaged: %w", kind, key, err)
	}
	return true, nil
}

func put(tx iam.Tx, kind, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(kind, key, b)
}

// bucketNamed reads a bucket.
func bucketNamed(tx iam.Tx, name string) (*bucket, error) {
	b := &bucket{}
	found, err := get(tx, kindBucket, name, b)
	if err == nil && !found {
		err = refuse("NoSuchBucket", "BucketName", name)
	}
	return b, err
}

// pageOfRecords is how many records a walk reads at a time.
const pageOfRecords = 500

// errEnough ends a walk.
var errEnough = errors.New("enough")

// walk calls f for the records of a kind whose keys begin with prefix and come after after, in their order, until f gives
// an error; errEnough is none.
func walk[T any](tx iam.Tx, kind, prefix, after string, f func(place string, v *T) error) error {
	for {
		records, err := tx.Scan(kind, prefix, after, pageOfRecords)
		if err != nil {
			return err
		}
		for _, r := range records {
			v := new(T)
			if err := json.Unmarshal(r.Value, v); err != nil {
				return fmt.Errorf("the record %s %q is damaged: %w", kind, r.Key, err)
			}
			switch err := f(r.Key, v); {
			case errors.Is(err, errEnough):
				return nil
			case err != nil:
				return err
			}
			after = r.Key
		}
		if len(records) < pageOfRecords {
			return nil
		}
	}
}

// latest returns the newest version of an object, nil where it has none.
func latest(tx iam.Tx, bucket, key string) (found *version, err error) {
	err = walk(tx, kindVersion, under(bucket, key), "", func(_ string, v *version) error {
		found = v
		return errEnough
	})
	return found, err
}

// versionWithID returns one version of an object, nil where it has none of that ID.
func versionWithID(tx iam.Tx, bucket, key, id string) (found *version, err error) {
	err = walk(tx, kindVersion, under(bucket, key), "", func(_ string, v *version) error {
		if v.ID != id {
			return nil
		}
		found = v
		return errEnough
	})
	return found, err
}

// add writes a new version under the bucket's rules: one with versioning keeps the others, one without replaces the null
// version. It returns the contents that nobody names any more.
func (b *bucket) add(r *iam.Records, v *version) (gone []string, err error) {
	v.ID = null
	if b.Versioning == enabled {
		v.ID = r.Draw("version").Text(32, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")
	} else {
		old, err := versionWithID(r, b.Name, v.Key, null)
		if err != nil {
			return nil, err
		}
		if old != nil {
			gone = append(gone, old.Content)
			if err := r.Delete(kindVersion, old.place()); err != nil {
				return nil, err
			}
		}
	}
	b.Written++
	v.Bucket, v.Seq = b.Name, b.Written
	if err := put(r, kindVersion, v.place(), v); err != nil {
		return nil, err
	}
	return gone, put(r, kindBucket, b.Name, b)
}

// deleted is what a delete did.
type deleted struct {
	version string // of the version that went or of the marker that came; "" where there is no versioning
	marker  bool   // it is a delete marker
	gone    []string
}

// remove deletes an object, or one version of it. Without a version a bucket that ever had versioning gets a delete
// marker.
func (b *bucket) remove(r *iam.Records, key, id string, now time.Time) (d deleted, err error) {
	if id != "" {
		v, err := versionWithID(r, b.Name, key, id)
		if err != nil || v == nil { // what is not there is deleted
			return deleted{version: id}, err
		}
		return deleted{id, v.Marker, []string{v.Content}}, r.Delete(kindVersion, v.place())
	}
	if b.Versioning != "" {
		m := &version{Key: key, Marker: true, Modified: now}
		gone, err := b.add(r, m)
		return deleted{m.ID, true, gone}, err
	}
	v, err := versionWithID(r, b.Name, key, null)
	if err != nil || v == nil {
		return d, err
	}
	return deleted{gone: []string{v.Content}}, r.Delete(kindVersion, v.place())
}

// contents returns the names of every content that a record names.
func contents(tx iam.Tx) (map[string]bool, error) {
	all := map[string]bool{}
	err := walk(tx, kindVersion, "", "", func(_ string, v *version) error { all[v.Content] = true; return nil })
	if err != nil {
		return nil, err
	}
	return all, walk(tx, kindPart, "", "", func(_ string, p *part) error { all[p.Content] = true; return nil })
}

// validBucket reports whether a name follows the rules: Amazon S3 User Guide, "Bucket naming rules".
func validBucket(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") || strings.HasPrefix(name, "xn--") || strings.HasSuffix(name, "-s3alias") {
		return false
	}
	plain := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	digits := true
	for i := range len(name) {
		c := name[i]
		if !plain(c) && c != '-' && c != '.' {
			return false
		}
		digits = digits && (c == '.' || c >= '0' && c <= '9')
	}
	address := digits && strings.Count(name, ".") == 3
	return plain(name[0]) && plain(name[len(name)-1]) && !address
}
