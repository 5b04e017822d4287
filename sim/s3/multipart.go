package s3

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// From the specification: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
const (
	maxParts = 10000
	minPart  = 5 << 20 // of all but the last
)

// createUpload implements CreateMultipartUpload. The headers are kept here: the object gets those of its beginning,
// whatever the request that completes it says.
func (q *request) createUpload() error {
	u := &upload{Bucket: q.bucket, Key: q.key, Started: q.now(), Headers: headersOf(q.r)}
	err := q.change(freely, func(r *iam.Records, _ *bucket) ([]string, error) {
		u.ID = r.Draw("upload").Text(64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")
		return nil, put(r, kindUpload, u.ID, u)
	})
	if err != nil {
		return err
	}
	return q.answer(struct {
		XMLName   xml.Name `xml:"InitiateMultipartUploadResult"`
		Namespace string   `xml:"xmlns,attr"`
		Bucket    string
		Key       string
		UploadId  string
	}{Namespace: namespace, Bucket: q.bucket, Key: q.key, UploadId: u.ID})
}

// upload returns the upload that the request names. The ID alone is not enough: it has to be of this bucket and key, or a
// permission for one object would reach another.
func (q *request) upload(tx iam.Tx) (*upload, error) {
	u := &upload{}
	found, err := get(tx, kindUpload, q.query.Get("uploadId"), u)
	if err == nil && (!found || u.Bucket != q.bucket || u.Key != q.key) {
		err = refuse("NoSuchUpload", "UploadId", q.query.Get("uploadId"))
	}
	return u, err
}

// uploadPart implements UploadPart. A part that comes again takes the place of the first; one that is cut off leaves
// it as it was, because the content is complete in the folder before the record names it.
func (q *request) uploadPart() error {
	if q.r.Header.Get(copySource) != "" {
		return refuse("NotImplemented")
	}
	number, err := strconv.Atoi(q.query.Get("partNumber"))
	if err != nil || number < 1 || number > maxParts {
		return refuse("Argument", "ArgumentName", "partNumber", "ArgumentValue", q.query.Get("partNumber"))
	}
	name, c, err := q.receive()
	if err != nil {
		return err
	}
	err = q.change(freely, func(r *iam.Records, _ *bucket) (gone []string, err error) {
		u, err := q.upload(r)
		if err != nil {
			return nil, err
		}
		old := &part{}
		if found, err := get(r, kindPart, partPlace(u.ID, number), old); err != nil {
			return nil, err
		} else if found {
			gone = append(gone, old.Content)
		}
		return gone, put(r, kindPart, partPlace(u.ID, number), &part{number, name, c.size, c.etag(), q.now()})
	})
	if err != nil {
		q.folder.remove(name)
		return err
	}
	for algorithm, sum := range c.values() {
		q.w.Header().Set(checksumHeader+algorithm, sum)
	}
	q.w.Header().Set("ETag", `"`+c.etag()+`"`)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// completeXML is the body of CompleteMultipartUpload.
type completeXML struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Part    []struct {
		PartNumber int
		ETag       string
	}
}

// completeUpload joins the parts that the client lists to one content. The joining is slow work and done outside the
// transaction, on what a first look found; the second look, inside it, is what decides: of two that complete one upload at once
// one succeeds, and the other's content goes. Parts that the client does not list go as well (S3 User Guide, "Uploading and
// copying objects using multipart upload").
func (q *request) completeUpload() error {
	var in completeXML
	if err := q.readXML(&in); err != nil {
		return err
	}
	var u *upload
	var parts []*part
	err := q.beside.View(q.ctx, func(tx iam.Tx) (err error) {
		if u, err = q.upload(tx); err == nil {
			parts, err = listed(tx, u, &in)
		}
		return err
	})
	if err != nil {
		return err
	}
	v, err := q.join(parts)
	if err != nil {
		return err
	}
	v.Key, v.Modified, v.Headers = q.key, q.now(), u.Headers
	err = q.change(freely, func(r *iam.Records, b *bucket) ([]string, error) {
		if _, err := q.upload(r); err != nil { // somebody was quicker
			return nil, err
		}
		gone, err := dropUpload(r, u.ID)
		if err != nil {
			return nil, err
		}
		old, err := b.add(r, v)
		return append(gone, old...), err
	})
	if err != nil {
		q.folder.remove(v.Content)
		return err
	}
	if q.b.Versioning != "" {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	return q.answer(struct {
		XMLName                     xml.Name `xml:"CompleteMultipartUploadResult"`
		Namespace                   string   `xml:"xmlns,attr"`
		Location, Bucket, Key, ETag string
	}{Namespace: namespace, Location: "/" + q.bucket + "/" + q.key, Bucket: q.bucket, Key: q.key, ETag: `"` + v.ETag + `"`})
}

// listed returns the parts that the client lists, which must be there, in order and long enough. Their ETags have to be those
// that the uploads of the parts answered: it is how a client proves that it means the parts as they are now.
func listed(tx iam.Tx, u *upload, in *completeXML) ([]*part, error) {
	var parts []*part
	total := int64(0)
	for i, p := range in.Part[min(1, len(in.Part)):] {
		if p.PartNumber <= in.Part[i].PartNumber {
			return nil, refuse("PartOrder", "UploadId", u.ID)
		}
	}
	for i, p := range in.Part {
		have := &part{}
		found, err := get(tx, kindPart, partPlace(u.ID, p.PartNumber), have)
		if err != nil {
			return nil, err
		}
		if !found || strings.Trim(p.ETag, `"`) != have.ETag {
			return nil, refuse("Part", "UploadId", u.ID, "PartNumber", strconv.Itoa(p.PartNumber))
		}
		if i < len(in.Part)-1 && have.Size < minPart {
			return nil, refuse("PartSmall", "PartNumber", strconv.Itoa(p.PartNumber))
		}
		if total += have.Size; total > MaxContent {
			return nil, refuse("TooLarge")
		}
		parts = append(parts, have)
	}
	if len(parts) == 0 {
		return nil, refuse("MalformedXML")
	}
	return parts, nil
}

// join copies parts into one content. Its ETag is the hash of their hashes with their number behind it.
func (q *request) join(parts []*part) (*version, error) {
	d, err := q.folder.create()
	if err != nil {
		return nil, err
	}
	sums := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(p.ETag)
		if err == nil {
			sums.Write(sum)
			err = q.append(d, p.Content)
		}
		if err != nil {
			d.discard()
			if errors.Is(err, ErrFull) {
				err = refuse("Full")
			}
			return nil, err
		}
	}
	v := &version{Size: d.size, ETag: fmt.Sprintf("%x-%d", sums.Sum(nil), len(parts))}
	v.Content, err = d.keep()
	return v, err
}

// append copies a part's content to the end of d.
func (q *request) append(d *draft, name string) error {
	f, err := q.folder.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(d, f)
	return err
}

// abortUpload implements AbortMultipartUpload. The contents of the parts go when the change is stored, not before.
func (q *request) abortUpload() error {
	err := q.change(freely, func(r *iam.Records, _ *bucket) ([]string, error) {
		u, err := q.upload(r)
		if err != nil {
			return nil, err
		}
		return dropUpload(r, u.ID)
	})
	if err != nil {
		return err
	}
	return q.nothing()
}

// dropUpload removes an upload and its parts, and returns their contents, which the caller deletes once the change is stored.
func dropUpload(r *iam.Records, id string) (gone []string, err error) {
	var places []string
	err = walk(r, kindPart, id+" ", "", func(place string, p *part) error {
		places, gone = append(places, place), append(gone, p.Content)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, place := range places {
		if err := r.Delete(kindPart, place); err != nil {
			return nil, err
		}
	}
	return gone, r.Delete(kindUpload, id)
}
