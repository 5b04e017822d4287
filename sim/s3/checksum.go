package s3

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"slices"

	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// checksums are those that a client may send in x-amz-checksum-NAME: S3 API Reference, "PutObject". Of CRC64-NVME the
// polynomial is 0xad93d23594c93659, here in its reflected form.
var checksums = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

const checksumHeader = "X-Amz-Checksum-"

// A checker hashes what a client sends, to compare it with what the client says of it. The MD5 is made always, since it is the ETag;
// the others where a header or an announced trailer names them (S3 User Guide, "Checking object integrity").
type checker struct {
	md5  hash.Hash
	want []byte // Content-MD5; nil where there is none
	sums map[string]hash.Hash
	size int64
}

// checker returns one for the request's headers and announced trailers. What a header says that can be no hash of that kind is
// refused before the body is read; a trailer can only be judged behind it.
func (q *request) checker() (*checker, error) {
	c := &checker{md5: md5.New(), sums: map[string]hash.Hash{}}
	if said := q.r.Header.Values("Content-Md5"); len(said) > 0 {
		want, err := base64.StdEncoding.DecodeString(said[0])
		if err != nil || len(want) != md5.Size || len(said) > 1 {
			return nil, refuse("InvalidDigest", "Content-MD5", said[0])
		}
		c.want = want
	}
	for name, make := range checksums {
		header := checksumHeader + name
		announced := slices.ContainsFunc(q.r.Header.Values("X-Amz-Trailer"), func(v string) bool { return http.CanonicalHeaderKey(v) == http.CanonicalHeaderKey(header) })
		if said := q.r.Header.Get(header); said != "" || announced {
			if sum, err := base64.StdEncoding.DecodeString(said); said != "" && (err != nil || len(sum) != make().Size()) {
				return nil, refuse("InvalidDigest", "Checksum", said)
			}
			c.sums[name] = make()
		}
	}
	return c, nil
}

// Write implements io.Writer.
func (c *checker) Write(b []byte) (int, error) {
	c.md5.Write(b)
	for _, s := range c.sums {
		s.Write(b)
	}
	c.size += int64(len(b))
	return len(b), nil
}

// compare compares what came with what the headers and the trailers of r say. It is called when the whole body has been read: before
// that there are no trailers. One that was announced and did not come compares with nothing, and is refused.
func (c *checker) compare(r *http.Request) error {
	if c.want != nil && !slices.Equal(c.md5.Sum(nil), c.want) {
		return refuse("BadDigest")
	}
	for name, got := range c.values() {
		said := r.Header.Get(checksumHeader + name)
		if p, ok := r.Body.(*sigv4.Payload); ok && said == "" {
			said = p.Trailer().Get(checksumHeader + name)
		}
		if said != got {
			return refuse("BadDigest")
		}
	}
	return nil
}

// values are the checksums in base64.
func (c *checker) values() map[string]string {
	m := map[string]string{}
	for name, s := range c.sums {
		m[name] = base64.StdEncoding.EncodeToString(s.Sum(nil))
	}
	return m
}

// etag is the MD5 of the content, without the quotes that the wire has around it.
func (c *checker) etag() string { return hex.EncodeToString(c.md5.Sum(nil)) }
