package s3

import (
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// maxKeys is how long a page is: S3 API Reference, "ListObjectsV2".
const maxKeys = 1000

// A listing is one page of objects or versions on its way. What it is given in the first block comes from the request; the second
// is what the page has come to, and lastKey and lastVersion are where the next one begins.
type listing struct {
	prefix, delimiter string
	after             string // the key that the page begins behind
	afterVersion      string // of that key's versions
	max               int
	encoded           bool

	truncated            bool
	lastKey, lastVersion string
	prefixes             []prefixXML
	count                int
}

// prefixXML is one of CommonPrefixes.
type prefixXML struct{ Prefix string }

// listing reads the parameters that all lists share.
func (q *request) listing(after string) (*listing, error) {
	l := &listing{prefix: q.query.Get("prefix"), delimiter: q.query.Get("delimiter"), after: after, max: maxKeys}
	switch e := q.query.Get("encoding-type"); e {
	case "":
	case "url":
		l.encoded = true
	default:
		return nil, refuse("Argument", "ArgumentName", "encoding-type", "ArgumentValue", e)
	}
	if q.query.Has("max-keys") {
		n, err := strconv.ParseUint(q.query.Get("max-keys"), 10, 31)
		if err != nil {
			return nil, refuse("MaxKeys", "ArgumentName", "max-keys", "ArgumentValue", q.query.Get("max-keys"))
		}
		l.max = min(l.max, int(n))
	}
	return l, nil
}

// text encodes a key where the client wants it: XML cannot name every one.
func (l *listing) text(key string) string {
	if !l.encoded {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}

// run calls each for the versions of a page, newest of a key first, with whether it is the newest; each says whether it
// counts. Keys that share their beginning up to a delimiter count as one. The records lie in the order of the keys, and those of
// a key from the newest to the oldest, so that a page is one walk and never a sort; the byte \x01 stands behind a
// bucket's name and a key because no key may hold it, and \x02 comes after it. The walk goes on for one record after the page is full, and only that
// says whether there is more: a page that ends exactly with the bucket is not truncated.
func (l *listing) run(tx iam.Tx, bucket string, all bool, each func(v *version, newest bool)) error {
	if l.max == 0 {
		return nil
	}
	previous, rolled := "", ""
	found := l.afterVersion == ""
	start := ""
	if l.after != "" {
		if l.afterVersion == "" {
			start = bucket + "\x01" + l.after + "\x02" // behind all versions of that key
		} else {
			start = bucket + "\x01" + l.after
		}
	}
	return walk(tx, kindVersion, bucket+"\x01"+l.prefix, start, func(_ string, v *version) error {
		newest := v.Key != previous
		previous = v.Key
		switch {
		case !found && v.Key == l.after:
			found = v.ID == l.afterVersion
			return nil
		case v.Key <= l.after && !all, !all && (!newest || v.Marker):
			return nil
		}
		// A beginning that was on the page before is not told again, although more keys behind the marker share it.
		if common, ok := l.common(v.Key); ok {
			if common == rolled || common <= l.after && strings.HasPrefix(l.after, common) {
				return nil
			}
			if l.count == l.max {
				l.truncated = true
				return errEnough
			}
			rolled = common
			l.prefixes = append(l.prefixes, prefixXML{l.text(common)})
			l.count++
			l.lastKey, l.lastVersion = common, ""
			return nil
		}
		if l.count == l.max {
			l.truncated = true
			return errEnough
		}
		l.count++
		l.lastKey, l.lastVersion = v.Key, v.ID
		each(v, newest)
		return nil
	})
}

// common returns what keys share up to the delimiter behind the prefix.
func (l *listing) common(key string) (string, bool) {
	if l.delimiter == "" || !strings.HasPrefix(key, l.prefix) {
		return "", false
	}
	at := strings.Index(key[len(l.prefix):], l.delimiter)
	if at < 0 {
		return "", false
	}
	return key[:len(l.prefix)+at+len(l.delimiter)], true
}

// objectXML is one of the contents of a list.
type objectXML struct {
	XMLName      xml.Name `xml:"Contents"`
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
	Owner        *ownerXML
}

// listXML is the answer of both versions of the operation; each leaves out what is the other's.
type listXML struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Namespace             string   `xml:"xmlns,attr"`
	Name                  string
	Prefix                string
	Marker                *string
	NextMarker            string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount              *int
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []objectXML
	CommonPrefixes        []prefixXML
}

// objects lists the newest versions that are no delete markers.
func (q *request) objects(l *listing, owner bool) (listXML, error) {
	x := listXML{Namespace: namespace, Name: q.bucket, Prefix: l.text(l.prefix), Delimiter: l.text(l.delimiter), MaxKeys: l.max,
		EncodingType: q.query.Get("encoding-type")}
	err := q.beside.View(q.ctx, func(tx iam.Tx) error {
		return l.run(tx, q.bucket, false, func(v *version, _ bool) {
			o := objectXML{Key: l.text(v.Key), LastModified: stamp(v.Modified), ETag: `"` + v.ETag + `"`, Size: v.Size, StorageClass: "STANDARD"}
			if owner {
				o.Owner = &ownerXML{ID: q.account.Account()}
			}
			x.Contents = append(x.Contents, o)
		})
	})
	x.IsTruncated, x.CommonPrefixes = l.truncated, l.prefixes
	return x, err
}

// listV1 implements ListObjects, which says where to go on only where keys are rolled up: otherwise that is the last
// key, which the client has.
func (q *request) listV1() error {
	marker := q.query.Get("marker")
	l, err := q.listing(marker)
	if err != nil {
		return err
	}
	x, err := q.objects(l, true)
	if err != nil {
		return err
	}
	marker = l.text(marker)
	if x.Marker = &marker; l.truncated && l.delimiter != "" {
		x.NextMarker = l.text(l.lastKey)
	}
	return q.answer(x)
}

// listV2 implements ListObjectsV2. A continuation token is the key behind which the next page begins: clients must
// not read it, and whoever makes one up sees nothing that a start-after would not show.
func (q *request) listV2() error {
	if q.query.Get("list-type") != "2" {
		return refuse("Argument", "ArgumentName", "list-type", "ArgumentValue", q.query.Get("list-type"))
	}
	after := q.query.Get("start-after")
	if token := q.query.Get("continuation-token"); token != "" {
		var ok bool
		if after, ok = strings.CutPrefix(token, "after:"); !ok {
			return refuse("Argument", "ArgumentName", "continuation-token", "ArgumentValue", token)
		}
	}
	l, err := q.listing(after)
	if err != nil {
		return err
	}
	x, err := q.objects(l, q.query.Get("fetch-owner") == "true")
	if err != nil {
		return err
	}
	x.KeyCount, x.StartAfter, x.ContinuationToken = &l.count, l.text(q.query.Get("start-after")), q.query.Get("continuation-token")
	if l.truncated {
		x.NextContinuationToken = "after:" + l.lastKey
	}
	return q.answer(x)
}

// versionXML is a version or a delete marker in a list: which of them it is, is the name of its element.
type versionXML struct {
	XMLName      xml.Name
	Key          string
	VersionId    string
	IsLatest     bool
	LastModified string
	ETag         string `xml:",omitempty"`
	Size         *int64
	StorageClass string `xml:",omitempty"`
	Owner        ownerXML
}

// listVersions implements ListObjectVersions: versions and delete markers in one order, since clients page through both by one
// marker. It is how people find out what MFA delete keeps from being deleted. S3 API Reference, "ListObjectVersions".
func (q *request) listVersions() error {
	l, err := q.listing(q.query.Get("key-marker"))
	if err != nil {
		return err
	}
	l.afterVersion = q.query.Get("version-id-marker")
	if l.afterVersion != "" && l.after == "" {
		return refuse("Argument", "ArgumentName", "version-id-marker", "ArgumentValue", l.afterVersion)
	}
	var list []versionXML
	err = q.beside.View(q.ctx, func(tx iam.Tx) error {
		return l.run(tx, q.bucket, true, func(v *version, newest bool) {
			x := versionXML{Key: l.text(v.Key), VersionId: v.ID, IsLatest: newest, LastModified: stamp(v.Modified), Owner: q.owner()}
			x.XMLName.Local = "DeleteMarker"
			if !v.Marker {
				x.XMLName.Local, x.ETag, x.Size, x.StorageClass = "Version", `"`+v.ETag+`"`, &v.Size, "STANDARD"
			}
			list = append(list, x)
		})
	})
	if err != nil {
		return err
	}
	x := struct {
		XMLName                            xml.Name `xml:"ListVersionsResult"`
		Namespace                          string   `xml:"xmlns,attr"`
		Name, Prefix                       string
		KeyMarker, VersionIdMarker         string
		NextKeyMarker, NextVersionIdMarker string `xml:",omitempty"`
		MaxKeys                            int
		Delimiter, EncodingType            string `xml:",omitempty"`
		IsTruncated                        bool
		Entries                            []versionXML
		CommonPrefixes                     []prefixXML
	}{Namespace: namespace, Name: q.bucket, Prefix: l.text(l.prefix), KeyMarker: l.text(l.after), VersionIdMarker: l.afterVersion,
		MaxKeys: l.max, Delimiter: l.text(l.delimiter), EncodingType: q.query.Get("encoding-type"), IsTruncated: l.truncated, Entries: list,
		CommonPrefixes: l.prefixes}
	if l.truncated {
		x.NextKeyMarker, x.NextVersionIdMarker = l.text(l.lastKey), l.lastVersion
	}
	return q.answer(x)
}
