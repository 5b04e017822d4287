package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// What a client may say of a body in X-Amz-Content-Sha256 besides its hash. S3 API Reference, "Signature Calculations for
// the Authorization Header: Transferring Payload in Multiple Chunks" and "Including Trailing Headers".
const (
	unsigned         = "UNSIGNED-PAYLOAD"
	unsignedTrailer  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streaming        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	chunkAlgorithm   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm = "AWS4-HMAC-SHA256-TRAILER"
)

// Our choices. Clients write chunks of 64 KiB to 1 MiB; the real service asks for 8 KiB at least.
const (
	maxChunk       = 16 << 20
	maxChunkHeader = 256
	maxTrailer     = 16 << 10
)

// ErrCutOff is returned by a Payload that ends before the client's own count says: what was read is to be thrown away.
var ErrCutOff = errors.New("sigv4: the body ends early")

// A Payload reads the body of a request and checks that it is what was signed. It undoes the chunks of "aws-chunked". Only
// after io.EOF what it gave is what the client sent.
type Payload struct {
	// Length is how long the content is, by the client's word; -1 where it does not say.
	Length int64

	body    *bufio.Reader
	content int64 // read so far
	done    error // what every later Read gives

	sum  hash.Hash // of a body that is signed as a whole
	want string    // its hash

	chunked, signed, trailing bool
	left                      int64 // of the chunk that is open
	announced                 []string
	trailer                   http.Header
	key                       []byte
	scope                     string // time and scope, as they stand in a string to sign
	previous                  string // the signature before the next one
	chunk                     hash.Hash
	chunkSignature            string
}

func newPayload(r *http.Request, s Signature, said string, key []byte) (*Payload, error) {
	p := &Payload{Length: r.ContentLength, body: bufio.NewReader(r.Body), trailer: http.Header{}, key: key, previous: s.hex,
		scope: s.Time.Format(basicTime) + "\n" + s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator + "\n"}
	switch said {
	case unsigned:
	case unsignedTrailer, streaming, streamingTrailer:
		p.chunked, p.signed, p.trailing = true, said != unsignedTrailer, said != streaming
		p.chunk = sha256.New()
		length, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || length < 0 {
			return nil, &Error{ID: "MissingContentLength"}
		}
		p.Length = length
		for _, name := range strings.Split(strings.Join(r.Header.Values("X-Amz-Trailer"), ","), ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				p.announced = append(p.announced, name)
			}
		}
	default:
		if b, err := hex.DecodeString(said); err != nil || len(b) != sha256.Size {
			return nil, &Error{ID: "InvalidContentSHA256"}
		}
		p.sum, p.want = sha256.New(), said
	}
	return p, nil
}

// Trailer returns the headers that came behind the chunks; they are there after io.EOF.
func (p *Payload) Trailer() http.Header { return p.trailer }

// Read implements io.Reader. Besides io.EOF it gives ErrCutOff, an *Error, or the error of the connection.
func (p *Payload) Read(b []byte) (n int, err error) {
	if p.done != nil {
		return 0, p.done
	}
	if len(b) == 0 {
		return 0, nil
	}
	if p.chunked {
		n, err = p.readChunk(b)
	} else {
		n, err = p.readPlain(b)
	}
	p.content += int64(n)
	if err == nil && p.chunked && p.content > p.Length {
		err = &Error{ID: "IncompleteBody"}
	}
	p.done = err
	return n, err
}

// Close implements io.Closer. The connection is the server's to close.
func (p *Payload) Close() error { return nil }

func (p *Payload) readPlain(b []byte) (int, error) {
	n, err := p.body.Read(b)
	if p.sum != nil {
		p.sum.Write(b[:n])
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, ErrCutOff
	case err != io.EOF:
		return n, err
	case p.Length >= 0 && p.content+int64(n) != p.Length:
		return n, ErrCutOff
	case p.sum != nil && hex.EncodeToString(p.sum.Sum(nil)) != p.want:
		return n, &Error{ID: "ContentSHA256Mismatch"}
	}
	return n, io.EOF
}

// readChunk reads from the chunk that is open, or opens the next one.
func (p *Payload) readChunk(b []byte) (int, error) {
	if p.left == 0 {
		last, err := p.open()
		if err != nil {
			return 0, cutOff(err)
		}
		if last {
			return 0, p.close()
		}
	}
	n, err := p.body.Read(b[:min(int64(len(b)), p.left)])
	p.chunk.Write(b[:n])
	p.left -= int64(n)
	if err == nil && p.left == 0 {
		if err = p.line(); err == nil {
			err = p.checkChunk()
		}
	}
	return n, cutOff(err)
}

// cutOff says in one way that the connection ended too early.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCutOff
	}
	return err
}

// open reads the line before a chunk, "SIZE" or "SIZE;chunk-signature=HEX", and reports whether it is the last, empty one.
func (p *Payload) open() (last bool, err error) {
	line, err := p.readLine(maxChunkHeader)
	if err != nil {
		return false, err
	}
	size, extension, signed := strings.Cut(line, ";")
	n, err := strconv.ParseUint(size, 16, 32)
	if err != nil || n > maxChunk || len(size) > 8 {
		return false, &Error{ID: "InvalidChunk"}
	}
	name, signature, _ := strings.Cut(extension, "=")
	if p.signed && (!signed || name != "chunk-signature") {
		return false, &Error{ID: "InvalidChunk"}
	}
	p.left, p.chunkSignature = int64(n), signature
	p.chunk.Reset()
	return n == 0, nil
}

// close reads what follows the last chunk.
func (p *Payload) close() error {
	if err := p.checkChunk(); err != nil {
		return err
	}
	if err := p.readTrailer(); err != nil {
		return cutOff(err)
	}
	if p.content != p.Length {
		return ErrCutOff
	}
	return io.EOF
}

// checkChunk compares the signature of the chunk that was just read.
func (p *Payload) checkChunk() error {
	if !p.signed {
		return nil
	}
	empty := sha256.Sum256(nil)
	text := chunkAlgorithm + "\n" + p.scope + p.previous + "\n" + hex.EncodeToString(empty[:]) + "\n" + hex.EncodeToString(p.chunk.Sum(nil))
	return p.follow(text, p.chunkSignature)
}

// follow compares the signature of text, and makes it the one before the next.
func (p *Payload) follow(text, signature string) error {
	want := hex.EncodeToString(mac(p.key, []byte(text)))
	if subtle.ConstantTimeCompare([]byte(want), []byte(signature)) != 1 {
		return mismatch("")
	}
	p.previous = signature
	return nil
}

// readTrailer reads the headers behind the last chunk, up to the empty line. The canonical text of what a client signs
// there is each line as "name:value" with a newline.
func (p *Payload) readTrailer() error {
	var canonical bytes.Buffer
	signature, total := "", 0
	for {
		line, err := p.readLine(maxTrailer)
		if err != nil {
			return err
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if total += len(line); !ok || total > maxTrailer || !p.trailing {
			return &Error{ID: "MalformedTrailer"}
		}
		if name == "x-amz-trailer-signature" {
			signature = value
			continue
		}
		if !slices.Contains(p.announced, name) {
			return &Error{ID: "MalformedTrailer"}
		}
		canonical.WriteString(name + ":" + value + "\n")
		p.trailer[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
	}
	if len(p.trailer) != len(p.announced) {
		return &Error{ID: "MalformedTrailer"}
	}
	if !p.signed || !p.trailing {
		return nil
	}
	sum := sha256.Sum256(canonical.Bytes())
	return p.follow(trailerAlgorithm+"\n"+p.scope+p.previous+"\n"+hex.EncodeToString(sum[:]), signature)
}

// line reads the end of a chunk.
func (p *Payload) line() error {
	end, err := p.readLine(2)
	if err == nil && end != "" {
		err = &Error{ID: "InvalidChunk"}
	}
	return err
}

// readLine reads up to CR LF, which it leaves away, and at most limit bytes.
func (p *Payload) readLine(limit int) (string, error) {
	var line []byte
	for {
		c, err := p.body.ReadByte()
		if err != nil {
			return string(line), err
		}
		line = append(line, c)
		switch {
		case c == '\n' && len(line) >= 2 && line[len(line)-2] == '\r':
			return string(line[:len(line)-2]), nil
		case c == '\n' || len(line) > limit+2:
			return "", &Error{ID: "InvalidChunk"}
		}
	}
}
